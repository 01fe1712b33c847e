//! What a kernel takes by value.

/// A plain value that a launch passes to a kernel as it stands: a number, an address, or a
/// `#[repr(C)]` struct of them.
///
/// It says that the bytes of a value mean the same on the device. Implement it for your own
/// parameter structs, in the crate that both sides share:
///
/// ```
/// use perdix_core::KernelArg;
///
/// #[derive(Clone, Copy)]
/// #[repr(C)]
/// struct Span {
///     first: *const f32,
///     count: u64,
/// }
///
/// impl KernelArg for Span {}
/// ```
///
/// The handles of rings are not among them, on purpose: a launch takes the host's end of a ring
/// instead, passes the handle, and is attached to the ring.
pub trait KernelArg: Copy + 'static {}

macro_rules! plain {
    ($($number:ty)*) => { $(impl KernelArg for $number {})* };
}

plain!(u8 u16 u32 u64 usize i8 i16 i32 i64 isize f32 f64);

impl<T: 'static> KernelArg for *const T {}
impl<T: 'static> KernelArg for *mut T {}
impl<T: KernelArg, const N: usize> KernelArg for [T; N] {}
