//! What a launch is attached to.

use cust::sys::CUstream;

use super::error::GpuError;
use super::gpu::Gpu;
use super::session::Session;

/// The host's end of what a kernel produces into or consumes from: a [`DeviceProducer`](super::DeviceProducer) for one ring,
/// [`DeviceShards`](super::DeviceShards) for a set of them, a [`DeviceConsumer`](super::DeviceConsumer) for a ring that it consumes from,
/// a [`Service`](super::Service) for a ring each way. [`Launch::start`](super::Launch::start) takes any of them.
pub trait LaunchTarget: life::Life {}

/// Sealed: what must happen around a launch is our business.
pub(super) mod life {
    use super::{CUstream, Gpu, GpuError, Session};

    pub trait Life {
        /// Whose kernels it takes.
        fn gpu(&self) -> &Gpu;

        /// Where its kernels go unless told otherwise.
        fn stream(&self) -> CUstream;

        /// The life of each ring's kernels.
        fn sessions(&self) -> impl Iterator<Item = &Session>;

        /// Has `start` put kernels into the stream, and attaches them to the life of each ring.
        ///
        /// # Safety
        /// The stream is alive and of the rings' context.
        unsafe fn around<T, E: From<GpuError>>(
            &self,
            stream: CUstream,
            start: impl FnOnce() -> Result<T, E>,
        ) -> Result<T, E> {
            let _current = self.gpu().enter()?;
            let launching: Result<Vec<_>, _> = self.sessions().map(Session::expect_more).collect();
            let launching = launching?;
            let started = start()?;
            // A ring that could not be attached is no reason to leave out those behind it.
            let mut result = Ok(());
            for ring in launching {
                // SAFETY: the caller's contract.
                result = result.and(unsafe { ring.attach(stream) });
            }
            result?;
            Ok(started)
        }
    }
}
