//! The host's end of a set of rings whose producers are kernels.

use std::sync::Arc;
use std::time::{Duration, Instant};

use cust::sys::CUstream;
use perdix_core::{DeviceRing, DeviceRings};

use super::attach::target::Target;
use super::attach::{LaunchTarget, around};
use super::error::GpuError;
use super::gpu::Gpu;
use super::memory::DeviceBytes;
use super::producer::DeviceProducer;
use super::session::Session;
use crate::buffer::Buffer;
use crate::consumer::Consumer;
use crate::shards::{ShardCounters, Shards};

impl Shards {
    /// The halves of all rings, the producers being kernels: borrowed. Messages that are still in the rings come first.
    ///
    /// ```no_run
    /// use perdix_host::cuda::Gpu;
    /// use perdix_host::{Buffer, ShardedConsumer, Shards};
    ///
    /// # const PTX: &str = "";
    /// let gpu = Gpu::open(0)?;
    /// let kernels = gpu.load(PTX)?;
    /// let mut shards = Shards::builder(8).ring(Buffer::builder().slots(65536).gpu(&gpu)).build()?;
    /// let (device, consumers) = shards.split_gpu()?;
    /// let launch = kernels.launch("my_kernel")?.grid(8).block(256).arg(&device).arg(1000_u64);
    /// // SAFETY: the arguments are those of `my_kernel`, which uses these rings alone.
    /// unsafe { launch.start() }?;
    /// let mut consumer = ShardedConsumer::new(consumers);
    /// consumer.for_each(|ring, message| println!("{ring}: {message:?}"))?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`GpuError::NotReachable`] if the rings lie in heap memory, [`GpuError::Driver`].
    pub fn split_gpu(&mut self) -> Result<(DeviceShards<'_>, Vec<Consumer<'_>>), GpuError> {
        split(self.rings_mut())
    }

    /// The halves of all rings, the producers being kernels: owned, to move into threads.
    ///
    /// Drop the consumers of a running kernel together, as a [`ShardedConsumer`](crate::ShardedConsumer) does: the last part of a ring
    /// waits for its kernels, which may in turn wait for room in another ring.
    ///
    /// # Errors
    /// As [`split_gpu`](Self::split_gpu).
    pub fn into_gpu(mut self) -> Result<(DeviceShards<'static>, Vec<Consumer<'static>>), GpuError> {
        split(self.rings_mut())
    }
}

/// The host's end of a set of rings whose producers are kernels: gives them their handle, and knows when they have ended.
///
/// All launches go to one stream, and are attached to every ring: a consumer that waits on any of them notices when the kernel has
/// ended or faulted without ending that ring's stream. Dropping it says that nothing more will be launched; it does not wait.
#[derive(Debug)]
pub struct DeviceShards<'a> {
    producers: Vec<DeviceProducer<'a>>,
    /// The rings' handles, as the last `set_limit` made them.
    handles: Arc<DeviceBytes>,
}

impl<'a> DeviceShards<'a> {
    /// What kernels get: pass it by value. It is valid until all consumers, this value and the [`Shards`] are gone.
    pub fn rings(&self) -> DeviceRings {
        DeviceRings {
            rings: self.handles.device_ptr() as *const DeviceRing,
            count: self.producers.len() as u64,
        }
    }

    /// Each ring by itself, in the order of the rings: for kernels that produce into one of them. They share the stream.
    pub fn producers(&self) -> &[DeviceProducer<'a>] {
        &self.producers
    }

    /// How many rings there are.
    pub fn len(&self) -> usize {
        self.producers.len()
    }

    /// Never: there is at least one ring.
    pub fn is_empty(&self) -> bool {
        self.producers.is_empty()
    }

    /// Sets how long device producers of all rings wait for a free slot before they give up; 10 s unless set. Only handles taken
    /// afterwards carry it; kernels that have earlier ones are not disturbed.
    ///
    /// # Errors
    /// [`GpuError::Driver`] if the new handles do not get to the device; the limit is as it was then.
    pub fn set_limit(&mut self, limit: Duration) -> Result<(), GpuError> {
        let before = self.producers.first().map_or(limit, |ring| Duration::from_nanos(ring.ring().limit_ns));
        self.producers.iter_mut().for_each(|ring| ring.set_limit(limit));
        match upload(&self.producers) {
            Ok(handles) => self.handles = handles,
            Err(error) => {
                self.producers.iter_mut().for_each(|ring| ring.set_limit(before));
                return Err(error);
            }
        }
        Ok(())
    }

