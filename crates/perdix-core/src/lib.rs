//! The slot layout and the sequence protocol of Perdix: one source, compiled for the CPU and for
//! the GPU.
//!
//! A Perdix ring carries messages from one producer (a CUDA kernel or a CPU thread) to one consumer
//! (a CPU thread) through memory that both see. This crate holds what the two sides must agree on,
//! and nothing else: it is `no_std`, allocates nothing, never panics and never waits. Most users
//! want `perdix-host` (buffers and the blocking API) or `perdix-gpu` (producers for kernels)
//! instead.
//!
//! * [`Slot`]: 256 bytes, a sequence word, a [`Meta`] word and 240 bytes of payload.
//! * [`Control`]: the lines ahead of the slots, each written by one side only.
//! * [`Ring`]: a view of such memory; [`Ring::init`] creates, [`Ring::attach`] checks what somebody
//!   else created; a [`StaticRing`] is both memory and ring.
//! * [`Producer`] and [`Consumer`]: the two halves of the protocol.
//! * [`Mode`]: how a message becomes visible, with a fence or with [sentinel words](sentinel).
//! * [`DeviceRing`], [`DeviceRings`] and [`DeviceState`]: what a kernel gets, and what device
//!   producers keep in device memory;
//!   [`DeviceInput`] and [`DeviceService`]: what a kernel gets that consumes, or that answers requests.
//! * [`policy`]: the rules that all producers and consumers share, as pure functions.
//! * [`Word`]: the one seam under the protocol, through which the same code runs on atomics, on a
//!   GPU and under a model checker.
//!
//! # The contract
//! Message `n` (counted from 0) lives in slot `n mod capacity` and is there when the slot's
//! sequence word equals `n + 1`. The consumer hands slots back by moving `tail`; a producer never
//! writes message `n` before `tail > n - capacity`. One producer and one consumer exist at a time;
//! every shared word has one writer.
//!
//! ```
//! use perdix_core::{Mode, Poll, StaticRing};
//!
//! static RING: StaticRing<4> = StaticRing::new();
//! let (mut producer, mut consumer) = RING.split(Mode::Fenced).ok_or("the ring is in use")?;
//!
//! producer.push(7, 0, b"hello")?;
//! if let Poll::Ready(message) = consumer.poll()? {
//!     assert_eq!((message.meta().kind(), message.payload()), (7, &b"hello"[..]));
//!     message.take();
//!     consumer.recycle(); // its slot may be written again
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What is safe
//! No call of this crate's safe functions is undefined behaviour, whatever their order and
//! arguments. Somebody has to promise, with `unsafe`, that a region of memory is a ring
//! ([`Ring::init`], [`Ring::attach`]) and that a half is its only one ([`Producer::new`],
//! [`Consumer::new`]); [`StaticRing`] makes both promises itself. From then on tokens prove what
//! may be touched: a [`Ready`] message is read and taken, a [`Free`] slot is written and published.
//!
//! The targets are those with 64-bit pointers and atomics, and little-endian.
#![cfg_attr(docsrs, feature(doc_cfg))]
#![no_std]
// Stable compilers build this for PTX too (with RUSTC_BOOTSTRAP=1); nothing of it is used
// elsewhere.
#![cfg_attr(target_arch = "nvptx64", feature(asm_experimental_arch))]

#[cfg(not(target_endian = "little"))]
compile_error!(
    "Perdix needs a little-endian target: messages and words lie in memory as x86-64, AArch64 and GPUs have them"
);
#[cfg(not(target_pointer_width = "64"))]
compile_error!(
    "Perdix needs a target with 64-bit pointers: a handle for a kernel holds them, and a ring may have 256 GiB"
);
#[cfg(not(target_has_atomic = "64"))]
compile_error!("Perdix needs a target with 64-bit atomics: every shared word is one");

mod cache_lines;
mod chunk;
mod config;
mod consumer;
mod control;
mod device;
pub mod events;
mod fault;
mod kernel_arg;
mod meta;
mod mode;
mod observe;
pub mod policy;
mod poll;
mod producer;
mod records;
mod refused;
mod ring;
pub mod sentinel;
mod slot;
mod static_ring;
mod typed;
mod word;

pub use chunk::Chunk16;
pub use config::{AttachError, Config, ConfigError, MAGIC, MAX_CAPACITY, VERSION};
pub use consumer::{Consumer, Ready};
pub use control::{
    Attached, CURSOR_MASK, ConsumerLine, ConsumerStats, Control, Cursor, Identity, ProducerLine,
    ProducerStats, Reported, Reserved,
};
pub use device::{
    DeviceInput, DeviceRing, DeviceRings, DeviceService, DeviceState, LAYOUT_MARKER, layout_versions,
};
pub use fault::Fault;
pub use kernel_arg::KernelArg;
pub use meta::{Meta, flags};
pub use mode::Mode;
pub use poll::{Corruption, Poll};
pub use producer::gap::publish_gap_marker;
pub use producer::{Free, Producer};
pub use records::RecordLayout;
pub use refused::Refused;
pub use ring::Ring;
pub use slot::{HEADER_SIZE, LINE, PAYLOAD_SIZE, PAYLOAD_WORDS, SLOT_SIZE, Slot};
pub use static_ring::StaticRing;
#[doc(hidden)]
pub use typed::assert_distinct;
pub use typed::{
    AnyOf, FIRST_RESERVED_KIND, MessageLayout, Name, TypeMismatch, Typed, read_checked, read_in_place,
};
pub use word::Word;
