//! What a launch is attached to.

use cust::sys::CUstream;

use super::error::GpuError;
use super::gpu::Gpu;
use super::launching::Launching;
use super::session::Session;

/// The host's end of what a kernel produces into or consumes from: a
/// [`DeviceProducer`](super::DeviceProducer) for one ring, [`DeviceShards`](super::DeviceShards)
/// for a set of them, a [`DeviceConsumer`](super::DeviceConsumer) for a ring that it consumes from,
/// a [`Service`](super::Service) for a ring each way. [`Launch::arg`](super::Launch::arg) takes any
/// of them.
pub trait LaunchTarget: target::Target {}

/// Sealed: what happens around a launch is the library's business.
pub(super) mod target {
    use super::{CUstream, Gpu, Session};

    pub trait Target {
        /// What kernels get.
        type Handle: Copy + 'static;

        /// The handle, with the time limit that is set now.
        fn launch_handle(&self) -> Self::Handle;

        /// Whose kernels it takes.
        fn target_gpu(&self) -> &Gpu;

        /// Where its kernels go unless told otherwise.
        fn stream(&self) -> CUstream;

        /// The session of each ring.
        fn sessions(&self) -> impl Iterator<Item = &Session>;
    }
}

/// Has `launch` put kernels into `stream`, and attaches them to all `sessions`. The context is
/// current meanwhile. Nothing is locked: launches may be nested, and threads may launch onto the
/// same sessions at once.
///
/// # Safety
/// The stream is alive and of the sessions' context.
pub(super) unsafe fn around<'s, T, E: From<GpuError>>(
    gpu: &Gpu,
    sessions: impl Iterator<Item = &'s Session>,
    stream: CUstream,
    launch: impl FnOnce() -> Result<T, E>,
) -> Result<T, E> {
    let _current = gpu.enter()?;
    let mut launching: Vec<Launching<'_>> = Vec::new();
    let mut begun = Ok(());
    for session in sessions {
        // SAFETY: the caller's contract.
        match unsafe { session.begin_launch(stream) } {
            Ok(launch) => launching.push(launch),
            Err(error) => {
                begun = Err(E::from(error));
                break;
            }
        }
    }
    match begun.and_then(|()| launch()) {
        Ok(launched) => {
            // A ring that could not be attached is no reason to leave out those behind it.
            launching.into_iter().map(Launching::attach).fold(Ok(()), Result::and)?;
            Ok(launched)
        }
        Err(error) => {
            launching.into_iter().for_each(Launching::cancel);
            Err(error)
        }
    }
}
