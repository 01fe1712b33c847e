//! An argument of an event.

use perdix_core::events::ArgumentType;

/// An argument of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Value {
    pub(super) kind: ArgumentType,
    pub(super) word: u64,
}

impl Value {
    /// Its type.
    pub fn kind(self) -> ArgumentType {
        self.kind
    }

    /// Its bits, the low ones of a word; nothing else is set.
    pub fn bits(self) -> u64 {
        self.word
    }

    /// The value of an integer that is not negative, a `bool` (0 or 1), `char` (its number) or pointer.
    pub fn as_u64(self) -> Option<u64> {
        use ArgumentType::{Bool, Char, F32, F64, Pointer, U8, U16, U32, U64};
        match self.kind {
            U8 | U16 | U32 | U64 | Bool | Char | Pointer => Some(self.word),
            F32 | F64 => None,
            _ => self.as_i64().and_then(|value| value.try_into().ok()),
        }
    }

    /// The value of an integer.
    pub fn as_i64(self) -> Option<i64> {
        use ArgumentType::{I8, I16, I32, I64, U8, U16, U32, U64};
        match self.kind {
            I8 => Some(i64::from(self.word as i8)),
            I16 => Some(i64::from(self.word as i16)),
            I32 => Some(i64::from(self.word as i32)),
            I64 => Some(self.word as i64),
            U8 | U16 | U32 | U64 => self.word.try_into().ok(),
            _ => None,
        }
    }

    /// The value of a float.
    pub fn as_f64(self) -> Option<f64> {
        match self.kind {
            ArgumentType::F32 => Some(f64::from(f32::from_bits(self.word as u32))),
            ArgumentType::F64 => Some(f64::from_bits(self.word)),
            _ => None,
        }
    }

    /// Whether the bits are a value of the type.
    pub(super) fn is_valid(self) -> bool {
        use ArgumentType::{Bool, Char, F32, F64, I8, I16, I32, I64, Pointer, U8, U16, U32, U64};
        match self.kind {
            U8 | I8 => self.word <= u64::from(u8::MAX),
            U16 | I16 => self.word <= u64::from(u16::MAX),
            U32 | I32 | F32 => self.word <= u64::from(u32::MAX),
            Bool => self.word <= 1,
            Char => u32::try_from(self.word).is_ok_and(|number| char::from_u32(number).is_some()),
            U64 | I64 | F64 | Pointer => true,
        }
    }
}
