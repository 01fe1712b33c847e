//! Kernels that produce into a ring whose consumer is another process.

use std::sync::Arc;

use perdix_core::DeviceState;

use super::error::RoleError;
use super::peer::OtherProcess;
use super::ring::SharedRing;
use super::role::{Part, Role};
use crate::cuda::{DeviceProducer, Gpu, Registered, Session, Stream};
use crate::shared::Shared;

impl SharedRing {
    /// Becomes the producer, kernels of this process producing: the memory is registered with CUDA, and its pages stay where they are.
    /// Launch with [`Launch::start`](crate::cuda::Launch::start), as with a ring within one process.
    ///
    /// The consumer, in its process, notices when this one has ended; when all kernels have without ending the stream; and when this
    /// value was dropped, after the kernels have ended. A consumer that dies stops the kernels: see
    /// [`consumer_grace`](Self::consumer_grace).
    ///
    /// ```no_run
    /// use perdix_host::cuda::Gpu;
    /// use perdix_host::process::SharedRing;
    ///
    /// # const PTX: &str = "";
    /// let gpu = Gpu::open(0)?;
    /// let kernels = gpu.load(PTX)?;
    /// // SAFETY: the processes of this user keep to the protocol, and leave the ring's file alone.
    /// let producer = unsafe { SharedRing::open("results") }?.into_gpu(&gpu)?;
    /// let launch = kernels.launch("my_kernel")?.grid(1).block(256).arg(&producer).arg(1000_u64);
    /// // SAFETY: the arguments are those of `my_kernel`, which uses one block and this ring alone.
    /// unsafe { launch.start() }?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`into_producer`](Self::into_producer), and [`RoleError::Gpu`] if the memory cannot be registered.
    pub fn into_gpu(self, gpu: &Gpu) -> Result<DeviceProducer<'static>, RoleError> {
        let (file, mapping, ring, waits, grace) = self.into_parts();
        let registered = Registered::new(gpu, mapping)?;
        let start = ring.config().start;
        let session = Arc::new(Session::new(gpu, DeviceState::new(start, start))?);
        // All that can fail comes before the role, which cannot be given back.
        let stream = Arc::new(Stream::new(gpu)?);
        let watched = Arc::clone(&session);
        let lost = Some(Box::new(move || watched.lost().is_some()) as _);
        let role = Role::take(file, ring, Part::Producer { device: true, grace, lost })?;
        let device = registered.device_ptr();
        let consumer = Arc::new(OtherProcess::consumer(role));
        let producer = Arc::<Session>::clone(&session);
        let shared = Shared::attached(Box::new(registered), ring, waits, producer, consumer);
        Ok(DeviceProducer::new(&Arc::new(shared), gpu, device, session, stream))
    }
}
