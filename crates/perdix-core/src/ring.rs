//! A view of a ring in memory: made by `init`, checked by `attach`.

use core::ptr::NonNull;
use core::sync::atomic::{AtomicU64, Ordering};

use crate::config::{AttachError, Config, ConfigError, MAGIC, VERSION};
use crate::control::{Control, Cursor};
use crate::device::Fault;
use crate::meta::Meta;
use crate::mode::Mode;
use crate::policy::batch;
use crate::slot::{LINE, SLOT_SIZE, Slot};
use crate::word::Word;

/// A view of a ring: two addresses and what `attach` has checked. Copying it copies no message.
///
/// The shared words are never trusted after that: capacity and mode are kept here.
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

// SAFETY: a Ring is a pair of addresses of shared words (`Word: Sync`); whoever made it keeps them alive.
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
    /// The memory is valid for reads and writes, nobody else uses it during the call, and it outlives every copy of
    /// the returned view.
    pub unsafe fn init(memory: *mut u8, bytes: usize, config: Config) -> Result<Self, AttachError> {
        let needed = config.bytes()?;
        // SAFETY: the caller's contract covers the region; `locate` only computes addresses in it.
        let ring = unsafe { Self::locate(memory, bytes, needed, config) }?;
        ring.reset();
        Ok(ring)
    }

    /// Finds the ring that somebody else made in `bytes` bytes at `memory`. Garbage gives an error.
    ///
    /// # Errors
    /// [`AttachError`] names the first thing that is wrong.
    ///
    /// # Safety
    /// The memory is valid for reads and writes (or nobody writes through the view) and outlives every copy of the view.
    pub unsafe fn attach(memory: *mut u8, bytes: usize) -> Result<Self, AttachError> {
        let smallest = Config { capacity: 1, mode: Mode::Fenced, start: 0 };
        // SAFETY: the caller's contract covers the region.
        let probe = unsafe { Self::locate(memory, bytes, smallest.bytes()?, smallest) }?;
        let config = probe.control().identity.read().check(bytes)?;
        // SAFETY: the caller's contract covers the region.
        unsafe { Self::locate(memory, bytes, config.bytes()?, config) }
    }

    /// A view of a ring that the caller knows to be one: what a kernel does with the [`DeviceRing`](crate::DeviceRing) that
    /// its host made, without reading the identity across the link.
    ///
    /// # Errors
    /// [`AttachError`] for an impossible configuration or a misaligned address.
    ///
    /// # Safety
    /// A ring of exactly this configuration lies at `memory`, and outlives every copy of the view.
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
    /// A view of words that lie elsewhere than in one region, as a model checker's do. Call [`reset`](Self::reset)
    /// before use.
    ///
    /// # Errors
    /// [`ConfigError`] for a capacity that is not legal or not the number of slots.
    ///
    /// # Safety
    /// Both outlive every copy of the view.
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

    /// The control block.
    #[inline(always)]
    pub fn control(&self) -> &Control<W> {
        // SAFETY: the maker of the view keeps the control block alive; its words allow shared access.
        unsafe { self.control.as_ref() }
    }

    /// The slot of message `number`.
    #[inline(always)]
    pub fn slot(&self, number: u64) -> &Slot<W> {
        let index = batch::slot_index(self.config.capacity, number);
        // SAFETY: the index is below the capacity, and the region holds that many slots.
        let slot = unsafe { self.slots.add(index) };
        // SAFETY: the maker of the view keeps the slots alive; their words allow shared access.
        unsafe { slot.as_ref() }
    }

    /// Empties the ring and writes its identity. Nobody else may use the ring meanwhile.
    pub fn reset(&self) {
        let Config { capacity, mode, start } = self.config;
        let control = self.control();
        control.identity.magic.store(0, Ordering::Relaxed);
        for ahead in 0..capacity {
            self.clear(start.wrapping_add(ahead));
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
        control.consumer.settled.store(start, Ordering::Relaxed);
        for told in &control.consumer.told {
            told.position.store(start, Ordering::Relaxed);
            told.dropped.store(0, Ordering::Relaxed);
        }
        control.identity.format.store((SLOT_SIZE as u64) << 32 | u64::from(VERSION), Ordering::Relaxed);
        control.identity.capacity.store(capacity, Ordering::Relaxed);
        control.identity.mode.store(mode as u64, Ordering::Relaxed);
        control.identity.start.store(start, Ordering::Relaxed);
        // pairs with the Acquire load of magic in Ring::attach
        control.identity.magic.store(MAGIC, Ordering::Release);
    }

    /// Ends the stream before message `number`, with the reason if it ends early. The producer's to call.
    #[inline(always)]
    pub fn close(&self, number: u64, fault: Option<Fault>) {
        let line = &self.control().producer;
        line.fault.store(fault.map_or(0, |fault| fault as u64), Ordering::Relaxed);
        // pairs with the Acquire load of end in Consumer::until_end
        line.end.store(Cursor::new(number, true).word(), Ordering::Release);
    }

    /// Fills the slots from message `head` on, which are free, so that any producer may write them: for a producer that
    /// takes over from one that may have left half-written messages. Runs end before `head`: each message from `tail` on speaks for
    /// itself afterwards. Neither half may be in use; the consumer has to [`look_again`](crate::Consumer::look_again).
    pub fn clear_free(&self, tail: u64, head: u64) {
        let used = head.wrapping_sub(tail);
        if self.mode() == Mode::Fenced {
            for ahead in 0..used.min(self.capacity()) {
                let meta = &self.slot(tail.wrapping_add(ahead)).meta;
                meta.store(Meta::without_followers(meta.load(Ordering::Relaxed)), Ordering::Relaxed);
            }
        }
        for ahead in 0..self.capacity().saturating_sub(used) {
            self.clear(head.wrapping_add(ahead));
        }
    }

    /// Makes the slot of message `number` free: the sequence word of the lap before, and in fence-free mode sentinels.
    fn clear(&self, number: u64) {
        let slot = self.slot(number);
        slot.seq.store(batch::free(self.capacity(), number), Ordering::Relaxed);
        if self.mode() == Mode::FenceFree {
            crate::sentinel::rearm(slot, crate::PAYLOAD_SIZE);
        }
    }
}
