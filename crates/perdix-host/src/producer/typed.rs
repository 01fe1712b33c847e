//! Messages that are values of a type.

use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

use bytemuck::AnyBitPattern;
use perdix_core::{MessageLayout, Typed};

use super::{Grant, Producer};
use crate::error::ProduceError;
use crate::wait::Wait;

impl Producer<'_> {
    /// Reserves the next slot for a value that is made in place.
    ///
    /// ```
    /// # #[derive(Clone, Copy, Debug, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
    /// # #[repr(C)]
    /// # struct Row([f32; 60]);
    /// # impl perdix_host::Typed for Row {
    /// #     const KIND: u16 = 3;
    /// # }
    /// use perdix_host::Wait;
    /// let mut buffer = perdix_host::Buffer::new(8)?;
    /// let (mut producer, mut consumer) = buffer.split_mut();
    /// let mut row = producer.reserve_value::<Row>(Wait::Forever)?;
    /// row.0.fill(0.5);
    /// row.commit();
    /// assert_eq!(consumer.value::<Row>(Wait::No)?.0[59], 0.5);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`reserve`](Self::reserve).
    #[inline]
    pub fn reserve_value<T: Typed + AnyBitPattern>(
        &mut self,
        wait: impl Into<Wait>,
    ) -> Result<TypedGrant<'_, T>, ProduceError> {
        let len = MessageLayout::<T>::SIZE;
        self.room_for(len, wait.into())?;
        Ok(TypedGrant::new(Grant::new(self.core(), len)))
    }
}

/// A slot reserved for a value: write it, then [`commit`](Self::commit). Until you do its bytes are what an earlier message left there.
///
/// Dropping (or forgetting) it publishes nothing.
#[must_use = "a grant that is not committed publishes nothing"]
pub struct TypedGrant<'p, T> {
    grant: Grant<'p>,
    value: PhantomData<fn() -> T>,
}

impl<'p, T: Typed + AnyBitPattern> TypedGrant<'p, T> {
    /// The grant has the size of a `T`.
    #[inline(always)]
    fn new(mut grant: Grant<'p>) -> Self {
        grant.set_kind(T::KIND);
        Self { grant, value: PhantomData }
    }

    /// Publishes the value.
    #[inline]
    pub fn commit(self) {
        self.grant.commit();
    }
}

impl<T: Typed + AnyBitPattern> Deref for TypedGrant<'_, T> {
    type Target = T;

    #[inline(always)]
    fn deref(&self) -> &T {
        // SAFETY: the grant has the size of a `T` (`new`), a payload in a slot is aligned to 16, which is enough for any message type
        // (`MessageLayout`), and any bytes are a `T`.
        unsafe { &*self.grant.as_ptr().cast() }
    }
}

impl<T: Typed + AnyBitPattern> DerefMut for TypedGrant<'_, T> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as in `deref`; and a `T` has no padding (`NoUninit`), so that all bytes stay initialised.
        unsafe { &mut *self.grant.as_mut_ptr().cast() }
    }
}

impl<T: Typed + AnyBitPattern + fmt::Debug> fmt::Debug for TypedGrant<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TypedGrant").field(&**self).finish()
    }
}

/// The kind of a type that is known to fit a slot.
#[inline(always)]
pub(super) const fn kind_of<T: Typed>() -> u16 {
    const { assert!(MessageLayout::<T>::SIZE <= perdix_core::PAYLOAD_SIZE) };
    T::KIND
}
