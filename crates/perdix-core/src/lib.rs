//! The slot layout and the sequence protocol of Perdix: one source, compiled for the CPU and for the GPU.
//!
//! A Perdix ring carries messages from one producer (a CUDA kernel or a CPU thread) to one consumer (a CPU
//! thread) through memory that both see. This crate holds what the two sides must agree on, and nothing else:
//! it is `no_std`, allocates nothing, never panics and never waits. Most users want `perdix-host` (buffers and
//! the blocking API) or `perdix-gpu` (producers for kernels) instead.
//!
//! * [`Slot`]: 256 bytes, a sequence word, a [`Meta`] word and 240 bytes of payload.
//! * [`Control`]: the lines ahead of the slots, each written by one side only.
//! * [`Ring`]: a view of such memory; [`Ring::init`] creates, [`Ring::attach`] checks what somebody else created.
//! * [`Producer`] and [`Consumer`]: the two halves of the protocol.
//! * [`Mode`]: how a message becomes visible, with a fence or with [sentinel words](sentinel).
//! * [`DeviceRing`], [`DeviceRings`] and [`DeviceState`]: what a kernel gets, and what device producers keep in device memory;
//!   [`DeviceInput`] and [`DeviceService`]: what a kernel gets that consumes, or that answers requests.
//! * [`policy`]: the rules that all producers and consumers share, as pure functions.
//! * [`Word`]: the one seam under the protocol, through which the same code runs on atomics, on a GPU and under
//!   a model checker.
//!
//! # The contract
//! Message `n` (counted from 0) lives in slot `n mod capacity` and is there when the slot's sequence word equals
//! `n + 1`. The consumer hands slots back by moving `tail`; a producer never writes message `n` before
//! `tail > n - capacity`. One producer and one consumer exist at a time; every shared word has one writer.
//!
//! ```
//! use perdix_core::{Config, Consumer, Mode, Poll, Producer, Ring};
//! use std::alloc::{Layout, alloc_zeroed, dealloc};
//!
//! let config = Config { capacity: 4, mode: Mode::Fenced, start: 0 };
//! let layout = Layout::from_size_align(config.bytes()?, 256)?;
//! // SAFETY: the layout is not empty.
//! let memory = unsafe { alloc_zeroed(layout) };
//! // SAFETY: the memory is ours alone, aligned, and as long as said.
//! let ring: Ring = unsafe { Ring::init(memory, layout.size(), config) }?;
//! // SAFETY: these are the ring's only producer and consumer.
//! let (mut producer, mut consumer) = unsafe { (Producer::new(ring), Consumer::new(ring)) };
//!
//! producer.push(7, 0, b"hello").map_err(|refused| format!("{refused:?}"))?;
//! if let Ok(Poll::Ready(meta)) = consumer.poll() {
//!     let mut bytes = [0; 240];
//!     assert_eq!(consumer.copy_next(meta, &mut bytes), 5);
//!     assert_eq!((meta.kind(), &bytes[..5]), (7, &b"hello"[..]));
//!     consumer.take(1, 5);
//!     consumer.settle();
//! }
//! # // SAFETY: allocated above with this layout, and neither half is used any more.
//! # unsafe { dealloc(memory, layout) };
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![cfg_attr(docsrs, feature(doc_cfg))]
#![no_std]
// Stable compilers build this for PTX too (with RUSTC_BOOTSTRAP=1); nothing of it is used elsewhere.
#![cfg_attr(target_arch = "nvptx64", feature(asm_experimental_arch))]

mod config;
mod consumer;
mod control;
mod device;
pub mod events;
mod kernel_arg;
mod lines;
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
mod typed;
mod word;

pub use config::{AttachError, Config, ConfigError, MAGIC, MAX_CAPACITY, VERSION};
pub use consumer::Consumer;
pub use control::{
    Attached, CURSOR_MASK, ConsumerLine, ConsumerStats, Control, Cursor, Identity, ProducerLine,
    ProducerStats, Reserved, Told,
};
pub use device::{
    DeviceInput, DeviceRing, DeviceRings, DeviceService, DeviceState, Fault, LAYOUT_MARKER, layout_versions,
};
pub use kernel_arg::KernelArg;
pub use meta::{Meta, flags};
pub use mode::Mode;
pub use poll::{Corruption, Poll};
pub use producer::Producer;
pub use producer::gap::publish_notice;
pub use records::RecordLayout;
pub use refused::Refused;
pub use ring::Ring;
pub use slot::{HEADER_SIZE, LINE, PAYLOAD_SIZE, PAYLOAD_WORDS, SLOT_SIZE, Slot};
#[doc(hidden)]
pub use typed::assert_distinct;
pub use typed::{
    AnyOf, FIRST_RESERVED_KIND, MessageLayout, Name, TypeMismatch, Typed, read_checked, read_in_place,
};
pub use word::Word;
