//! The host's end of a device consumer.

use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use cust::sys::CUstream;
use perdix_core::{DeviceInput, DeviceRing, DeviceState};

use super::attach::target::Target;
use super::attach::{LaunchTarget, around};
use super::error::GpuError;
use super::gpu::Gpu;
use super::memory::Mapped;
use super::session::Session;
use super::stream::Stream;
use crate::buffer::Buffer;
use crate::cores::Cores;
use crate::counters::Counters;
use crate::producer::Producer;
use crate::shared::Shared;
use crate::wait::DEVICE_LIMIT;

impl Buffer {
    /// The two halves, the consumer being kernels: borrowed. Messages that are still in the ring come first.
    ///
    /// ```no_run
    /// use perdix_host::Buffer;
    /// use perdix_host::cuda::Gpu;
    ///
    /// # const PTX: &str = "";
    /// let gpu = Gpu::open(0)?;
    /// let kernels = gpu.load(PTX)?;
    /// let mut buffer = Buffer::builder().slots(4096).gpu(&gpu).build()?;
    /// let (mut producer, consumer) = buffer.split_gpu_consumer()?;
    /// let launch = kernels.launch("my_worker")?.block(32).arg(&consumer);
    /// // SAFETY: the argument is that of `my_worker`, which is one warp and uses this ring alone.
    /// unsafe { launch.start() }?;
    /// for work in 0..1000_u64 {
    ///     producer.produce(&work.to_le_bytes())?; // while the kernel runs
    /// }
    /// producer.finish();
    /// consumer.wait(std::time::Duration::from_secs(10))?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`GpuError::NotReachable`] if the ring lies in heap memory, [`GpuError::Driver`]; [`GpuError::StillInUse`] as for
    /// [`split_gpu`](Self::split_gpu).
    pub fn split_gpu_consumer(&mut self) -> Result<(Producer<'_>, DeviceConsumer<'_>), GpuError> {
        DeviceConsumer::split(self, None)
    }

    /// The two halves, the consumer being kernels: owned, to move into threads.
    ///
    /// # Errors
    /// As [`split_gpu_consumer`](Self::split_gpu_consumer).
    pub fn into_gpu_consumer(mut self) -> Result<(Producer<'static>, DeviceConsumer<'static>), GpuError> {
        DeviceConsumer::split(&mut self, None)
    }
}

/// The host's end of a ring whose consumers are kernels: gives them their handle, and knows when they have ended.
///
/// A producer that waits for room notices when they have ended or faulted without saying so
/// ([`ProduceError::ConsumerLost`](crate::ProduceError::ConsumerLost)). Dropping it says that nothing more will be launched; it does
/// not wait.
#[derive(Debug)]
pub struct DeviceConsumer<'a> {
    shared: Arc<Shared>,
    session: Arc<Session>,
    gpu: Gpu,
    stream: Arc<Stream>,
    input: DeviceInput,
    borrow: PhantomData<&'a mut Shared>,
}

impl DeviceConsumer<'_> {
    /// Both ends of a buffer. The kernels go to `stream`, or to a new one.
    pub(super) fn split<'a>(
        buffer: &mut Buffer,
        stream: Option<&Arc<Stream>>,
    ) -> Result<(Producer<'a>, DeviceConsumer<'a>), GpuError> {
        let memory = buffer.shared.memory().and_then(|memory| memory.downcast_ref::<Mapped>());
        let memory = memory.ok_or(GpuError::NotReachable)?;
        let (gpu, device) = (memory.gpu().clone(), memory.device_ptr());
        let stream = Stream::shared(&gpu, stream)?;
        let Cores { producer, consumer, read } = buffer.open()?;
        let shared = &buffer.shared;
        let state = DeviceState::of_consumer(
            consumer.next(),
            consumer.taken(),
            consumer.dropped(),
            consumer.next_record(),
        );
        let session = match Session::new(&gpu, state) {
            Ok(session) => Arc::new(session),
            Err(error) => {
                shared.park_producer(producer);
                shared.park_consumer(consumer, read);
                return Err(error);
            }
        };
        shared.consumer.set(Arc::<Session>::clone(&session));
        let (memory, limit_ns) = (device as *mut u8, DEVICE_LIMIT.as_nanos() as u64);
        let ring = DeviceRing::new(memory, session.state_ptr(), shared.ring.config(), limit_ns);
        let input = DeviceInput { ring, single_store_words: 0 };
        let producer = Producer::new(Arc::clone(shared), producer);
        let shared = Arc::clone(shared);
        Ok((producer, DeviceConsumer { shared, session, gpu, stream, input, borrow: PhantomData }))
    }

    /// What kernels get: pass it by value.
    pub fn input(&self) -> DeviceInput {
        self.session.raise_limit(self.input.ring.limit_ns);
        self.input
    }

    /// Sets how long device consumers wait for a message before they give up; 10 s unless set. Only handles taken afterwards carry it.
    /// Dropping the last part of the buffer waits for kernels 2 s longer than the longest limit that a handle carries.
    pub fn set_limit(&mut self, limit: Duration) {
        self.input.ring.limit_ns = u64::try_from(limit.as_nanos()).unwrap_or(u64::MAX);
    }

    /// The producer stores whole words only, each once.
    pub(super) fn expect_single_stores(&mut self) {
        self.input.single_store_words = 1;
    }

    /// Has `launch` launch kernels by other means into `stream`, behind what is there, and attaches them to the ring's life. As
    /// [`DeviceProducer::launch_with`](super::DeviceProducer::launch_with).
    ///
    /// # Errors
    /// As [`DeviceProducer::launch_with`](super::DeviceProducer::launch_with).
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

    /// Attaches all that is in `stream` now to the ring's life: for kernels that were launched already. As
    /// [`DeviceProducer::attach`](super::DeviceProducer::attach).
    ///
    /// # Errors
    /// As [`DeviceProducer::attach`](super::DeviceProducer::attach).
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

    /// A handle to the ring's counters. What device consumers took is there when they hand slots back.
    pub fn counters(&self) -> Counters {
        Counters(Arc::clone(&self.shared))
    }
}

impl Drop for DeviceConsumer<'_> {
    fn drop(&mut self) {
        self.session.close();
    }
}

impl LaunchTarget for DeviceConsumer<'_> {}

impl Target for DeviceConsumer<'_> {
    type Handle = DeviceInput;

    fn launch_handle(&self) -> DeviceInput {
        self.input()
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
