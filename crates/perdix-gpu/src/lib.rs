//! Device-side producers: messages leave a CUDA kernel while it runs. And device-side consumers:
//! messages enter it.
//!
//! A kernel gets a [`DeviceRing`] by value and makes one producer of it, by the granularity that
//! fits:
//!
//! | producer | who calls it | order of messages |
//! |---|---|---|
//! | [`ThreadProducer`] | one thread | the order of the calls |
//! | [`WarpProducer`] | all 32 lanes of one warp together | the order of the calls |
//! | [`BlockProducer`] | all threads of one block together | the order of the calls |
//! | [`GridProducer`] | any number of warps, each by itself | each warp's own order; warps interleave |
//!
//! Values of plain types are messages too, each type with a kind of its own ([`Typed`],
//! [`messages!`]): `send` of every producer, or a batch of [`Values`]. What a kernel wants to say
//! in words, it logs with [`event!`], from any thread ([`Events`]) or through a producer. Small
//! values of one type go many to a message: [`Records`] makes them by their number,
//! [`RecordPacker`] gathers what the lanes of a warp have. A kernel whose blocks spread over
//! several rings gets [`DeviceRings`]; a [`Shard`] tells a block which is its own.
//!
//! The other way, a kernel gets a [`DeviceInput`] and makes one [`ThreadConsumer`],
//! [`WarpConsumer`] or [`BlockConsumer`] of it, to take what a CPU sends; with a [`DeviceService`],
//! a ring each way, a [`WarpService`] answers requests.
//!
//! Only one producer (or one grid of them) uses a ring at a time. Every wait ends: after the ring's
//! time limit, or when the consumer is gone. What a producer keeps between messages stays on the
//! device; across the link go payload, sequence words and, when the credit is spent, one read of
//! the consumer's tail.
//!
//! On a GPU the crate needs a compiler that knows the PTX target; `perdix-build` finds and drives
//! one. Compiled for a CPU, the same code runs on [emulated lanes](emulation), so that kernels can
//! be tested without a GPU:
//!
//! ```
//! use perdix_gpu::{DeviceRing, WarpProducer, emulation};
//! # use perdix_gpu::emulation::EmulatedRing;
//!
//! perdix_gpu::kernel! {
//!     /// Sends 100 messages of 16 bytes.
//!     pub unsafe fn hundred(ring: DeviceRing) {
//!         // SAFETY: the host launches one warp on this ring.
//!         let Ok(mut producer) = (unsafe { WarpProducer::new(ring) }) else { return };
//!         for i in 0..100 {
//!             if producer.produce(0, 16, |_chunk| [i, i * i]).is_err() {
//!                 break;
//!             }
//!         }
//!         producer.finish();
//!     }
//! }
//!
//! let mut ring = EmulatedRing::new(128, perdix_core::Mode::Fenced);
//! // SAFETY: one warp, and the ring outlives the launch.
//! emulation::launch(1, 32, || unsafe { hundred(ring.handle()) });
//! assert_eq!(ring.received().len(), 100);
//! ```
#![cfg_attr(docsrs, feature(doc_cfg))]
#![cfg_attr(target_arch = "nvptx64", no_std)]
#![cfg_attr(
    target_arch = "nvptx64",
    feature(abi_ptx, asm_experimental_arch, link_llvm_intrinsics, stdarch_nvptx),
    allow(internal_features)
)]

mod consumers;
mod error;
pub mod events;
pub mod intrinsics;
mod kernel;
mod link;
mod packer;
mod producers;
mod records;
mod service;
mod shards;
mod source;
mod state;
mod stores;
mod typed;
mod value;
mod warp_size;
mod write;

#[cfg(not(target_arch = "nvptx64"))]
pub mod emulation;

pub use consumers::{BlockConsumer, ConsumeError, Received, ThreadConsumer, WarpConsumer, WarpMessage};
pub use error::{BatchError, Error};
pub use events::Events;
pub use intrinsics::{Block, Warp};
pub use packer::{PackError, PackInto, RecordPacker};
pub use perdix_core::{
    DeviceInput, DeviceRing, DeviceRings, DeviceService, DeviceState, Fault, KernelArg, LAYOUT_MARKER,
    MessageLayout, Mode, PAYLOAD_SIZE, PAYLOAD_WORDS, RecordLayout, Typed, messages,
};
pub use producers::{
    BlockProducer, ConvergedProducer, GridProducer, OwnHead, ThreadProducer, Ticket, WarpProducer,
};
pub use records::Records;
pub use service::{ServeError, WarpService};
pub use shards::{Shard, finish_unused};
pub use source::{Bytes, FromFn, Source};
pub use typed::Values;
