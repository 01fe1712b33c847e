//! The record of an event in a message.

/// Arguments of an event at most.
pub const MAX_ARGUMENTS: usize = 12;

/// The type of an argument, as 4 bits of the record tell it; 0 is no argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum ArgumentType {
    /// `u8`
    U8 = 1,
    /// `u16`
    U16 = 2,
    /// `u32`
    U32 = 3,
    /// `u64` and `usize`
    U64 = 4,
    /// `i8`
    I8 = 5,
    /// `i16`
    I16 = 6,
    /// `i32`
    I32 = 7,
    /// `i64` and `isize`
    I64 = 8,
    /// `f32`
    F32 = 9,
    /// `f64`
    F64 = 10,
    /// `bool`
    Bool = 11,
    /// `char`
    Char = 12,
    /// A pointer
    Pointer = 13,
}

impl ArgumentType {
    /// The type of a code.
    pub const fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            1 => Self::U8,
            2 => Self::U16,
            3 => Self::U32,
            4 => Self::U64,
            5 => Self::I8,
            6 => Self::I16,
            7 => Self::I32,
            8 => Self::I64,
            9 => Self::F32,
            10 => Self::F64,
            11 => Self::Bool,
            12 => Self::Char,
            13 => Self::Pointer,
            _ => return None,
        })
    }
}

/// What can be an argument of an event: integers of up to 64 bits, floats, `bool`, `char`, pointers, and references to these.
pub trait Argument: Copy {
    /// Its type.
    const TYPE: ArgumentType;

    /// Its bits, in the low ones of a word.
    fn word(self) -> u64;
}

macro_rules! arguments {
    ($($type:ty => $code:ident, |$value:ident| $word:expr;)+) => {$(
        impl Argument for $type {
            const TYPE: ArgumentType = ArgumentType::$code;

            #[inline(always)]
            fn word(self) -> u64 {
                let $value = self;
                $word
            }
        }
    )+};
}

arguments! {
    u8 => U8, |value| u64::from(value);
    u16 => U16, |value| u64::from(value);
    u32 => U32, |value| u64::from(value);
    u64 => U64, |value| value;
    usize => U64, |value| value as u64;
    i8 => I8, |value| u64::from(value as u8);
    i16 => I16, |value| u64::from(value as u16);
    i32 => I32, |value| u64::from(value as u32);
    i64 => I64, |value| value as u64;
    isize => I64, |value| value as u64;
    f32 => F32, |value| u64::from(value.to_bits());
    f64 => F64, |value| value.to_bits();
    bool => Bool, |value| u64::from(value);
    char => Char, |value| value as u64;
}

impl<T> Argument for *const T {
    const TYPE: ArgumentType = ArgumentType::Pointer;

    #[inline(always)]
    fn word(self) -> u64 {
        self as usize as u64
    }
}

impl<T> Argument for *mut T {
    const TYPE: ArgumentType = ArgumentType::Pointer;

    #[inline(always)]
    fn word(self) -> u64 {
        self as usize as u64
    }
}

impl<A: Argument> Argument for &A {
    const TYPE: ArgumentType = A::TYPE;

    #[inline(always)]
    fn word(self) -> u64 {
        (*self).word()
    }
}

/// The types of up to 12 arguments as one number: 4 bits each, the first lowest. Further ones are left out.
#[inline(always)]
pub const fn types_of(types: &[ArgumentType]) -> u64 {
    let (mut all, mut shift) = (0, 0);
    let mut rest = types;
    while let [first, others @ ..] = rest {
        if shift == 4 * MAX_ARGUMENTS {
            break;
        }
        all |= (*first as u64) << shift;
        shift += 4;
        rest = others;
    }
    all
}

/// Who an event comes from, in its block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// One thread.
    Thread = 0,
    /// A whole warp.
    Warp = 1,
    /// A whole block.
    Block = 2,
}

/// Which thread an event comes from, or the first of which warp or block, and how many argument words its record has room for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The thread's number in its block, below 1024.
    pub thread: u16,
    /// Who it speaks for.
    pub scope: Scope,
    /// Words for arguments in the record, used or not.
    pub room: u8,
}

impl Place {
    /// The place as 16 bits of a record: the thread in bits 0–9, the scope in 10–11, the room in 12–15.
    #[inline(always)]
    pub const fn bits(self) -> u16 {
        self.thread & 0x3ff | (self.scope as u16) << 10 | (self.room as u16) << 12
    }

    /// The place of these bits.
    pub const fn from_bits(bits: u16) -> Option<Self> {
        let scope = match bits >> 10 & 3 {
            0 => Scope::Thread,
            1 => Scope::Warp,
            2 => Scope::Block,
            _ => return None,
        };
        Some(Self { thread: bits & 0x3ff, scope, room: (bits >> 12) as u8 })
    }
}

/// What a record begins with, three words; its arguments follow, a word each.
///
/// | word | bits | |
/// |---|---|---|
/// | 0 | | the time by the GPU's clock, in nanoseconds |
/// | 1 | 0–31 | the site's number |
/// | 1 | 32–63 | the block's number in the grid, modulo 2^32 |
/// | 2 | 0–15 | the [`Place`] |
/// | 2 | 16–63 | the arguments' types, 4 bits each; the first 0 ends them |
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// When, by the GPU's clock, in nanoseconds.
    pub time_ns: u64,
    /// The site's number.
    pub site: u32,
    /// The block's number in the grid.
    pub block: u32,
    /// Who in the block.
    pub place: Place,
    /// The arguments' types, as [`types_of`] gives them.
    pub types: u64,
}

/// Why three words are not the head of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeadError {
    /// The scope is none.
    Scope,
    /// A type's code is none, or a type follows the end of the types.
    Types,
    /// There are more arguments than the record has room for.
    Room,
}

impl Head {
    /// Words of a head.
    pub const WORDS: usize = 3;

    /// The words.
    #[inline(always)]
    pub const fn words(self) -> [u64; Self::WORDS] {
        let place = self.place.bits() as u64;
        [self.time_ns, self.site as u64 | (self.block as u64) << 32, place | self.types << 16]
    }

    /// The head of these words, and how many arguments it has.
    ///
    /// # Errors
    /// [`HeadError`].
    pub const fn from_words([time_ns, from, what]: [u64; Self::WORDS]) -> Result<(Self, usize), HeadError> {
        let Some(place) = Place::from_bits(what as u16) else { return Err(HeadError::Scope) };
        let types = what >> 16;
        let (mut count, mut left) = (0, types);
        while left != 0 {
            if ArgumentType::from_code((left & 15) as u8).is_none() {
                return Err(HeadError::Types);
            }
            count += 1;
            left >>= 4;
        }
        if count > place.room as usize || place.room as usize > MAX_ARGUMENTS {
            return Err(HeadError::Room);
        }
        Ok((Self { time_ns, site: from as u32, block: (from >> 32) as u32, place, types }, count))
    }

    /// The type of argument `index`.
    pub const fn argument_type(self, index: usize) -> Option<ArgumentType> {
        if index < MAX_ARGUMENTS {
            ArgumentType::from_code((self.types >> (4 * index) & 15) as u8)
        } else {
            None
        }
    }
}