    /// Has `launch` launch kernels by other means into `stream`, behind what is there, and attaches them to the life of every ring.
    ///
    /// # Errors
    /// As [`DeviceProducer::launch_with`].
    ///
    /// # Safety
    /// As for [`DeviceProducer::launch_with`].
    pub unsafe fn launch_with<T, E: From<GpuError>>(
        &self,
        stream: CUstream,
        launch: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, E> {
        // SAFETY: the caller's contract.
        unsafe { around(self.gpu(), self.sessions(), stream, launch) }
    }

    /// Attaches all that is in `stream` now to the life of every ring: for kernels that were launched already. As
    /// [`DeviceProducer::attach`].
    ///
    /// # Errors
    /// As [`DeviceProducer::attach`].
    ///
    /// # Safety
    /// The stream is alive and belongs to the rings' context.
    pub unsafe fn attach(&self, stream: CUstream) -> Result<(), GpuError> {
        // A ring that could not be attached is no reason to leave out those behind it.
        let mut result = Ok(());
        for ring in &self.producers {
            // SAFETY: the caller's contract.
            result = result.and(unsafe { ring.attach(stream) });
        }
        result
    }

    /// Waits until all attached launches have ended, faulted ones included.
    ///
    /// # Errors
    /// As [`DeviceProducer::wait`].
    pub fn wait(&self, limit: Duration) -> Result<(), GpuError> {
        let begun = Instant::now();
        for ring in &self.producers {
            ring.wait(limit.saturating_sub(begun.elapsed())).map_err(|error| match error {
                GpuError::StillRunning(_) => GpuError::StillRunning(begun.elapsed()),
                other => other,
            })?;
        }
        Ok(())
    }

    /// Whether attached launches still run.
    ///
    /// # Errors
    /// What the driver says if one has faulted.
    pub fn is_running(&self) -> Result<bool, GpuError> {
        for ring in &self.producers {
            if ring.is_running()? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The stream on which [`Launch::start`](super::Launch::start) starts kernels.
    pub fn raw_stream(&self) -> CUstream {
        self.first().raw_stream()
    }

    /// The device.
    pub fn gpu(&self) -> &Gpu {
        self.first().gpu()
    }

    /// A handle to the counters of all rings. A device producer's are there once it has finished.
    pub fn counters(&self) -> ShardCounters {
        ShardCounters::new(self.producers.iter().map(DeviceProducer::counters).collect())
    }

    /// What all rings have in common, the first has.
    fn first(&self) -> &DeviceProducer<'a> {
        &self.producers[0]
    }
}

impl Target for DeviceShards<'_> {
    type Handle = DeviceRings;

    fn launch_handle(&self) -> DeviceRings {
        self.rings()
    }

    fn target_gpu(&self) -> &Gpu {
        self.first().gpu()
    }

    fn stream(&self) -> CUstream {
        self.raw_stream()
    }

    fn sessions(&self) -> impl Iterator<Item = &Session> {
        self.producers.iter().flat_map(DeviceProducer::sessions)
    }
}

impl LaunchTarget for DeviceShards<'_> {}

/// The halves of rings that are borrowed mutably or owned.
fn split<'a>(rings: &mut [Buffer]) -> Result<(DeviceShards<'a>, Vec<Consumer<'a>>), GpuError> {
    let mut producers: Vec<DeviceProducer<'a>> = Vec::with_capacity(rings.len());
    let mut consumers = Vec::with_capacity(rings.len());
    for ring in rings {
        let stream = producers.first().map(DeviceProducer::shared_stream);
        let (producer, consumer) = DeviceProducer::split(ring, stream)?;
        producers.push(producer);
        consumers.push(consumer);
    }
    let handles = upload(&producers)?;
    Ok((DeviceShards { producers, handles }, consumers))
}

/// Puts the rings' handles into device memory, where they stay as long as any ring's state.
fn upload(rings: &[DeviceProducer<'_>]) -> Result<Arc<DeviceBytes>, GpuError> {
    let [first, ..] = rings else { return Err(GpuError::NotReachable) };
    let handles: Vec<DeviceRing> = rings.iter().map(DeviceProducer::ring).collect();
    let (start, len) = (handles.as_ptr().cast::<u8>(), size_of_val(handles.as_slice()));
    // SAFETY: plain structs of 8-byte words without holes, all initialised (their size is asserted to be the words').
    let bytes = unsafe { std::slice::from_raw_parts(start, len) };
    let memory = Arc::new(DeviceBytes::new(first.gpu(), bytes)?);
    rings.iter().flat_map(DeviceProducer::sessions).for_each(|session| session.retain(&memory));
    Ok(memory)
}
