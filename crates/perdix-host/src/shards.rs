//! Several rings as one value.

mod builder;
mod consumer;
mod counters;
mod error;
#[cfg(feature = "futures")]
mod stream;

pub use builder::ShardsBuilder;
pub use consumer::ShardedConsumer;
pub use counters::ShardCounters;
pub use error::ShardError;
#[cfg(feature = "futures")]
pub use stream::ShardStream;

use crate::buffer::Buffer;
use crate::consumer::Consumer;
use crate::error::CreateError;
use crate::producer::Producer;

/// A set of rings, made alike: for many producers, each with a ring of its own, and for more messages than one consumer thread
/// can read.
///
/// Each ring has one producer and one consumer. Order is kept per ring; between rings there is none. The consumers can go to
/// a thread each, or together into a [`ShardedConsumer`], which takes from all rings in turn.
///
/// ```
/// use perdix_host::{ShardedConsumer, Shards};
/// use std::thread;
///
/// let mut shards = Shards::new(4, 256)?;
/// let (producers, consumers) = shards.split_mut();
/// thread::scope(|scope| {
///     for (index, mut producer) in producers.into_iter().enumerate() {
///         scope.spawn(move || producer.produce_all((0..100).map(|_| [index as u8])));
///     }
///     let mut counts = [0; 4];
///     let mut consumer = ShardedConsumer::new(consumers);
///     let all = consumer.for_each(|ring, message| {
///         assert_eq!(message[0], ring as u8);
///         counts[ring] += 1;
///     });
///     assert_eq!((all, counts), (Ok(400), [100; 4]));
/// });
/// # Ok::<(), perdix_host::CreateError>(())
/// ```
#[derive(Debug)]
pub struct Shards {
    rings: Vec<Buffer>,
}

impl Shards {
    /// The most rings of a set: beyond it a consumer spends its time looking at empty ones.
    pub const MOST: usize = 1024;

    /// `count` rings of `slots` slots each (a power of two), with the defaults of [`Buffer::builder`].
    ///
    /// # Errors
    /// [`CreateError`] for an illegal number of rings or slots, or for lack of memory.
    pub fn new(count: usize, slots: usize) -> Result<Self, CreateError> {
        Self::builder(count).ring(Buffer::builder().slots(slots)).build()
    }

    /// A set of `count` rings (1 to [`MOST`](Self::MOST)) to order.
    pub fn builder(count: usize) -> ShardsBuilder {
        ShardsBuilder::new(count)
    }

    /// The halves of all rings, borrowed, in the order of the rings: for scoped threads, or one thread.
    ///
    /// When they are gone the set can be split again; the new halves go on where the old ones stopped.
    pub fn split_mut(&mut self) -> (Vec<Producer<'_>>, Vec<Consumer<'_>>) {
        self.rings.iter_mut().map(Buffer::split_mut).unzip()
    }

    /// The halves of all rings, owned, in the order of the rings: to move into threads. A ring's memory lives until both of its
    /// halves are gone.
    pub fn split(self) -> (Vec<Producer<'static>>, Vec<Consumer<'static>>) {
        self.rings.into_iter().map(Buffer::split).unzip()
    }

    /// How many rings there are.
    pub fn len(&self) -> usize {
        self.rings.len()
    }

    /// Never: there is at least one ring.
    pub fn is_empty(&self) -> bool {
        self.rings.is_empty()
    }

    /// Slots of each ring.
    pub fn capacity(&self) -> usize {
        self.rings.first().map_or(0, Buffer::capacity)
    }

    /// The rings, in the order of their indices.
    pub fn rings(&self) -> &[Buffer] {
        &self.rings
    }

    /// The same, to be split.
    #[cfg(feature = "cuda")]
    pub(crate) fn rings_mut(&mut self) -> &mut [Buffer] {
        &mut self.rings
    }

    /// A handle to the counters of all rings.
    pub fn counters(&self) -> ShardCounters {
        ShardCounters::new(self.rings.iter().map(Buffer::counters).collect())
    }
}
