//! A ring that processes share, before a role is taken.

use std::fmt;
use std::marker::PhantomData;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use perdix_core::{Mode, Producer as ProducerCore, Ring};

use super::copying::{CopyingConsumer, CopyingProducer};
use super::error::{RoleError, ShareError};
use super::file::RingFile;
use super::lock::{self, Byte, Lock};
use super::mapping::Mapping;
use super::peer::OtherProcess;
use super::role::{Part, Role};
use crate::builder::{Builder, Plan};
use crate::consumer::Consumer;
use crate::cores::ReadPosition;
use crate::counterpart::Thread;
use crate::memory::MemoryKind;
use crate::producer::Producer;
use crate::shared::Shared;
use crate::trace;
use crate::wait::{WaitStrategies, WaitStrategy};

/// The peers of a ring keep to the protocol: whoever said so wrote `unsafe`. So messages can be read
/// and written where they lie.
#[derive(Clone, Copy, Debug)]
pub enum Trusted {}

/// The peers of a ring may write anything into it at any time. They cannot take its memory away.
#[derive(Clone, Copy, Debug)]
pub enum Untrusted {}

/// A ring in memory that processes share. Take a role to use it: [`into_producer`](Self::into_producer),
/// [`into_consumer`](Self::into_consumer), or with the feature `cuda` `into_gpu`. For both roles in one
/// process, open it twice.
///
/// The type says whether this process trusts the others that have the ring. A ring with a name is
/// always one of trusted peers, and that is why making and opening one is `unsafe`:
///
/// ```
/// use perdix_host::Buffer;
/// use perdix_host::process::SharedRing;
///
/// let name = format!("example-{}", std::process::id());
/// // SAFETY: the processes of this user keep to the protocol, and leave the ring's file alone.
/// let ring = unsafe { Buffer::builder().slots(64).create_shared(&name) }?;
/// let mut producer = ring.into_producer()?;
/// producer.try_produce(b"Hello from one process!")?;
/// producer.finish();
///
/// // In another process of the same user:
/// // SAFETY: as above.
/// let mut consumer = unsafe { SharedRing::open(&name) }?.into_consumer()?;
/// assert_eq!(&consumer.consume()?[..], b"Hello from one process!");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// A ring without a name is one of untrusted peers. Its halves copy:
/// [`into_copying_producer`](Self::into_copying_producer),
/// [`into_copying_consumer`](Self::into_copying_consumer).
///
/// ```
/// use perdix_host::Buffer;
/// use perdix_host::process::SharedRing;
///
/// let ring = Buffer::builder().slots(64).create_anonymous()?;
/// let fd = ring.to_fd()?; // passed to another process
/// let mut producer = ring.into_copying_producer()?;
/// producer.try_produce(b"Hello from one process!")?;
/// producer.finish();
///
/// // There:
/// let mut consumer = SharedRing::from_fd(fd)?.into_copying_consumer()?;
/// assert_eq!(&consumer.consume()?[..], b"Hello from one process!");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Messages of untrusted peers are not read where they lie:
///
/// ```compile_fail,E0599
/// let ring = perdix_host::Buffer::builder().slots(4).create_anonymous()?;
/// let mut consumer = ring.into_consumer()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct SharedRing<Peers = Trusted> {
    file: RingFile,
    mapping: Mapping,
    ring: Ring,
    waits: WaitStrategies,
    tail_every: Option<u64>,
    grace: Duration,
    peers: PhantomData<Peers>,
}

impl<Peers> fmt::Debug for SharedRing<Peers> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedRing")
            .field("file", &self.file.to_string())
            .field("config", &self.ring.config())
            .finish()
    }
}

impl Builder {
    /// Makes the ring in shared memory without a name, sealed against any change of its length. It goes
    /// to the other process as a descriptor: [`SharedRing::to_fd`], [`SharedRing::from_fd`].
    ///
    /// # Errors
    /// [`ShareError`].
    pub fn create_anonymous(self) -> Result<SharedRing<Untrusted>, ShareError> {
        let plan = self.shared_plan()?;
        let (file, length) = RingFile::anonymous(plan.config.bytes()?)?;
        let mapping = Mapping::new(&file, length).map_err(ShareError::mapping(length, &file.to_string()))?;
        SharedRing::fresh(file, mapping, plan)
    }

