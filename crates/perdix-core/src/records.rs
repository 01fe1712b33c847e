//! How fixed-size records lie in a slot.

use core::marker::PhantomData;
use core::mem::{align_of, size_of};

use crate::slot::PAYLOAD_SIZE;

/// The alignment of a slot's payload, and so the largest that a record may ask for.
const PAYLOAD_ALIGN: usize = 16;

/// How records of type `T` are packed: as many to a slot as fit, in order, without gaps. The message is count × size bytes long.
///
/// A record has 1 to 240 bytes and an alignment of at most 16; a type that has not does not compile:
///
/// ```
/// use perdix_core::RecordLayout;
/// assert_eq!(RecordLayout::<u64>::PER_SLOT, 30);
/// assert_eq!(RecordLayout::<[u64; 4]>::PER_SLOT, 7);
/// ```
/// ```compile_fail
/// let none = perdix_core::RecordLayout::<[u8; 241]>::PER_SLOT; // longer than a slot
/// ```
/// ```compile_fail
/// let none = perdix_core::RecordLayout::<()>::PER_SLOT; // nothing to send
/// ```
/// ```compile_fail
/// #[repr(align(32))]
/// struct Wide([u8; 32]);
/// let none = perdix_core::RecordLayout::<Wide>::PER_SLOT; // payload is aligned to 16
/// ```
#[derive(Clone, Copy, Debug)]
pub struct RecordLayout<T>(PhantomData<fn() -> T>);

impl<T> RecordLayout<T> {
    /// Bytes of a record.
    pub const SIZE: usize = {
        assert!(size_of::<T>() != 0, "a record must have at least one byte");
        assert!(size_of::<T>() <= PAYLOAD_SIZE, "a record must fit a slot: it has more than 240 bytes");
        assert!(align_of::<T>() <= PAYLOAD_ALIGN, "a record must not be aligned to more than 16 bytes");
        size_of::<T>()
    };

    /// Records in a full slot.
    pub const PER_SLOT: usize = PAYLOAD_SIZE / Self::SIZE;
}
