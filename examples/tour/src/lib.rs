//! What the tour's programs share: the place where their kernels run, a GPU or emulated lanes.

#[cfg(feature = "cuda")]
mod gpu;
#[cfg(not(feature = "cuda"))]
mod lanes;
mod outcome;

#[cfg(feature = "cuda")]
pub use gpu::{Half, Running, Stage, Uploaded};
#[cfg(not(feature = "cuda"))]
pub use lanes::{Half, Running, Stage, Uploaded};
pub use outcome::{Outcome, exit, wrong};

/// What the build script has made of the kernel crate.
pub const PTX: &str = include_str!(env!("PERDIX_PTX_TOUR_KERNELS"));

/// `start!(stage, half, kernel[blocks, threads](arguments))` starts a kernel of `tour_kernels` on the ring of `half`, and gives a
/// [`Running`].
#[cfg(feature = "cuda")]
#[macro_export]
macro_rules! start {
    ($stage:expr, $half:expr, $kernel:ident[$blocks:expr, $threads:expr]($($argument:expr),*)) => {{
        let half: $crate::Half = $half;
        let launch = $stage.kernels().launch(stringify!($kernel))?.grid($blocks).block($threads);
        let launch = launch.arg(&half)$(.arg($argument))*;
        // SAFETY: the arguments are the kernel's, what they point to outlives it, and nothing else is launched on this ring.
        unsafe { launch.start() }?;
        $crate::Running::new(half)
    }};
}

/// `start!(stage, half, kernel[blocks, threads](arguments))` starts a kernel of `tour_kernels` on the ring of `half`, and gives a
/// [`Running`].
#[cfg(not(feature = "cuda"))]
#[macro_export]
macro_rules! start {
    ($stage:expr, $half:expr, $kernel:ident[$blocks:expr, $threads:expr]($($argument:expr),*)) => {{
        let _: &$crate::Stage = &$stage;
        $crate::Running::new($half, move |ring| {
            // SAFETY: the ring outlives the launch, what is uploaded is kept for ever, and nothing else runs on this ring.
            ::perdix_gpu::emulation::launch($blocks, $threads, || unsafe { ::tour_kernels::$kernel(ring $(, $argument)*) })
        })
    }};
}
