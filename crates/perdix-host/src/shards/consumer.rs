//! One consumer for several rings.

use std::num::NonZeroUsize;
use std::time::Duration;

use perdix_core::Meta;

use super::{ShardCounters, ShardError};
use crate::consumer::{Consumer, Message, MessageBatch, MessageRef};
use crate::error::ConsumeError;
use crate::wait::{Wait, WaitStrategy, Waiter};

/// Messages that `for_each` takes from one ring before it turns to the next.
const TURN: usize = 32;

/// Looks at a quiet ring between questions what has become of its kernels, while other rings are busy.
const LOOKS_PER_QUESTION: u32 = 8192;

/// Takes messages from several rings in turn, and says of each which ring it is from.
///
/// *Fair*: every call begins with the ring behind the one that was served last, and takes no more from it than it was asked for.
/// So between two turns of a ring that has messages each other ring has one turn at most, however busy it is.
///
/// *Order* is kept per ring. *End*: when all rings have ended. *Errors* of one ring ([`ShardError::Ring`]) come when all its
/// messages have been delivered, once; the ring is left then, and further calls go on with the other rings:
///
/// ```
/// # use perdix_host::{ConsumeError, ShardError, ShardedConsumer, Shards};
/// # let (producers, consumers) = Shards::new(2, 8)?.split();
/// # drop(producers);
/// # let mut consumer = ShardedConsumer::new(consumers);
/// while let Err(error) = consumer.for_each(|ring, message| println!("{ring}: {message:?}")) {
///     eprintln!("{error}"); // as in "ring 3: the stream broke off before message 100: ..."
/// }
/// # Ok::<(), perdix_host::CreateError>(())
/// ```
///
/// Dropping it tells the producers of all
/// rings that nobody reads any more.
///
/// ```
/// use perdix_host::{ShardError, ShardedConsumer, Shards, Wait};
/// let mut shards = Shards::new(3, 8)?;
/// let (mut producers, consumers) = shards.split_mut();
/// let mut consumer = ShardedConsumer::new(consumers);
/// producers[0].produce_all([b"a", b"b", b"c"])?;
/// producers[2].produce(b"d")?;
/// drop(producers);
/// let mut turns = Vec::new();
/// loop {
///     match consumer.batch(2, Wait::Forever) {
///         Ok((ring, batch)) => turns.push((ring, batch.len())),
///         Err(ShardError::EndOfStream) => break,
///         Err(error) => return Err(error.into()),
///     }
/// }
/// assert_eq!(turns, [(0, 2), (2, 1), (0, 1)]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct ShardedConsumer<'a> {
    rings: Vec<Ring<'a>>,
    /// The place of the ring whose turn it is.
    turn: usize,
    wait: WaitStrategy,
}

#[derive(Debug)]
struct Ring<'a> {
    index: usize,
    consumer: Consumer<'a>,
    /// Its stream has ended or failed, and that was reported.
    over: bool,
    /// Looks since the last message.
    quiet: u32,
}

impl<'a> ShardedConsumer<'a> {
    /// A consumer of all these rings; a ring's index is its place in the vector. It waits as the first one does. Of no rings at all
    /// the stream has ended.
    pub fn new(consumers: Vec<Consumer<'a>>) -> Self {
        let wait = consumers.first().map_or_else(WaitStrategy::default, Consumer::wait_strategy);
        let ring = |(index, consumer)| Ring { index, consumer, over: false, quiet: 0 };
        Self { rings: consumers.into_iter().enumerate().map(ring).collect(), turn: 0, wait }
    }

    /// The same consumer with another wait strategy.
    #[must_use]
    pub fn with_wait(mut self, strategy: WaitStrategy) -> Self {
        self.wait = strategy;
        self
    }

