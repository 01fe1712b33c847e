//! Messages as values of a type, where they lie.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

use bytemuck::AnyBitPattern;
use perdix_core::{
    AnyOf, Consumer as Core, MessageLayout, Meta, TypeMismatch, Typed, read_checked, read_in_place,
};

use super::{Consumer, Message, MessageRef, OwnedMessage};
use crate::typed::ReceiveError;
use crate::wait::Wait;

/// Messages of one type. A message of another kind or size is an error that says what it is, and is left for `try_next`.
impl Consumer<'_> {
    /// The next message as a value where it lies, waiting for it as `wait` says.
    ///
    /// ```
    /// #[derive(Clone, Copy, Debug, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
    /// #[repr(C)]
    /// struct Residual {
    ///     step: u32,
    ///     value: f32,
    /// }
    /// impl perdix_host::Typed for Residual {
    ///     const KIND: u16 = 7;
    /// }
    ///
    /// use perdix_host::Wait;
    /// let mut buffer = perdix_host::Buffer::new(8)?;
    /// let (mut producer, mut consumer) = buffer.split_mut();
    /// producer.value(&Residual { step: 1, value: 0.5 }).send()?;
    /// producer.produce(b"text")?;
    /// assert_eq!(consumer.value::<Residual>(Wait::Forever)?.value, 0.5);
    /// assert!(consumer.value::<Residual>(Wait::Forever).is_err());
    /// assert_eq!(&consumer.consume()?[..], b"text"); // nothing was lost
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`ReceiveError::Stream`] as [`next`](Self::next), [`ReceiveError::Mismatch`] if the next message is
    /// none of this type. It stays in the ring.
    #[inline]
    pub fn value<T: Typed + AnyBitPattern>(
        &mut self,
        wait: impl Into<Wait>,
    ) -> Result<TypedMessage<'_, T>, ReceiveError> {
        let meta = self.find(wait.into())?;
        TypedMessage::take(self.core(), meta)
    }

    /// The next message as a copy that was checked: for types of which not all bytes are a value.
    ///
    /// # Errors
    /// As [`value`](Self::value); the message was not taken.
    pub fn value_copy<T: Typed>(&mut self, wait: impl Into<Wait>) -> Result<T, ReceiveError> {
        let meta = self.find(wait.into())?;
        self.take_checked(meta)
    }

    fn take_checked<T: Typed>(&mut self, meta: Meta) -> Result<T, ReceiveError> {
        let message = self.position();
        let value = read_checked(meta, self.peek(meta).bytes())
            .map_err(|mismatch| ReceiveError::Mismatch { message, mismatch })?;
        drop(Message::take(self.core(), meta));
        Ok(value)
    }
}

/// A message as a value where it lies: `Deref<Target = T>`. Dropping it releases the slot.
pub struct TypedMessage<'c, T> {
    message: Message<'c>,
    value: PhantomData<fn() -> T>,
}

impl<'c, T: Typed + AnyBitPattern> TypedMessage<'c, T> {
    /// Takes the next message, which a poll found there with this `meta`, if it is a `T`.
    #[inline(always)]
    fn take(core: &'c mut Core, meta: Meta) -> Result<Self, ReceiveError> {
        MessageLayout::<T>::check(meta)
            .map_err(|mismatch| ReceiveError::Mismatch { message: core.next(), mismatch })?;
        Ok(Self { message: Message::take(core, meta), value: PhantomData })
    }

    /// The message's number, from 0.
    pub fn number(&self) -> u64 {
        self.message.number()
    }

    /// The message as bytes.
    pub fn into_message(self) -> Message<'c> {
        self.message
    }
}

impl<T: Typed + AnyBitPattern> Deref for TypedMessage<'_, T> {
    type Target = T;

    #[inline(always)]
    fn deref(&self) -> &T {
        // SAFETY: the message has the size of a `T` (`take`), a payload in a slot is aligned to 16, which is enough for any message type
        // (`MessageLayout`), and any bytes are a `T`.
        unsafe { &*self.message.as_ptr().cast() }
    }
}

impl<T: Typed + AnyBitPattern + fmt::Debug> fmt::Debug for TypedMessage<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TypedMessage").field("number", &self.number()).field("value", &**self).finish()
    }
}

