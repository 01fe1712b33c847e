//! Messages that are values of a type: the same type in the kernel and on the host.

use core::any::type_name;
use core::fmt;
use core::mem::{align_of, size_of};

use bytemuck::{CheckedBitPattern, NoUninit};

use crate::meta::Meta;
use crate::slot::PAYLOAD_SIZE;

/// The alignment of a slot's payload, and so the largest that a message may ask for.
const PAYLOAD_ALIGN: usize = 16;

/// The first of the kinds that Perdix keeps for itself, up to 65535: such as that of events.
pub const FIRST_RESERVED_KIND: u16 = 0xff00;

/// A type whose values are messages: plain data of 0 to 240 bytes, aligned to at most 16, and a kind that tells it from the others of
/// its stream.
///
/// Values are sent as they lie in memory, so the type must be the same on both sides: `#[repr(C)]`, in a crate that the kernel and the
/// host share. [`messages!`](crate::messages) implements this for all types of a stream and checks that their kinds differ; by hand:
///
/// ```
/// #[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
/// #[repr(C)]
/// struct Residual {
///     step: u32,
///     value: f32,
/// }
/// impl perdix_core::Typed for Residual {
///     const KIND: u16 = 7;
/// }
/// assert_eq!(perdix_core::MessageLayout::<Residual>::SIZE, 8);
/// ```
pub trait Typed: NoUninit + CheckedBitPattern {
    /// The kind of these messages, from 1 (0 is the kind of untyped ones) to [`FIRST_RESERVED_KIND`] - 1.
    const KIND: u16;
}

/// What is checked of a message type when it is compiled: its size, its alignment and its kind.
///
/// ```compile_fail,E0080
/// #[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
/// #[repr(C)]
/// struct Long([u64; 31]); // 248 bytes
/// impl perdix_core::Typed for Long {
///     const KIND: u16 = 1;
/// }
/// let size = perdix_core::MessageLayout::<Long>::SIZE;
/// ```
/// ```compile_fail,E0080
/// #[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
/// #[repr(C)]
/// struct Untyped(u32);
/// impl perdix_core::Typed for Untyped {
///     const KIND: u16 = 0; // that of untyped messages
/// }
/// let size = perdix_core::MessageLayout::<Untyped>::SIZE;
/// ```
#[derive(Clone, Copy, Debug)]
pub struct MessageLayout<T>(core::marker::PhantomData<fn() -> T>);

impl<T: Typed> MessageLayout<T> {
    /// Bytes of the message.
    pub const SIZE: usize = {
        assert!(size_of::<T>() <= PAYLOAD_SIZE, "a message must fit a slot: it has more than 240 bytes");
        assert!(align_of::<T>() <= PAYLOAD_ALIGN, "a message must not be aligned to more than 16 bytes");
        assert!(T::KIND != 0, "kind 0 is that of untyped messages: use 1 or more");
        assert!(T::KIND < FIRST_RESERVED_KIND, "kinds from 0xff00 on are reserved");
        size_of::<T>()
    };

    /// Whether a message with this meta word can be a `T`: it has the kind and the size, and is no part of a larger one.
    ///
    /// # Errors
    /// [`TypeMismatch`] says what it is instead.
    #[inline(always)]
    pub const fn check(meta: Meta) -> Result<(), TypeMismatch> {
        if meta.kind() != T::KIND {
            Err(TypeMismatch::Kind { found: meta.kind(), expected: T::KIND, name: Name::of::<T>() })
        } else if meta.has_more() {
            Err(TypeMismatch::Large { kind: T::KIND, name: Name::of::<T>() })
        } else if meta.len() != Self::SIZE {
            let (found, expected) = (meta.len(), Self::SIZE);
            Err(TypeMismatch::Size { kind: T::KIND, found, expected, name: Name::of::<T>() })
        } else {
            Ok(())
        }
    }
}

/// One of several message types, as [`messages!`](crate::messages) makes it.
pub trait AnyOf<'m>: Sized {
    /// The message with this meta word and payload (aligned to 16), as the type of its kind.
    ///
    /// # Errors
    /// [`TypeMismatch`] if no type has this kind, or the message does not fit the one that has.
    fn read(meta: Meta, payload: &'m [u8]) -> Result<Self, TypeMismatch>;
}

