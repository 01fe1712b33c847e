//! Kernels that produce, consume or answer: memory that both sides see, kernels, and their life (feature `cuda`).
//!
//! ```no_run
//! use perdix_host::Buffer;
//! use perdix_host::cuda::Gpu;
//!
//! # const PTX: &str = "";
//! let gpu = Gpu::open(0)?;
//! let kernels = gpu.load(PTX)?; // made by `perdix-build` from a crate that uses `perdix-gpu`
//! let mut buffer = Buffer::builder().slots(65536).gpu(&gpu).build()?;
//! let (producer, mut consumer) = buffer.split_gpu()?;
//! let launch = kernels.launch("my_kernel")?.grid(1).block(256).arg(&producer).arg(1000_u64);
//! // SAFETY: the arguments are those of `my_kernel`, which uses one block and this ring alone.
//! unsafe { launch.start() }?;
//! let messages = consumer.for_each(|message| println!("{message:?}"))?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! * The kernel writes while the consumer reads: nothing waits for the kernel to end.
//! * A consumer that waits notices when the kernel has ended or faulted without ending the stream
//!   ([`ConsumeError::ProducerLost`](crate::ConsumeError::ProducerLost)).
//! * [`Shards::split_gpu`](crate::Shards::split_gpu) gives a kernel several rings; its launches are attached to all of them.
//! * [`Buffer::split_gpu_consumer`](crate::Buffer::split_gpu_consumer) makes kernels the consumer of what a CPU sends; a [`Service`] has a ring each
//!   way, for a kernel that answers requests.
//! * Dropping the consumer makes the kernel's producers stop; dropping the last part of a buffer waits for the launches attached
//!   to it, a bounded time, and rather leaks the memory than frees what a kernel may still write to.
//! * Programs with their own context, streams or module loader pass raw handles: [`Gpu::from_context`],
//!   [`DeviceProducer::attach`].

mod attach;
mod consumer;
mod copy;
mod counterpart;
mod driver;
mod error;
mod event;
mod gpu;
mod kernels;
mod launch;
mod launching;
mod memory;
mod module;
mod producer;
#[cfg(target_os = "linux")]
mod registered;
mod relaxed;
mod service;
mod session;
mod shards;
mod stream;
mod under_way;

pub use attach::LaunchTarget;
pub use consumer::DeviceConsumer;
pub use cust::device::DeviceAttribute;
pub use cust::sys;
pub use error::GpuError;
pub use gpu::{Current, Gpu};
pub use kernels::Kernels;
pub use launch::{Argument, Attached, Launch, Plain};
pub use memory::{DeviceBytes, Mapped};
pub use perdix_core::{DeviceInput, DeviceRing, DeviceRings, DeviceService, KernelArg};
pub use producer::DeviceProducer;
#[cfg(target_os = "linux")]
pub(crate) use registered::Registered;
pub use service::Service;
#[cfg(target_os = "linux")]
pub(crate) use session::Session;
pub use shards::DeviceShards;
#[cfg(target_os = "linux")]
pub(crate) use stream::Stream;
