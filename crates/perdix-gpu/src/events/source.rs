//! How a site's text stays in the module.

/// Keeps the text of a site where the host finds it. On a GPU `#[used]` does; a CPU's linker would
/// drop what nobody refers to.
#[inline(always)]
pub fn keep(_text: &'static [u8]) {
    #[cfg(not(target_arch = "nvptx64"))]
    core::hint::black_box(_text);
}
