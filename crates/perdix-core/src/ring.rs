//! A view of a ring in memory: made by `init`, checked by `attach`.

mod observe;

use core::ptr::NonNull;
use core::sync::atomic::{AtomicU64, Ordering};

use crate::config::{AttachError, Config, ConfigError, MAGIC, VERSION};
use crate::control::{Control, Cursor};
use crate::fault::Fault;
use crate::meta::Meta;
use crate::mode::Mode;
use crate::policy::batch;
use crate::slot::{LINE, SLOT_SIZE, Slot};
use crate::word::Word;

/// A view of a ring: two addresses and what `attach` has checked. Copying it copies no message.
///
/// The shared words are never trusted after that: capacity and mode are kept here.
///
/// A view exists only because somebody has promised, with `unsafe`, that the memory outlives all
/// its copies. So safe code may look at the ring's words through it. What it cannot do is write:
/// slots and control words belong to one half at a time.
///
/// ```compile_fail,E0133
/// fn empty(ring: perdix_core::Ring) {
///     ring.reset(); // a half may be reading
/// }
/// ```
/// ```compile_fail,E0133
/// fn forge(ring: perdix_core::Ring) {
///     ring.slot(0).seq.store(1, std::sync::atomic::Ordering::Release);
/// }
/// ```
/// ```compile_fail,E0133
/// fn open_again(ring: perdix_core::Ring) {
///     ring.control().producer.end.store(0, std::sync::atomic::Ordering::Relaxed);
/// }
/// ```
/// ```compile_fail,E0133
/// fn end(ring: perdix_core::Ring) {
///     ring.close(7, None);
/// }
/// ```
/// ```compile_fail,E0133
/// fn clear(ring: perdix_core::Ring) {
///     ring.clear_free(0, 0);
/// }
/// ```
#[derive(Debug)]
pub struct Ring<W = AtomicU64> {
    control: NonNull<Control<W>>,
    slots: NonNull<Slot<W>>,
    config: Config,
}

impl<W> Clone for Ring<W> {
    #[inline(always)]
    fn clone(&self) -> Self {
        *self
    }
}

impl<W> Copy for Ring<W> {}

// SAFETY: a Ring is a pair of addresses of shared words (`Word: Sync`); whoever made it keeps them
// alive.
unsafe impl<W: Word> Send for Ring<W> {}
// SAFETY: as above; through `&Ring` only atomic words are reached.
unsafe impl<W: Word> Sync for Ring<W> {}

impl Ring<AtomicU64> {
    /// Makes an empty ring in `bytes` bytes at `memory`, whatever they hold.
    ///
    /// # Errors
    /// [`AttachError`] for a bad capacity, alignment or length; nothing is written then.
    ///
    /// # Safety
    /// The memory is valid for reads and writes, nobody else uses it during the call, and it
    /// outlives every copy of the returned view, those in halves of the ring included. Afterwards
    /// only the ring's halves write to it.
    pub unsafe fn init(memory: *mut u8, bytes: usize, config: Config) -> Result<Self, AttachError> {
        let needed = config.bytes()?;
        // SAFETY: the caller's contract covers the region; `locate` only computes addresses in it.
        let ring = unsafe { Self::locate(memory, bytes, needed, config) }?;
        // SAFETY: nobody else uses the memory.
        unsafe { ring.reset() };
        Ok(ring)
    }

    /// Finds the ring that somebody else made in `bytes` bytes at `memory`. Garbage gives an error.
    ///
    /// # Errors
    /// [`AttachError`] names the first thing that is wrong.
    ///
    /// # Safety
    /// The memory is valid for reads and writes (for reads alone, if no half is made of the view),
    /// and outlives every copy of the view, those in halves of the ring included. Only the ring's
    /// halves write to it, here or elsewhere.
    pub unsafe fn attach(memory: *mut u8, bytes: usize) -> Result<Self, AttachError> {
        let smallest = Config { capacity: 1, mode: Mode::Fenced, start: 0 };
        // SAFETY: the caller's contract covers the region.
        let probe = unsafe { Self::locate(memory, bytes, smallest.bytes()?, smallest) }?;
        // SAFETY: words are only loaded.
        let config = unsafe { probe.control() }.identity.read().check(bytes)?;
        // SAFETY: the caller's contract covers the region.
        unsafe { Self::locate(memory, bytes, config.bytes()?, config) }
    }

