//! Messages out of a running kernel: a lock-free, zero-copy ring between one producer and one consumer thread.
//!
//! A [`Buffer`] is a ring of 256-byte slots. Its [`Producer`] writes messages of up to 240 bytes straight into a slot, its
//! [`Consumer`] reads them where they lie. With the ring in memory that a GPU sees too, the producer can be a kernel;
//! the consumer does not notice the difference.
//!
//! * *Full*: every slot holds a message that the consumer has not released. [`Producer::try_produce`] says
//!   so, [`Producer::produce`] waits. Nothing is ever overwritten or dropped unless you ask for it
//!   ([`Outgoing::send_or_drop`]).
//! * *Empty*: nothing published yet. [`Consumer::try_next`] says so, [`Consumer::consume`] waits.
//! * *Waiting*: [`Producer::message`], [`Consumer::next`] and all calls for more than a message take a
//!   [`Wait`]: not at all, for ever, or for how long. What a half does meanwhile is its [`WaitStrategy`].
//! * *End*: dropping the producer (or [`Producer::finish`]) ends the stream; the consumer still gets all that was published.
//!   Dropping the consumer makes the producer's calls fail with [`ProduceError::ConsumerGone`].
//! * A [`Message`] borrows its slot; dropping it releases the slot. Forgetting any guard loses, repeats and
//!   corrupts nothing: the slot is released with the next one.
//! * *Typed messages*: values of plain types, the same in the kernel and on the host, each with a kind of its own
//!   ([`Producer::value`], [`Consumer::value`], [`messages!`]).
//! * *Records*: small values of one type go many to a slot ([`Producer::records`]) and are read where they lie
//!   ([`Consumer::for_each_record`]).
//! * *Bytes*: a consumer is read as a file is ([`Consumer::reader`]), a producer written to ([`Producer::writer`]).
//! * *Tasks*: with the feature `futures`, `Consumer::into_stream`, `Consumer::next_message` and `Producer::into_sink` on any executor.
//! * *Seen from outside*: [`Counters`]; with the features `metrics` and `tracing` those facades.
//! * *Requests and responses*: a [`Client`] has a ring each way, to a thread or a kernel that answers.
//! * One producer, one consumer, in order. Both halves are `Send`, neither is `Sync` or `Clone`. [`Shards`] are several rings at
//!   once, for many producers and one consumer ([`ShardedConsumer`]) or many.
//!
//! ```
//! use perdix_host::Buffer;
//! use std::thread;
//!
//! let mut buffer = Buffer::new(4096)?;
//! let (mut producer, mut consumer) = buffer.split_mut();
//! thread::scope(|scope| {
//!     scope.spawn(move || {
//!         for i in 0u64..1000 {
//!             producer.produce(&i.to_le_bytes()).expect("the consumer stays");
//!         }
//!     });
//!     let mut sum = 0;
//!     let end = consumer.for_each(|message| sum += u64::from(message[0]));
//!     assert_eq!(end?, 1000);
//!     Ok::<(), Box<dyn std::error::Error>>(())
//! })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![cfg_attr(docsrs, feature(doc_cfg))]

mod buffer;
mod builder;
mod client;
mod close;
mod consumer;
mod cores;
mod counterpart;
mod counters;
#[cfg(feature = "cuda")]
pub mod cuda;
mod emulated;
mod error;
pub mod events;
#[cfg(any(feature = "futures", feature = "metrics"))]
mod fork;
mod memory;
#[cfg(feature = "metrics")]
pub mod metrics;
#[cfg(feature = "futures")]
pub mod poller;
#[cfg(target_os = "linux")]
pub mod process;
mod producer;
mod ptx;
mod records;
mod shards;
mod shared;
mod trace;
mod typed;
mod wait;

pub use buffer::Buffer;
pub use builder::Builder;
pub use client::{CallError, Client, Request, Response};
pub use close::CloseError;
#[cfg(feature = "futures")]
pub use close::Closing;
pub use consumer::{
    Consumer, IntoMessages, Large, Message, MessageBatch, MessageRef, Messages, OwnedMessage, Reader,
    RecordBatch, TypedMessage,
};
#[cfg(feature = "futures")]
pub use consumer::{MessageStream, Ready};
pub use counterpart::StillInUse;
pub use counters::{Counters, Snapshot};
pub use emulated::{EmulatedProducer, LaneFault};
pub use error::{ConsumeError, CreateError, Disconnected, ProduceAllError, ProduceError};
pub use memory::MemoryKind;
pub use perdix_core::{
    AnyOf, Corruption, DeviceRing, Fault, MessageLayout, Mode, PAYLOAD_SIZE, RecordLayout, SLOT_SIZE,
    TypeMismatch, Typed, messages,
};
pub use producer::{Batch, Grant, Outgoing, Producer, RecordProducer, TypedGrant, Writer};
#[cfg(feature = "futures")]
pub use producer::{MessageSink, Room, SinkError};
pub use records::{ConsumeRecordsError, PushAllError, RecordError};
#[cfg(feature = "futures")]
pub use shards::ShardStream;
pub use shards::{ShardCounters, ShardError, ShardedConsumer, Shards, ShardsBuilder};
pub use typed::ReceiveError;
pub use wait::{Wait, WaitStrategy};