    /// Deals the rings out to `parts` consumers, for as many threads: ring `i` goes to part `i % parts`. The rings keep their
    /// indices. There are no more parts than rings.
    ///
    /// ```
    /// # use perdix_host::{ShardedConsumer, Shards};
    /// # let (producers, consumers) = Shards::new(5, 8)?.split();
    /// # drop(producers);
    /// let parts = ShardedConsumer::new(consumers).into_parts(2.try_into()?);
    /// std::thread::scope(|scope| {
    ///     for mut part in parts {
    ///         scope.spawn(move || part.for_each(|ring, message| println!("{ring}: {message:?}")));
    ///     }
    /// });
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn into_parts(mut self, parts: NonZeroUsize) -> Vec<Self> {
        let part = |_| Self { rings: Vec::new(), turn: 0, wait: self.wait };
        let parts = parts.get().min(self.rings.len());
        let mut all: Vec<Self> = (0..parts).map(part).collect();
        for (place, ring) in self.rings.drain(..).enumerate() {
            all[place % parts].rings.push(ring);
        }
        all
    }

    /// How many rings it has, those that have ended included.
    pub fn len(&self) -> usize {
        self.rings.len()
    }

    /// Whether it has no rings.
    pub fn is_empty(&self) -> bool {
        self.rings.is_empty()
    }

    /// How many rings are not known to have ended.
    pub fn open(&self) -> usize {
        self.rings.iter().filter(|ring| !ring.over).count()
    }

    /// A handle to the counters of all rings, in the order of the rings.
    pub fn counters(&self) -> ShardCounters {
        ShardCounters::new(self.rings.iter().map(|ring| ring.consumer.counters()).collect())
    }

    /// The next message and its ring's index if one is there; if not, the error says why not.
    ///
    /// # Errors
    /// As [`next`](Self::next), with [`ShardError::Empty`].
    #[inline]
    pub fn try_next(&mut self) -> Result<(usize, Message<'_>), ShardError> {
        self.next(Wait::No)
    }

    /// The next message and its ring's index, waiting for it.
    ///
    /// # Errors
    /// [`ShardError::EndOfStream`], [`ShardError::Ring`].
    #[inline]
    pub fn consume(&mut self) -> Result<(usize, Message<'_>), ShardError> {
        self.next(Wait::Forever)
    }

    /// The next message and its ring's index, waiting for it as `wait` says.
    ///
    /// # Errors
    /// [`ShardError::EndOfStream`], [`ShardError::Ring`]; [`ShardError::Empty`] with [`Wait::No`],
    /// [`ShardError::TimedOut`] with a time limit.
    #[inline]
    pub fn next(&mut self, wait: impl Into<Wait>) -> Result<(usize, Message<'_>), ShardError> {
        let (place, meta) = self.find(wait.into())?;
        Ok(self.message(place, meta))
    }

    /// The messages that are there on the next ring that has some, up to `most`, as one guard, and the ring's
    /// index; if no ring has any, waits for the first as `wait` says. With `most` 0 the batch is empty.
    ///
    /// # Errors
    /// As [`next`](Self::next).
    #[inline]
    pub fn batch(
        &mut self,
        most: usize,
        wait: impl Into<Wait>,
    ) -> Result<(usize, MessageBatch<'_>), ShardError> {
        let (place, _) = self.find(wait.into())?;
        Ok(self.take_batch(place, most))
    }