    /// A view of a ring that the caller knows to be one: what a kernel does with the
    /// [`DeviceRing`](crate::DeviceRing) that its host made, without reading the identity across
    /// the link.
    ///
    /// # Errors
    /// [`AttachError`] for an impossible configuration or a misaligned address.
    ///
    /// # Safety
    /// A ring of exactly this configuration lies at `memory`, and outlives every copy of the view,
    /// those in halves of the ring included. Only the ring's halves write to it.
    pub unsafe fn assume(memory: *mut u8, config: Config) -> Result<Self, AttachError> {
        let bytes = config.bytes()?;
        // SAFETY: the caller vouches for the region.
        unsafe { Self::locate(memory, bytes, bytes, config) }
    }

    /// Splits a region into control block and slots, if it is aligned and long enough.
    ///
    /// # Safety
    /// `bytes` bytes at `memory` belong to one allocation.
    unsafe fn locate(
        memory: *mut u8,
        bytes: usize,
        needed: usize,
        config: Config,
    ) -> Result<Self, AttachError> {
        let address = memory as usize;
        let Some(control) = NonNull::new(memory) else { return Err(AttachError::Misaligned { address }) };
        if address % LINE != 0 {
            return Err(AttachError::Misaligned { address });
        }
        if bytes < needed {
            return Err(AttachError::TooShort { bytes, needed });
        }
        // SAFETY: `needed` is more than the control block, so the sum stays inside the allocation.
        let slots = unsafe { control.add(Control::SIZE) };
        Ok(Self { control: control.cast(), slots: slots.cast(), config })
    }
}

impl<W: Word> Ring<W> {
    /// A view of words that lie elsewhere than in one region, as a model checker's do. Call
    /// [`reset`](Self::reset) before use.
    ///
    /// # Errors
    /// [`ConfigError`] for a capacity that is not legal or not the number of slots.
    ///
    /// # Safety
    /// Both outlive every copy of the view, those in halves of the ring included, and only those
    /// halves write to them.
    pub unsafe fn from_parts(
        control: &Control<W>,
        slots: &[Slot<W>],
        config: Config,
    ) -> Result<Self, ConfigError> {
        config.bytes()?;
        if slots.len() as u64 != config.capacity {
            return Err(ConfigError { asked: config.capacity, nearest: slots.len() as u64 });
        }
        Ok(Self { control: NonNull::from(control), slots: NonNull::from(slots).cast(), config })
    }

    /// What the ring is.
    #[inline(always)]
    pub fn config(&self) -> Config {
        self.config
    }

    /// Slots.
    #[inline(always)]
    pub fn capacity(&self) -> u64 {
        self.config.capacity
    }

    /// How messages become visible.
    #[inline(always)]
    pub fn mode(&self) -> Mode {
        self.config.mode
    }

    /// The control block, to write to. To look at it there are safe functions.
    ///
    /// # Safety
    /// The caller writes only to the line of the half that it is (or that it stands in for), and
    /// only what that half would.
    #[inline(always)]
    pub unsafe fn control(&self) -> &Control<W> {
        self.words()
    }

    /// The slot of message `number`, to read its payload or to write to it.
    ///
    /// # Safety
    /// The caller writes only if it is the producer and the slot is free, or if it is the consumer
    /// and has seen the message in it and not yet handed it back. It reads payload plainly only
    /// then.
    #[inline(always)]
    pub unsafe fn slot(&self, number: u64) -> &Slot<W> {
        let index = batch::slot_index(self.config.capacity, number);
        // SAFETY: the index is below the capacity, and the region holds that many slots.
        let slot = unsafe { self.slots.add(index) };
        // SAFETY: the maker of the view keeps the slots alive; their words allow shared access.
        unsafe { slot.as_ref() }
    }

    /// The control block, to look at.
    #[inline(always)]
    fn words(&self) -> &Control<W> {
        // SAFETY: the maker of the view keeps the control block alive; its words allow shared
        // access.
        unsafe { self.control.as_ref() }
    }

