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
use super::memory::Mapped;
use super::session::Session;
use super::stream::Stream;
use crate::buffer::Buffer;
use crate::consumer::Consumer;
use crate::counters::Counters;
use crate::shared::Shared;
use crate::wait::DEVICE_LIMIT;

impl Buffer {
    /// The two halves, the producer being kernels: borrowed. Messages that are still in the ring come first.
    ///
    /// # Errors
    /// [`GpuError::NotReachable`] if the ring lies in heap memory, [`GpuError::Driver`]; [`GpuError::StillInUse`] if kernels of an
    /// earlier split may still run, after waiting for them as [`split_mut`](Self::split_mut) does.
    pub fn split_gpu(&mut self) -> Result<(DeviceProducer<'_>, Consumer<'_>), GpuError> {
        DeviceProducer::split(self, None)
    }

    /// The two halves, the producer being kernels: owned, to move into threads.
    ///
    /// # Errors
    /// As [`split_gpu`](Self::split_gpu).
    pub fn into_gpu(mut self) -> Result<(DeviceProducer<'static>, Consumer<'static>), GpuError> {
        DeviceProducer::split(&mut self, None)
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
    borrow: PhantomData<&'a mut Shared>,
}

impl DeviceProducer<'_> {
    /// Both ends of a buffer. The kernels go to `stream`, or to a new one.
    pub(super) fn split<'a>(
        buffer: &mut Buffer,
        stream: Option<&Arc<Stream>>,
    ) -> Result<(DeviceProducer<'a>, Consumer<'a>), GpuError> {
        let memory = buffer.shared.memory().and_then(|memory| memory.downcast_ref::<Mapped>());
        let memory = memory.ok_or(GpuError::NotReachable)?;
        let (gpu, device) = (memory.gpu().clone(), memory.device_ptr());
        let stream = Stream::shared(&gpu, stream)?;
        let (state, consumer, read) = buffer.open()?.into_device();
        let shared = &buffer.shared;
        let session = match Session::new(&gpu, state) {
            Ok(session) => Arc::new(session),
            Err(error) => {
                shared.park_consumer(consumer, read);
                return Err(error);
            }
        };
        shared.producer.set(Arc::<Session>::clone(&session));
        let consumer = Consumer::new(Arc::clone(shared), consumer, read);
        Ok((DeviceProducer::new(shared, &gpu, device, session, stream), consumer))
    }

    /// The host's end of a ring at `device`, whose producers have this session.
    pub(crate) fn new(
        shared: &Arc<Shared>,
        gpu: &Gpu,
        device: CUdeviceptr,
        session: Arc<Session>,
        stream: Arc<Stream>,
    ) -> Self {
        let limit_ns = DEVICE_LIMIT.as_nanos() as u64;
        let ring = DeviceRing::new(device as *mut u8, session.state_ptr(), shared.ring.config(), limit_ns);
        Self { shared: Arc::clone(shared), session, gpu: gpu.clone(), stream, ring, borrow: PhantomData }
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
    /// Calls may be nested, to attach a launch to several rings, and may come from several threads. If `launch` panics, what it
    /// has put into the stream is attached. A launch of a CUDA graph goes through here each time: see the book's chapter on the
    /// life cycle.
    ///
    /// # Errors
    /// Those of `launch`: nothing was launched, and the ring is as it was. [`GpuError::Capturing`] and [`GpuError::Driver`] as for
    /// [`Launch::start_on`](super::Launch::start_on).
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
    /// [`GpuError::Capturing`] if the stream is being captured into a graph. [`GpuError::Driver`]: nobody knows then when these kernels have ended: a waiting consumer is told so
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
    /// [`GpuError::StillRunning`] after `limit`; [`GpuError::Unwatched`] if a launch could not be attached;
    /// [`GpuError::Driver`] if the driver does not tell.
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