    /// Calls `each` with every message that is there now and its ring's index, at most a ring full of each
    /// ring, and says how many there were.
    ///
    /// # Errors
    /// [`ShardError::EndOfStream`] when all rings have ended; [`ShardError::Ring`] when a ring has a gap or
    /// breaks off: what it and the rings before it had was delivered. Call it again to go on.
    pub fn drain(&mut self, mut each: impl FnMut(usize, MessageRef<'_>)) -> Result<usize, ShardError> {
        let (mut count, mut open) = (0, false);
        for ring in self.rings.iter_mut().filter(|ring| !ring.over) {
            match ring.consumer.drain(|message| each(ring.index, message)) {
                Ok(here) => {
                    count += here;
                    open = true;
                }
                Err(error) => ring.end(error)?,
            }
        }
        if open { Ok(count) } else { Err(ShardError::EndOfStream) }
    }

    /// Calls `each` with every message and its ring's index until all rings have ended, waiting for them, and says how many there
    /// were.
    ///
    /// # Errors
    /// [`ShardError::Ring`] when a ring breaks off; everything before has been delivered. Call it again to go on with the other rings.
    pub fn for_each(&mut self, mut each: impl FnMut(usize, MessageRef<'_>)) -> Result<u64, ShardError> {
        let mut count = 0;
        loop {
            match self.batch(TURN, Wait::Forever) {
                Ok((ring, batch)) => {
                    batch.iter().for_each(|message| each(ring, message));
                    count += batch.len() as u64;
                }
                Err(ShardError::EndOfStream) => return Ok(count),
                Err(error) => return Err(error),
            }
        }
    }
}

impl ShardedConsumer<'_> {
    /// Takes the message that `pick` found.
    #[inline]
    pub(super) fn message(&mut self, place: usize, meta: Meta) -> (usize, Message<'_>) {
        let ring = &mut self.rings[place];
        (ring.index, ring.consumer.take_message(meta))
    }

    /// Takes up to `most` messages of the ring that `pick` found to have some.
    #[inline]
    fn take_batch(&mut self, place: usize, most: usize) -> (usize, MessageBatch<'_>) {
        let ring = &mut self.rings[place];
        (ring.index, ring.consumer.take_batch(most))
    }

    #[inline]
    fn find(&mut self, wait: Wait) -> Result<(usize, Meta), ShardError> {
        match self.pick(false)? {
            Some(found) => Ok(found),
            None if wait == Wait::No => Err(ShardError::Empty),
            None => self.wait_long(wait.limit()),
        }
    }

    #[inline(never)]
    fn wait_long(&mut self, limit: Option<Duration>) -> Result<(usize, Meta), ShardError> {
        let mut waiter = Waiter::new(self.wait, limit);
        loop {
            waiter.pause().map_err(|waited| ShardError::TimedOut { waited })?;
            if let Some(found) = self.pick(waiter.is_time_to_look())? {
                return Ok(found);
            }
        }
    }

    /// The next ring in turn that has a message: its place, and the message's meta word. The turn goes to the one behind it.
    /// `ask`: also ask what has become of the kernels of rings that have none.
    #[inline]
    pub(super) fn pick(&mut self, ask: bool) -> Result<Option<(usize, Meta)>, ShardError> {
        let mut open = false;
        for place in (self.turn..self.rings.len()).chain(0..self.turn) {
            let ring = &mut self.rings[place];
            if ring.over {
                continue;
            }
            ring.quiet = ring.quiet.wrapping_add(1);
            match ring.consumer.look(ask || ring.quiet % LOOKS_PER_QUESTION == 0) {
                Ok(Some(meta)) => {
                    ring.quiet = 0;
                    self.turn = place + 1;
                    return Ok(Some((place, meta)));
                }
                Ok(None) => open = true,
                Err(error) => ring.end(error)?,
            }
        }
        if open { Ok(None) } else { Err(ShardError::EndOfStream) }
    }

    /// What to wait for when `pick` found nothing.
    #[cfg(feature = "futures")]
    pub(super) fn watches(&mut self) -> Vec<crate::poller::Watch> {
        self.rings.iter_mut().filter(|ring| !ring.over).map(|ring| ring.consumer.watch()).collect()
    }
}

impl Ring<'_> {
    /// Nothing more will come, unless it is but a gap. A ring that failed is left, so that whoever may still produce into it stops.
    #[cold]
    fn end(&mut self, error: ConsumeError) -> Result<(), ShardError> {
        if let ConsumeError::Gap { .. } = error {
            return Err(ShardError::Ring { ring: self.index, source: error });
        }
        self.over = true;
        if error == ConsumeError::EndOfStream {
            return Ok(());
        }
        self.consumer.leave();
        Err(ShardError::Ring { ring: self.index, source: error })
    }
}

impl Drop for ShardedConsumer<'_> {
    fn drop(&mut self) {
        // All before the first is dropped: a buffer may wait for its kernels, and they for room in the other rings.
        self.rings.iter_mut().for_each(|ring| ring.consumer.leave());
    }
}