    /// Empties the ring and writes its identity.
    ///
    /// # Safety
    /// Nobody else uses the ring meanwhile, and no half of before is used afterwards.
    pub unsafe fn reset(&self) {
        let Config { capacity, mode, start } = self.config;
        let control = self.words();
        control.identity.magic.store(0, Ordering::Relaxed);
        for ahead in 0..capacity {
            // SAFETY: the caller's contract.
            unsafe { self.clear(start.wrapping_add(ahead)) };
        }
        control.consumer.tail.store(Cursor::new(start, false).word(), Ordering::Relaxed);
        control.producer.end.store(0, Ordering::Relaxed);
        control.producer.fault.store(0, Ordering::Relaxed);
        let (produced, consumed) = (&control.producer.stats, &control.consumer.stats);
        let produced = [
            &produced.messages,
            &produced.bytes,
            &produced.full,
            &produced.dropped,
            &produced.highest_fill,
            &produced.lost,
        ];
        let attached = [&control.producer.attached, &control.consumer.attached];
        let consumed = [&consumed.messages, &consumed.bytes, &consumed.dropped];
        for word in produced.into_iter().chain(consumed).chain(attached) {
            word.store(0, Ordering::Relaxed);
        }
        control.consumer.recycled.store(start, Ordering::Relaxed);
        for record in &control.consumer.reported {
            record.position.store(start, Ordering::Relaxed);
            record.dropped.store(0, Ordering::Relaxed);
        }
        control.identity.format.store((SLOT_SIZE as u64) << 32 | u64::from(VERSION), Ordering::Relaxed);
        control.identity.capacity.store(capacity, Ordering::Relaxed);
        control.identity.mode.store(mode as u64, Ordering::Relaxed);
        control.identity.start.store(start, Ordering::Relaxed);
        // pairs with the Acquire fence in Ring::attach
        control.identity.magic.store(MAGIC, Ordering::Release);
    }

    /// Ends the stream before message `number`, with the reason if it ends early.
    ///
    /// # Safety
    /// The caller is the ring's producer, or stands in for it.
    #[inline(always)]
    pub unsafe fn close(&self, number: u64, fault: Option<Fault>) {
        let line = &self.words().producer;
        line.fault.store(fault.map_or(0, |fault| fault as u64), Ordering::Relaxed);
        // pairs with the Acquire load of end in Consumer::until_end
        line.end.store(Cursor::new(number, true).word(), Ordering::Release);
    }

    /// Fills the slots from message `head` on, which are free, so that any producer may write them:
    /// for a producer that takes over from one that may have left half-written messages. Batches
    /// end before `head`: each message from `tail` on speaks for itself afterwards. The consumer
    /// has to [`forget_acquired`](crate::Consumer::forget_acquired).
    ///
    /// # Safety
    /// Neither half is in use, nothing of the producer before is still under way, and the messages
    /// from `tail` to `head` are those that the consumer has not taken.
    pub unsafe fn clear_free(&self, tail: u64, head: u64) {
        let used = head.wrapping_sub(tail);
        if self.mode() == Mode::Fenced {
            for ahead in 0..used.min(self.capacity()) {
                // SAFETY: neither half is in use.
                let meta = unsafe { &self.slot(tail.wrapping_add(ahead)).meta };
                meta.store(Meta::without_followers(meta.load(Ordering::Relaxed)), Ordering::Relaxed);
            }
        }
        for ahead in 0..self.capacity().saturating_sub(used) {
            // SAFETY: neither half is in use, and these slots hold no message.
            unsafe { self.clear(head.wrapping_add(ahead)) };
        }
    }

    /// Makes the slot of message `number` free: the sequence word of the lap before, and in
    /// fence-free mode sentinels.
    ///
    /// # Safety
    /// Nobody else accesses the slot before a later Release.
    unsafe fn clear(&self, number: u64) {
        // SAFETY: the slot is the caller's.
        let slot = unsafe { self.slot(number) };
        slot.seq.store(batch::free(self.capacity(), number), Ordering::Relaxed);
        if self.mode() == Mode::FenceFree {
            // SAFETY: the slot is the caller's.
            unsafe { crate::sentinel::rearm(slot, crate::PAYLOAD_SIZE) };
        }
    }
}