impl Message<'_> {
    /// The payload as a value, in place.
    ///
    /// ```
    /// let mut buffer = perdix_host::Buffer::new(8)?;
    /// let (mut producer, mut consumer) = buffer.split_mut();
    /// # #[derive(Clone, Copy, Debug, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
    /// # #[repr(C)]
    /// # struct Residual(f32);
    /// # impl perdix_host::Typed for Residual {
    /// #     const KIND: u16 = 7;
    /// # }
    /// producer.value(&Residual(0.5)).send()?;
    /// let message = consumer.consume()?;
    /// assert_eq!(message.value::<Residual>(), Ok(&Residual(0.5)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`TypeMismatch`] if the message is of another kind or size. It stays readable as bytes.
    #[inline]
    pub fn value<T: Typed + AnyBitPattern>(&self) -> Result<&T, TypeMismatch> {
        read_in_place(self.meta(), self)
    }

    /// The payload as a copy that was checked, for types of which not all bytes are a value.
    ///
    /// # Errors
    /// As [`value`](Self::value), and if the bytes are no value of the type.
    #[inline]
    pub fn value_copy<T: Typed>(&self) -> Result<T, TypeMismatch> {
        read_checked(self.meta(), self)
    }

    /// The message as the one of several types that has its kind; [`messages!`](crate::messages) makes such an enumeration.
    ///
    /// ```
    /// # #[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
    /// # #[repr(C)]
    /// # struct Count(u64);
    /// # #[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
    /// # #[repr(C)]
    /// # struct Point([f32; 3]);
    /// perdix_host::messages! {
    ///     enum Frame<'m> {
    ///         1 => Count(&Count), // struct Count(u64)
    ///         2 => Point(&Point), // struct Point([f32; 3])
    ///     }
    /// }
    /// let mut buffer = perdix_host::Buffer::new(8)?;
    /// let (mut producer, mut consumer) = buffer.split_mut();
    /// producer.value(&Point([1.0, 2.0, 3.0])).send()?;
    /// match consumer.consume()?.read()? {
    ///     Frame::Count(Count(count)) => println!("{count} points"),
    ///     Frame::Point(Point([x, y, z])) => println!("{x} {y} {z}"),
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`TypeMismatch`] if no type has this kind, or the message does not fit the one that has. It stays readable as bytes.
    #[inline]
    pub fn read<'m, E: AnyOf<'m>>(&'m self) -> Result<E, TypeMismatch> {
        E::read(self.meta(), self)
    }
}

impl<'c> MessageRef<'c> {
    /// [`Message::value`] for as long as the batch lives.
    ///
    /// # Errors
    /// As [`Message::value`].
    #[inline]
    pub fn value<T: Typed + AnyBitPattern>(&self) -> Result<&'c T, TypeMismatch> {
        read_in_place(self.meta(), self.bytes())
    }

    /// [`Message::value_copy`].
    ///
    /// # Errors
    /// As [`Message::value_copy`].
    #[inline]
    pub fn value_copy<T: Typed>(&self) -> Result<T, TypeMismatch> {
        read_checked(self.meta(), self.bytes())
    }

    /// [`Message::read`] for as long as the batch lives.
    ///
    /// # Errors
    /// As [`Message::read`].
    #[inline]
    pub fn read<E: AnyOf<'c>>(&self) -> Result<E, TypeMismatch> {
        E::read(self.meta(), self.bytes())
    }
}

impl OwnedMessage {
    /// [`Message::value`].
    ///
    /// # Errors
    /// As [`Message::value`].
    pub fn value<T: Typed + AnyBitPattern>(&self) -> Result<&T, TypeMismatch> {
        read_in_place(self.meta(), self)
    }

    /// [`Message::value_copy`].
    ///
    /// # Errors
    /// As [`Message::value_copy`].
    pub fn value_copy<T: Typed>(&self) -> Result<T, TypeMismatch> {
        read_checked(self.meta(), self)
    }

    /// [`Message::read`].
    ///
    /// # Errors
    /// As [`Message::read`].
    pub fn read<'m, E: AnyOf<'m>>(&'m self) -> Result<E, TypeMismatch> {
        E::read(self.meta(), self)
    }
}
