//! A kernel that answers requests.

use std::time::{Duration, Instant};

use cust::sys::CUstream;
use perdix_core::{DeviceService, Mode};

use super::attach::LaunchTarget;
use super::attach::target::Target;
use super::consumer::DeviceConsumer;
use super::error::GpuError;
use super::gpu::Gpu;
use super::producer::DeviceProducer;
use super::session::Session;
use crate::buffer::Buffer;
use crate::builder::Builder;
use crate::client::Client;
use crate::error::CreateError;
use crate::wait::WaitStrategy;

/// A kernel that answers requests while it runs: a ring each way, and the [`Client`] that asks.
///
/// Dropping it ends the stream of requests, which a kernel that waits for one notices, and then waits for the kernel, a bounded time: as
/// dropping the last part of a buffer does.
///
/// ```no_run
/// use perdix_host::cuda::{Gpu, Service};
///
/// # const PTX: &str = "";
/// let gpu = Gpu::open(0)?;
/// let kernels = gpu.load(PTX)?;
/// let mut service = Service::new(&gpu, 64)?;
/// let launch = kernels.launch("my_service")?.block(32).arg(&service);
/// // SAFETY: the argument is that of `my_service`, which is one warp.
/// unsafe { launch.start() }?;
/// let root: f64 = service.client().call_value(0, &2.0_f64)?;
/// println!("{root}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Service {
    /// First: when it is dropped the kernel learns that nobody asks any more.
    client: Client<'static>,
    requests: DeviceConsumer<'static>,
    responses: DeviceProducer<'static>,
}

impl Service {
    /// A service with rings of `slots` slots (a power of two) each, made for latency: fence-free, in the memory that suits the GPU, the
    /// CPU spinning while it waits.
    ///
    /// # Errors
    /// [`CreateError`].
    pub fn new(gpu: &Gpu, slots: usize) -> Result<Self, CreateError> {
        let ring = Buffer::builder().slots(slots).mode(Mode::FenceFree).wait(WaitStrategy::Spin).gpu(gpu);
        Self::with(ring.clone(), ring)
    }

    /// A service with rings made to order: the one that requests go through, and the one that responses come through.
    ///
    /// # Errors
    /// [`CreateError`]; [`GpuError::NotReachable`] in it for heap memory, [`GpuError::OtherContext`] for rings of two GPUs.
    pub fn with(requests: Builder, responses: Builder) -> Result<Self, CreateError> {
        let (requests, mut consumer) = DeviceConsumer::split(&mut requests.build()?, None)?;
        let stream = consumer.shared_stream();
        let (producer, responses) = DeviceProducer::split(&mut responses.build()?, Some(stream))?;
        if consumer.gpu().raw_context() != producer.gpu().raw_context() {
            return Err(GpuError::OtherContext.into());
        }
        // Both rings are fresh, and only the client writes requests.
        consumer.expect_single_stores();
        let client = Client::new(requests, responses);
        Ok(Self { client: client.with_single_stores(), requests: consumer, responses: producer })
    }

    /// What kernels get: pass it by value.
    pub fn handle(&self) -> DeviceService {
        DeviceService { requests: self.requests.input(), responses: self.responses.ring() }
    }

    /// Sets how long the kernel waits for a request, and for room for a response; 10 s unless set. Only handles taken afterwards carry it.
    /// How long the client waits is [`Client::set_limit`]'s business.
    pub fn set_device_limit(&mut self, limit: Duration) {
        self.requests.set_limit(limit);
        self.responses.set_limit(limit);
    }

    /// The half that asks.
    pub fn client(&mut self) -> &mut Client<'static> {
        &mut self.client
    }

    /// The host's end of the requests.
    pub fn requests(&self) -> &DeviceConsumer<'static> {
        &self.requests
    }

    /// The host's end of the responses.
    pub fn responses(&self) -> &DeviceProducer<'static> {
        &self.responses
    }

    /// Whether attached launches still run.
    ///
    /// # Errors
    /// What the driver says if one has faulted.
    pub fn is_running(&self) -> Result<bool, GpuError> {
        self.requests.is_running()
    }

    /// Ends the stream of requests, and waits until the kernels have ended.
    ///
    /// # Errors
    /// As [`DeviceProducer::wait`].
    pub fn finish(self, limit: Duration) -> Result<(), GpuError> {
        let Self { client, requests, responses } = self;
        let begun = Instant::now();
        drop(client);
        requests.wait(limit)?;
        responses.wait(limit.saturating_sub(begun.elapsed()))
    }
}

impl LaunchTarget for Service {}

impl Target for Service {
    type Handle = DeviceService;

    fn launch_handle(&self) -> DeviceService {
        self.handle()
    }

    fn target_gpu(&self) -> &Gpu {
        self.requests.gpu()
    }

    fn stream(&self) -> CUstream {
        self.requests.raw_stream()
    }

    fn sessions(&self) -> impl Iterator<Item = &Session> {
        self.requests.sessions().chain(self.responses.sessions())
    }
}