/// Why a message is not what was asked for. It is never read as something else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TypeMismatch {
    /// The message is of another kind.
    Kind {
        /// Its kind.
        found: u16,
        /// The kind of the type asked for.
        expected: u16,
        /// That type.
        name: Name,
    },
    /// The message is of none of the kinds that the types of an enumeration have.
    Unknown {
        /// Its kind.
        found: u16,
        /// The enumeration.
        name: Name,
    },
    /// The message has the kind, but not the size of the type: sender and receiver do not mean the same type.
    Size {
        /// Its kind.
        kind: u16,
        /// Bytes of the message.
        found: usize,
        /// Bytes of the type.
        expected: usize,
        /// The type.
        name: Name,
    },
    /// Kind and size are right, but the bytes are no value of the type, such as 2 for a `bool`.
    Value {
        /// Its kind.
        kind: u16,
        /// The type.
        name: Name,
    },
    /// The message is a part of a large one.
    Large {
        /// Its kind.
        kind: u16,
        /// The type asked for.
        name: Name,
    },
}

/// The name of a type, for messages to people.
#[derive(Clone, Copy)]
pub struct Name(fn() -> &'static str);

impl Name {
    /// The name of `T`.
    pub const fn of<T>() -> Self {
        Self(type_name::<T>)
    }

    /// The name.
    pub fn get(self) -> &'static str {
        (self.0)()
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        self.get() == other.get()
    }
}

impl Eq for Name {}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.get())
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.get())
    }
}

impl fmt::Display for TypeMismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kind { found, expected, name } => {
                write!(
                    f,
                    "the message is of kind {found}, and `{name}` is of kind {expected}; its bytes can be had with `try_consume`"
                )
            }
            Self::Unknown { found, name } => {
                write!(
                    f,
                    "the message is of kind {found}, and no type of `{name}` is; its bytes can be had with `try_consume`"
                )
            }
            Self::Size { kind, found, expected, name } => write!(
                f,
                "the message of kind {kind} has {found} bytes, and `{name}` has {expected}; build both sides from the same type"
            ),
            Self::Value { kind, name } => {
                write!(
                    f,
                    "the bytes of the message of kind {kind} are no value of `{name}`; build both sides from the same type"
                )
            }
            Self::Large { kind, name } => {
                write!(
                    f,
                    "the message of kind {kind} begins a large one, and `{name}` is one message; take it with `try_consume_large`"
                )
            }
        }
    }
}

impl core::error::Error for TypeMismatch {}