    /// What a shared ring takes from a builder.
    pub(super) fn shared_plan(self) -> Result<Plan, ShareError> {
        match self.plan() {
            (_, Some(kind)) if kind != MemoryKind::Shared => Err(ShareError::Memory { kind }),
            (plan, _) => Ok(plan),
        }
    }
}

impl SharedRing<Untrusted> {
    /// Opens the ring of a descriptor that another process passed, by a Unix socket or by inheritance.
    /// The descriptor is closed: the ring gets one of its own.
    ///
    /// # Errors
    /// [`ShareError::NotSealed`] if its file is not a memory file, or could shrink;
    /// [`ShareError::Invalid`] if it holds no ring; [`ShareError::NoProc`].
    pub fn from_fd(fd: OwnedFd) -> Result<Self, ShareError> {
        let file = RingFile::passed(&fd)?;
        let locked = lock::lock(&file, Byte::Open, Lock::Shared);
        if !locked.map_err(ShareError::system("F_OFD_SETLK", file.to_string()))? {
            return Err(ShareError::InUse { name: file.to_string() });
        }
        // SAFETY: the file is sealed against shrinking.
        unsafe { Self::of_file(file) }
    }

    /// A descriptor to pass to another process. It closes on `exec`, and depends on nothing here: whatever
    /// becomes of it, this side's life and death are seen.
    ///
    /// # Errors
    /// [`ShareError::NoProc`], [`ShareError::System`].
    pub fn to_fd(&self) -> Result<OwnedFd, ShareError> {
        self.file.another()
    }

    /// The same ring with peers that this process trusts, for halves that do not copy.
    ///
    /// # Safety
    /// Every process that has a descriptor of the ring keeps to the protocol, and does not write into it
    /// otherwise, for as long as the ring or a half of it is here.
    pub unsafe fn trust_peers(self) -> SharedRing<Trusted> {
        let Self { file, mapping, ring, waits, tail_every, grace, peers: _ } = self;
        SharedRing { file, mapping, ring, waits, tail_every, grace, peers: PhantomData }
    }
}

impl SharedRing<Trusted> {
    /// Becomes the producer. A ring has one in its whole life: its stream ends with it.
    ///
    /// # Errors
    /// [`RoleError::ProducerThere`], [`RoleError::ProducerWasHere`].
    pub fn into_producer(self) -> Result<Producer<'static>, RoleError> {
        self.producer()
    }

    /// Becomes the consumer, and goes on where an earlier one stopped, if there was one: see the
    /// [module's documentation](super).
    ///
    /// # Errors
    /// [`RoleError::ConsumerThere`]; [`RoleError::Invalid`] if the ring's memory is corrupt.
    pub fn into_consumer(self) -> Result<Consumer<'static>, RoleError> {
        self.consumer()
    }

    /// All that it is made of.
    #[cfg(feature = "cuda")]
    pub(super) fn into_parts(self) -> (RingFile, Mapping, Ring, WaitStrategies, Duration) {
        (self.file, self.mapping, self.ring, self.waits, self.grace)
    }
}

impl<Peers> SharedRing<Peers> {
    /// Becomes the producer, as [`into_producer`](SharedRing::into_producer) does, with a half that
    /// copies messages into the ring word by word.
    ///
    /// # Errors
    /// As [`into_producer`](SharedRing::into_producer).
    pub fn into_copying_producer(self) -> Result<CopyingProducer, RoleError> {
        self.producer().map(CopyingProducer::new)
    }

    /// Becomes the consumer, as [`into_consumer`](SharedRing::into_consumer) does, with a half that
    /// copies messages out of the ring word by word, and lends nothing that a peer could change.
    ///
    /// # Errors
    /// As [`into_consumer`](SharedRing::into_consumer).
    pub fn into_copying_consumer(self) -> Result<CopyingConsumer, RoleError> {
        self.consumer().map(CopyingConsumer::new)
    }

