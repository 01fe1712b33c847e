//! Messages out of a running kernel: a lock-free, zero-copy ring between one producer and one consumer thread.
//!
//! A [`Buffer`] is a ring of 256-byte slots. Its [`Producer`] writes messages of up to 240 bytes straight into a slot, its
//! [`Consumer`] reads them where they lie. With the ring in memory that a GPU sees too, the producer can be a kernel;
//! the consumer does not notice the difference.
//!
//! * *Full*: every slot holds a message that the consumer has not released. `try_` methods say so, the others wait. Nothing
//!   is ever overwritten or dropped unless you ask for it ([`Producer::produce_or_drop`]).
//! * *Empty*: nothing published yet. [`Consumer::try_consume`] returns `None`; [`Consumer::consume`] waits as the
//!   [`WaitStrategy`] says.
//! * *End*: dropping the producer (or [`Producer::finish`]) ends the stream; the consumer still gets all that was published.
//!   Dropping the consumer makes the producer's calls fail with [`ProduceError::ConsumerGone`].
//! * A [`Message`] borrows its slot; dropping it releases the slot. Forgetting any guard loses, repeats and
//!   corrupts nothing: the slot is released with the next one.
//! * *Records*: small values of one type go many to a slot ([`Producer::records`]) and are read where they lie
//!   ([`Consumer::for_each_record`]).
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

mod buffer;
mod builder;
mod client;
mod consumer;
mod counters;
#[cfg(feature = "cuda")]
pub mod cuda;
mod error;
mod liveness;
mod memory;
mod peer;
#[cfg(target_os = "linux")]
pub mod process;
mod producer;
mod records;
mod shards;
mod shared;
mod wait;

pub use buffer::Buffer;
pub use builder::Builder;
pub use client::{CallError, Client, Response};
pub use consumer::{Consumer, Large, Message, MessageBatch, MessageRef, Messages, OwnedMessage, RecordBatch};
pub use counters::{Counters, Snapshot};
pub use error::{ConsumeError, CreateError, ProduceAllError, ProduceError};
pub use memory::MemoryKind;
pub use perdix_core::{Corruption, Fault, Mode, PAYLOAD_SIZE, RecordLayout, SLOT_SIZE};
pub use producer::{Batch, Grant, Producer, RecordProducer};
pub use records::{ConsumeRecordsError, PushAllError, RecordError};
pub use shards::{ShardCounters, ShardError, ShardedConsumer, Shards, ShardsBuilder};
pub use wait::WaitStrategy;