/// The message types of a stream: gives each its kind, and makes an enumeration of messages where they lie.
///
/// A variant with `&Type` refers to the message in its slot, and needs a type of which any bytes are a value
/// ([`AnyBitPattern`](bytemuck::AnyBitPattern)). A variant with `Type` is a copy that was checked, for types with `bool`s or enums in them
/// ([`CheckedBitPattern`]). That the kinds differ is checked when it is compiled, and that each type fits a slot.
///
/// ```
/// use bytemuck::{CheckedBitPattern, NoUninit, Pod, Zeroable};
/// use perdix_core::{AnyOf, Meta, TypeMismatch, messages};
///
/// #[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable)]
/// #[repr(C)]
/// pub struct Tile {
///     index: u32,
///     residual: f32,
/// }
///
/// #[derive(Clone, Copy, Debug, PartialEq, NoUninit, CheckedBitPattern)]
/// #[repr(C)]
/// pub struct Done {
///     converged: bool,
/// }
///
/// messages! {
///     /// What the solver sends.
///     #[derive(Debug, PartialEq)]
///     pub enum Frame<'m> {
///         /// A tile is finished.
///         1 => Tile(&Tile),
///         /// All are.
///         2 => Done(Done),
///     }
/// }
///
/// assert_eq!(Frame::read(Meta::new(1, 0, 2), &[1]), Ok(Frame::Done(Done { converged: true })));
/// assert!(matches!(Frame::read(Meta::new(1, 0, 2), &[2]), Err(TypeMismatch::Value { kind: 2, .. })));
/// assert!(matches!(Frame::read(Meta::new(1, 0, 1), &[2]), Err(TypeMismatch::Size { found: 1, expected: 8, .. })));
/// assert!(matches!(Frame::read(Meta::new(1, 0, 3), &[2]), Err(TypeMismatch::Unknown { found: 3, .. })));
/// ```
/// Two types of one kind do not compile, and neither does a type twice or one that another crate defines (wrap it in a `struct`):
/// ```compile_fail,E0080
/// # #[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
/// # #[repr(C)]
/// # pub struct Small(u32);
/// # #[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
/// # #[repr(C)]
/// # pub struct Large(u64);
/// perdix_core::messages! {
///     pub enum Both<'m> {
///         1 => Small(&Small),
///         1 => Large(&Large),
///     }
/// }
/// ```
#[macro_export]
macro_rules! messages {
    (
        $(#[$attribute:meta])*
        $visibility:vis enum $name:ident<$life:lifetime> {
            $($(#[$about:meta])* $kind:literal => $variant:ident($($field:tt)+)),+ $(,)?
        }
    ) => {
        $(#[$attribute])*
        $visibility enum $name<$life> {
            $($(#[$about])* $variant($crate::message_field!(type $life $($field)+)),)+
        }

        $(
            impl $crate::Typed for $crate::message_field!(bare $($field)+) {
                const KIND: u16 = $kind;
            }
        )+

        impl<$life> $crate::AnyOf<$life> for $name<$life> {
            fn read(
                meta: $crate::Meta,
                payload: &$life [u8],
            ) -> ::core::result::Result<Self, $crate::TypeMismatch> {
                $(if meta.kind() == <$crate::message_field!(bare $($field)+) as $crate::Typed>::KIND {
                    return $crate::message_field!(read meta payload $($field)+).map(Self::$variant);
                })+
                let name = $crate::Name::of::<Self>();
                ::core::result::Result::Err($crate::TypeMismatch::Unknown { found: meta.kind(), name })
            }
        }

        const _: () = {
            // Each fits a slot.
            $(let _ = $crate::MessageLayout::<$crate::message_field!(bare $($field)+)>::SIZE;)+
            $crate::assert_distinct(&[$($kind),+]);
        };
    };
}

/// A field of a variant in [`messages!`]: by reference or by value.
#[doc(hidden)]
#[macro_export]
macro_rules! message_field {
    (type $life:lifetime & $type:ty) => { &$life $type };
    (type $life:lifetime $type:ty) => { $type };
    (bare & $type:ty) => { $type };
    (bare $type:ty) => { $type };
    (read $meta:ident $payload:ident & $type:ty) => { $crate::read_in_place::<$type>($meta, $payload) };
    (read $meta:ident $payload:ident $type:ty) => { $crate::read_checked::<$type>($meta, $payload) };
}

/// A message as a value in place.
///
/// # Errors
/// [`TypeMismatch`], also if the payload is not aligned as a slot's is.
#[inline(always)]
pub fn read_in_place<T: Typed + bytemuck::AnyBitPattern>(
    meta: Meta,
    payload: &[u8],
) -> Result<&T, TypeMismatch> {
    MessageLayout::<T>::check(meta)?;
    bytemuck::try_from_bytes(payload).map_err(|_| TypeMismatch::Size {
        kind: T::KIND,
        found: payload.len(),
        expected: MessageLayout::<T>::SIZE,
        name: Name::of::<T>(),
    })
}

/// A message as a value that was copied, then checked: a peer that overwrites the slot meanwhile cannot make it a wrong one.
///
/// # Errors
/// [`TypeMismatch`].
#[inline(always)]
pub fn read_checked<T: Typed>(meta: Meta, payload: &[u8]) -> Result<T, TypeMismatch> {
    MessageLayout::<T>::check(meta)?;
    if payload.len() != MessageLayout::<T>::SIZE {
        let (found, expected) = (payload.len(), MessageLayout::<T>::SIZE);
        return Err(TypeMismatch::Size { kind: T::KIND, found, expected, name: Name::of::<T>() });
    }
    bytemuck::checked::try_pod_read_unaligned(payload)
        .map_err(|_| TypeMismatch::Value { kind: T::KIND, name: Name::of::<T>() })
}

/// Does not compile if two kinds are the same.
#[doc(hidden)]
pub const fn assert_distinct(kinds: &[u16]) {
    let mut rest = kinds;
    while let [first, others @ ..] = rest {
        let mut others_left = others;
        while let [other, after @ ..] = others_left {
            assert!(*first != *other, "two message types have the same kind");
            others_left = after;
        }
        rest = others;
    }
}