    /// How the half of this process waits; as the builder said, or [`WaitStrategy::Backoff`] unless set.
    #[must_use]
    pub fn wait(mut self, strategy: WaitStrategy) -> Self {
        self.waits = WaitStrategies { producer: strategy, consumer: strategy };
        self
    }

    /// How many released slots a consumer of this process holds back at most before it tells the
    /// producer; as the builder said, or a quarter of the ring, at most 256, unless set. In fenced mode
    /// fewer than these messages may come again if it dies.
    #[must_use]
    pub fn release_every(mut self, messages: usize) -> Self {
        self.tail_every = Some(messages as u64);
        self
    }

    /// How long a producer of this process goes on as if nothing had happened when its consumer has died,
    /// so that another consumer can take over; no time unless set. A kernel that saw its consumer gone
    /// has stopped, and is not started again by a new one.
    #[must_use]
    pub fn consumer_grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// Slots.
    pub fn capacity(&self) -> usize {
        self.ring.capacity() as usize
    }

    /// How messages become visible.
    pub fn mode(&self) -> Mode {
        self.ring.mode()
    }

    fn producer(self) -> Result<Producer<'static>, RoleError> {
        let part = Part::Producer { device: false, grace: self.grace, lost: None };
        let role = Role::take(self.file, self.ring, part)?;
        // SAFETY: the role's lock is ours, and it had nobody before: this is the ring's only producer.
        let core = unsafe { ProducerCore::new(self.ring) };
        let consumer = Arc::new(OtherProcess::consumer(role));
        let memory = Box::new(self.mapping);
        let shared = Shared::attached(memory, self.ring, self.waits, Arc::new(Thread), consumer);
        Ok(Producer::new(Arc::new(shared), core))
    }

    fn consumer(self) -> Result<Consumer<'static>, RoleError> {
        let (role, mut core) = Role::take_consumer(self.file, self.ring)?;
        if let Some(messages) = self.tail_every {
            core = core.with_tail_every(messages);
        }
        core.reconnect();
        let producer = Arc::new(OtherProcess::producer(role));
        let memory = Box::new(self.mapping);
        let shared = Shared::attached(memory, self.ring, self.waits, producer, Arc::new(Thread));
        Ok(Consumer::new(Arc::new(shared), core, ReadPosition::default()))
    }

    /// An empty ring in a new file.
    pub(super) fn fresh(file: RingFile, mapping: Mapping, plan: Plan) -> Result<Self, ShareError> {
        let what = file.to_string();
        // SAFETY: the memory is new and nobody else's yet; the view is dropped with the mapping, or goes with it.
        let ring = unsafe { Ring::init(mapping.as_ptr(), mapping.len(), plan.config) };
        let ring = ring.map_err(|why| ShareError::Invalid { what: what.clone(), why })?;
        trace::made(&ring, &what);
        lock::try_lock(&file, Byte::Open, Lock::Shared).map_err(ShareError::system("F_OFD_SETLK", what))?;
        let Plan { waits, tail_every, .. } = plan;
        Ok(Self { file, mapping, ring, waits, tail_every, grace: Duration::ZERO, peers: PhantomData })
    }

    /// The ring in a file that is checked, and locked as open. Its identity is read once, here.
    ///
    /// # Safety
    /// The file does not become shorter while the ring or a half of it is here.
    pub(super) unsafe fn of_file(file: RingFile) -> Result<Self, ShareError> {
        let what = file.to_string();
        let length = usize::try_from(file.stat()?.st_size).unwrap_or(usize::MAX);
        let mapping = Mapping::new(&file, length.max(1)).map_err(ShareError::mapping(length, &what))?;
        // SAFETY: the file is that long and stays so, so the mapping is valid for reads and writes; the view is dropped with it, or goes
        // with it.
        let ring = unsafe { Ring::attach(mapping.as_ptr(), length) };
        let ring = ring.map_err(|why| ShareError::Invalid { what, why })?;
        let (waits, grace) = (WaitStrategies::default(), Duration::ZERO);
        Ok(Self { file, mapping, ring, waits, tail_every: None, grace, peers: PhantomData })
    }
}
