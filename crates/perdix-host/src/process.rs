//! Rings that two processes of one user share (Linux): a producer in one, the consumer in another.
//!
//! [`Builder::create_shared`](crate::Builder::create_shared) makes a ring with a name,
//! [`SharedRing::open`] opens it; [`Builder::create_anonymous`](crate::Builder::create_anonymous)
//! makes one without, which goes to the other process as a descriptor. Each process then takes a
//! role, and has the same [`Producer`](crate::Producer) or [`Consumer`](crate::Consumer) as within
//! one process. With the feature `cuda` the producer can be kernels (`SharedRing::into_gpu`).
//!
//! * **A producer that dies** without ending the stream: the consumer gets all that was published,
//!   then [`ConsumeError::ProducerLost`](crate::ConsumeError::ProducerLost) with the number of the
//!   first message that did not come. A ring carries one stream: for another producer, create
//!   another ring.
//! * **A consumer that dies**: producing calls fail with
//!   [`ProduceError::ConsumerGone`](crate::ProduceError::ConsumerGone) within about 20 ms, also
//!   those that do not wait, and kernels stop ([`SharedRing::consumer_grace`] allows time for a
//!   successor). Another consumer may take the role, and goes on. In fence-free mode it begins with
//!   the first message whose guard the dead one had not dropped. In fenced mode also up to
//!   [`release_every`](SharedRing::release_every) − 1 messages before that come again. None is left
//!   out. A consumer that leaves is succeeded exactly, in both modes.
//! * **Names** last until the stream has been read to its end, or what came of it if its producer
//!   died: the consumer that has seen that takes the name away when it is dropped. What is left
//!   behind otherwise is replaced by the next ring of that name, and found by [`Directory::list`]
//!   and [`Directory::cleanup`].
//! * **Others** have no access: the directory has mode 700, rings have mode 600, and both are
//!   checked to be this user's.
//! * **Peers of the same user** can write anything into a ring, and shrink the file of one with a
//!   name. Whoever opens a ring with a name vouches that none does, by `unsafe`. A ring without a
//!   name is sealed, and its halves copy ([`CopyingProducer`], [`CopyingConsumer`]): they need no
//!   trust.
//! * A process that **forks** without `exec` shares its roles with the child: it counts as alive
//!   until both have ended, and one of the two may go on. In the child of a producer calls that
//!   wait notice the consumer's death; the others only see that the ring is full.

mod copying;
mod directory;
mod error;
mod file;
mod folder;
#[cfg(feature = "cuda")]
mod gpu;
mod listing;
mod lock;
mod mapping;
mod name;
mod newfile;
mod peer;
mod ring;
mod role;
mod space;
mod user;
mod watch;

pub use copying::{CopyingConsumer, CopyingMessages, CopyingProducer};
pub use directory::Directory;
pub use error::{RoleError, ShareError};
pub use listing::{Holder, Listed, RingState};
#[cfg(feature = "cuda")]
pub(crate) use mapping::Mapping;
pub use name::NameError;
pub use ring::{SharedRing, Trusted, Untrusted};
