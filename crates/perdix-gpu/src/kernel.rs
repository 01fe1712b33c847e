//! The `kernel!` macro.

/// Declares kernels: `extern "ptx-kernel"` functions with their own name in the PTX; plain
/// functions elsewhere.
///
/// The crate needs `#![cfg_attr(target_arch = "nvptx64", no_std, feature(abi_ptx))]`. Parameters
/// are numbers, raw pointers, [`DeviceRing`](crate::DeviceRing)s and
/// [`DeviceRings`](crate::DeviceRings); no references, which the GPU would read non-coherently.
///
/// The PTX also says for which layout version it was made, so that a host of another version
/// refuses to load it.
///
/// ```
/// perdix_gpu::kernel! {
///     /// Doubles a number.
///     pub unsafe fn double(number: *mut u32) {
///         // SAFETY: the host passes a valid address and launches one thread.
///         let number = unsafe { &mut *number };
///         *number *= 2;
///     }
/// }
/// let mut number = 21;
/// // SAFETY: the address is valid.
/// unsafe { double(&mut number) };
/// assert_eq!(number, 42);
/// ```
#[macro_export]
macro_rules! kernel {
    ($(
        $(#[$attribute:meta])*
        $visibility:vis unsafe fn $name:ident($($parameter:ident: $kind:ty),* $(,)?) $body:block
    )+) => {$(
        $(#[$attribute])*
        ///
        /// # Safety
        /// The host launches it as the text above says, with addresses that are valid on the device
        /// until it ends.
        #[cfg(target_arch = "nvptx64")]
        #[unsafe(no_mangle)]
        $visibility unsafe extern "ptx-kernel" fn $name($($parameter: $kind),*) $body

        #[cfg(target_arch = "nvptx64")]
        const _: () = {
            // The host looks for it in the module, and refuses one of another version.
            #[used]
            static LAYOUT: [::core::primitive::u8; $crate::LAYOUT_MARKER.len()] = $crate::LAYOUT_MARKER;
        };

        $(#[$attribute])*
        ///
        /// # Safety
        /// The host launches it as the text above says, with addresses that are valid until it
        /// ends.
        #[cfg(not(target_arch = "nvptx64"))]
        $visibility unsafe fn $name($($parameter: $kind),*) $body
    )+};
}

#[cfg(target_arch = "nvptx64")]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    crate::intrinsics::trap()
}
