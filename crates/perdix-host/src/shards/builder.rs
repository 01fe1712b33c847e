//! A set of rings made to order.

use super::Shards;
use crate::buffer::Buffer;
use crate::builder::Builder;
use crate::error::CreateError;

/// Makes [`Shards`] to order.
///
/// ```
/// use perdix_host::{Buffer, Mode, Shards};
/// let shards = Shards::builder(8).ring(Buffer::builder().slots(64).mode(Mode::FenceFree)).build()?;
/// assert_eq!((shards.len(), shards.capacity(), shards.rings()[7].mode()), (8, 64, Mode::FenceFree));
/// # Ok::<(), perdix_host::CreateError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct ShardsBuilder {
    count: usize,
    ring: Builder,
}

impl ShardsBuilder {
    pub(super) fn new(count: usize) -> Self {
        Self { count, ring: Buffer::builder() }
    }

    /// What every ring is like; as [`Buffer::builder`] gives them unless set.
    pub fn ring(mut self, ring: Builder) -> Self {
        self.ring = ring;
        self
    }

    /// Makes the rings.
    ///
    /// # Errors
    /// [`CreateError::Shards`] for no rings or more than [`Shards::MOST`]; otherwise as [`Builder::build`].
    pub fn build(self) -> Result<Shards, CreateError> {
        if self.count == 0 || self.count > Shards::MOST {
            return Err(CreateError::Shards { asked: self.count, limit: Shards::MOST });
        }
        let rings: Result<_, _> = (0..self.count).map(|_| self.ring.clone().build()).collect();
        Ok(Shards { rings: rings? })
    }
}
