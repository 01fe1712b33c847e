//! The host's end of a device producer.

use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use cust::sys::{CUdeviceptr, CUstream};
use perdix_core::DeviceRing;

use super::attach::target::Target;
use super::attach::{LaunchTarget, around};
use super::error::GpuError;
use super::gpu::Gpu;
use super::session::Session;
use super::stream::Stream;
use crate::buffer::Buffer;
use crate::consumer::Consumer;
use crate::counters::Counters;
use crate::emulated::DEFAULT_LIMIT;
use crate::memory::Region;
use crate::shared::Shared;

impl Buffer {
    /// The two halves, the producer being kernels: borrowed. Messages that are still in the ring come first.
    ///
    /// # Errors
    /// [`GpuError::NotReachable`] if the ring lies in heap memory, [`GpuError::Driver`].
    pub fn split_gpu(&mut self) -> Result<(DeviceProducer<'_>, Consumer<'_>), GpuError> {
        Ok((DeviceProducer::new(self, None)?, Consumer::new(Arc::clone(&self.shared))))
    }

    /// The two halves, the producer being kernels: owned, to move into threads.
    ///
    /// # Errors
    /// As [`split_gpu`](Self::split_gpu).
    pub fn into_gpu(self) -> Result<(DeviceProducer<'static>, Consumer<'static>), GpuError> {
        Ok((DeviceProducer::new(&self, None)?, Consumer::new(Arc::clone(&self.shared))))
    }
}

/// The host's end of a ring whose producers are kernels: gives them their handle, and knows when they have ended.
///
/// Dropping it says that nothing more will be launched; it does not wait.
#[derive(Debug)]
pub struct DeviceProducer<'a> {
    shared: Arc<Shared>,
    session: Arc<Session>,
    gpu: Gpu,
    stream: Arc<Stream>,
    ring: DeviceRing,
    borrow: PhantomData<&'a mut Buffer>,
}

impl DeviceProducer<'_> {
    /// The host's end of a buffer that is borrowed mutably or owned. Its kernels go to `stream`, or to a new one.
    pub(super) fn new(buffer: &Buffer, stream: Option<&Arc<Stream>>) -> Result<Self, GpuError> {
        let shared = &buffer.shared;
        let Some(Region::Gpu(memory)) = shared.memory() else { return Err(GpuError::NotReachable) };
        let gpu = memory.gpu().clone();
        let session = Arc::new(Session::new(&gpu, buffer.device_state())?);
        Self::begin(shared, &gpu, memory.device_ptr(), session, stream)
    }

    /// The host's end of a ring at `device`, whose producers have this session.
    pub(crate) fn begin(
        shared: &Arc<Shared>,
        gpu: &Gpu,
        device: CUdeviceptr,
        session: Arc<Session>,
        stream: Option<&Arc<Stream>>,
    ) -> Result<Self, GpuError> {
        let config = shared.ring.config();
        let ring = DeviceRing {
            memory: device as *mut u8,
            state: session.state_ptr(),
            capacity: config.capacity,
            mode: config.mode as u64,
            start: config.start,
            limit_ns: DEFAULT_LIMIT.as_nanos() as u64,
        };
        let stream = match stream {
            Some(stream) => Arc::clone(stream),
            None => Arc::new(Stream::new(gpu)?),
        };
        shared.liveness.attach(Arc::clone(&session));
        Ok(Self { shared: Arc::clone(shared), session, gpu: gpu.clone(), stream, ring, borrow: PhantomData })
    }

    /// What kernels get: pass it by value.
    pub fn ring(&self) -> DeviceRing {
        self.session.raise_limit(self.ring.limit_ns);
        self.ring
    }

    /// Sets how long device producers wait for a free slot before they give up; 10 s unless set. Only handles taken afterwards
    /// carry it. Dropping the last part of the buffer waits for kernels 2 s longer than the longest limit that a handle carries.
    pub fn set_limit(&mut self, limit: Duration) {
        self.ring.limit_ns = u64::try_from(limit.as_nanos()).unwrap_or(u64::MAX);
    }

    /// Has `launch` launch kernels by other means into `stream`, behind what is there, and attaches them to the ring's life: its
    /// memory is not freed while they run, and a waiting consumer notices when they have ended. The context is current meanwhile.
    ///
    /// # Errors
    /// Those of `launch`: nothing was launched, and the ring is as it was. [`GpuError::Driver`] as for
    /// [`Launch::start`](super::Launch::start).
    ///
    /// # Safety
    /// The stream is alive and belongs to the ring's context, and `launch` launches into it alone.
    pub unsafe fn launch_with<T, E: From<GpuError>>(
        &self,
        stream: CUstream,
        launch: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, E> {
        // SAFETY: the caller's contract.
        unsafe { around(self.gpu(), self.sessions(), stream, launch) }
    }

    /// Attaches all that is in `stream` now to the ring's life: for kernels that were launched already. If earlier ones
    /// paused, use [`launch_with`](Self::launch_with): a consumer that looks between such a launch and this call may take the kernel
    /// for one that ended without `finish`.
    ///
    /// # Errors
    /// [`GpuError::Driver`]. Nobody knows then when these kernels have ended: a waiting consumer is told so
    /// ([`ProducerLost`](crate::ConsumeError::ProducerLost)), and the ring's memory will not be freed.
    ///
    /// # Safety
    /// The stream is alive and belongs to the ring's context.
    pub unsafe fn attach(&self, stream: CUstream) -> Result<(), GpuError> {
        // SAFETY: the caller's contract.
        unsafe { self.session.attach(stream) }
    }

    /// Waits until all attached launches have ended, faulted ones included.
    ///
    /// # Errors
    /// [`GpuError::StillRunning`] after `limit`; [`GpuError::Driver`] if the driver does not tell.
    pub fn wait(&self, limit: Duration) -> Result<(), GpuError> {
        self.session.wait(limit)
    }

    /// Whether attached launches still run.
    ///
    /// # Errors
    /// What the driver says if one has faulted.
    pub fn is_running(&self) -> Result<bool, GpuError> {
        self.session.is_running()
    }

    /// The stream, to be shared with other rings.
    pub(super) fn shared_stream(&self) -> &Arc<Stream> {
        &self.stream
    }

    /// The stream on which [`Launch::start`](super::Launch::start) starts kernels.
    pub fn raw_stream(&self) -> CUstream {
        self.stream.raw()
    }

    /// The device.
    pub fn gpu(&self) -> &Gpu {
        &self.gpu
    }

    /// A handle to the ring's counters. A device producer's are there once it has finished.
    pub fn counters(&self) -> Counters {
        Counters(Arc::clone(&self.shared))
    }
}

impl Drop for DeviceProducer<'_> {
    fn drop(&mut self) {
        self.session.close();
    }
}

impl LaunchTarget for DeviceProducer<'_> {}

impl Target for DeviceProducer<'_> {
    type Handle = DeviceRing;

    fn launch_handle(&self) -> DeviceRing {
        self.ring()
    }

    fn target_gpu(&self) -> &Gpu {
        &self.gpu
    }

    fn stream(&self) -> CUstream {
        self.raw_stream()
    }

    fn sessions(&self) -> impl Iterator<Item = &Session> {
        std::iter::once(&*self.session)
    }
}
