//! What kernels log with `perdix_gpu::event!`: decoded, formatted, with the time by this CPU's clock, while the kernel runs.
//!
//! A kernel sends no text: only the number of the place in its source, and the arguments. [`Sites`] knows the places; it is found in the
//! kernel's module. An [`EventReader`] takes events from a ring's consumer.
//!
//! ```
//! use perdix_host::events::{EventReader, Level, Sites};
//! use perdix_host::{Buffer, ConsumeError, Wait};
//! # use perdix_gpu::{DeviceRing, ThreadProducer, event};
//! # use perdix_gpu::emulation::EmulatedRing;
//! # let sites = Sites::of_this_program()?; // of kernels on emulated lanes; on a GPU: kernels.sites()
//! # let mut ring = EmulatedRing::new(16, perdix_gpu::Mode::Fenced);
//! # let mut producer = unsafe { ThreadProducer::new(ring.handle()) }?;
//! # event!(producer, WARN, "tile {} has a residual of {:.3}", 7_u32, 0.25_f32);
//! # producer.finish();
//! # let mut buffer = Buffer::new(16)?;
//! # let (mut cpu, mut consumer) = buffer.split_mut();
//! # for (kind, bytes) in ring.received() {
//! #     cpu.message(&bytes).kind(kind).send()?;
//! # }
//! # cpu.finish();
//! let mut reader = EventReader::new(&sites);
//! // In the kernel: event!(events, WARN, "tile {} has a residual of {:.3}", tile, residual);
//! let event = reader.next(&mut consumer, Wait::Forever)?;
//! assert_eq!(event.to_string(), "tile 7 has a residual of 0.250");
//! assert_eq!((event.level(), event.block(), event.thread()), (Level::Warn, 0, 0));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#[cfg(feature = "tracing")]
mod bridge;
mod clock;
mod error;
mod event;
mod reader;
mod sites;
mod text;
mod value;

pub use clock::GpuClock;
pub use error::{DecodeError, EventError};
pub use event::Event;
pub use perdix_core::events::{ArgumentType, EVENT_KIND, HeadError, Level, Scope};
pub use reader::EventReader;
pub use sites::{Site, Sites, SitesError};
pub use value::Value;
