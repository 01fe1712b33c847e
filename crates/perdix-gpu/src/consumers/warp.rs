//! One warp.

use core::sync::atomic::{Ordering, fence};

use perdix_core::sentinel::{SENTINEL, UNESCAPED};
use perdix_core::{Cursor, DeviceInput, Meta, Mode, Ring, Word};

use super::input::{IDLE_POLLS, Input, check_launch, rest};
use super::{ConsumeError, Received, WarpMessage};
use crate::intrinsics::{Warp, lane_id, load_chunk, load_chunk_acquire, now_ns};

/// The lane that looks at a slot's header; those before it look at the payload, 16 bytes each.
const HEADER: u32 = 15;
/// The lane that looks whether the stream has ended, in the same load.
const END: u32 = 16;
/// The lane that looks at the clock.
const CLOCK: u32 = 17;

/// Takes messages into one warp, whose 32 lanes call every method together with the same arguments.
///
/// Lanes 0 to 14 get 16 bytes of the payload each, in one coalesced load across the link. A message
/// is copied into registers, so nothing has to be given back; slots go back to the producer a few
/// at a time, when the consumer next polls for a message.
///
/// ```
/// use perdix_gpu::emulation::{EmulatedRing, launch};
/// use perdix_gpu::{ConsumeError, Mode, WarpConsumer};
///
/// let ring = EmulatedRing::new(8, Mode::Fenced);
/// // SAFETY: the ring outlives the producer.
/// let view = unsafe { ring.ring() };
/// // SAFETY: the ring's only producer.
/// let mut producer = unsafe { perdix_core::Producer::new(view) };
/// producer.push(7, 0, &3_u64.to_le_bytes())?;
/// producer.finish();
/// launch(1, 32, || {
///     // SAFETY: the ring's only consumer.
///     let mut consumer = unsafe { WarpConsumer::new(ring.input()) }.expect("a whole warp");
///     let message = consumer.consume().expect("it was sent");
///     assert_eq!((message.kind(), message.len(), message.word(consumer.warp(), 0)), (7, 8, 3));
///     assert_eq!(consumer.consume().unwrap_err(), ConsumeError::Ended);
///     consumer.finish();
/// });
/// # Ok::<(), perdix_core::Refused>(())
/// ```
#[derive(Debug)]
pub struct WarpConsumer {
    input: Input,
    warp: Warp,
    /// Looks since the last message.
    idle: u32,
}

impl WarpConsumer {
    /// The consumer of a ring, going on where the one before paused.
    ///
    /// # Errors
    /// [`ConsumeError::Corrupt`] if the handle is none that a host made, [`ConsumeError::Version`]
    /// if a host of another layout version made it, [`ConsumeError::Launch`] if the block is not
    /// made of whole warps.
    ///
    /// # Safety
    /// The handle is a host's, for a ring that outlives the kernel. This warp's consumer is the
    /// only one that uses the ring and its state now. All lanes of the warp call all methods
    /// together, never some of them alone.
    #[inline(always)]
    pub unsafe fn new(handle: DeviceInput) -> Result<Self, ConsumeError> {
        check_launch()?;
        // SAFETY: the caller's contract.
        let input = unsafe { Input::new(&handle) }?;
        // SAFETY: the warps are whole, and all lanes call together.
        let mut warp = unsafe { Warp::new() };
        // One lane writes what all have read now.
        warp.sync();
        Ok(Self { input, warp, idle: 0 })
    }

    /// Takes the next message, waiting up to the ring's time limit.
    ///
    /// # Errors
    /// [`ConsumeError::TimedOut`], [`ConsumeError::Ended`], [`ConsumeError::ProducerFailed`],
    /// [`ConsumeError::Gap`] (the next call goes on behind it) or [`ConsumeError::Corrupt`]; the
    /// same for all lanes.
    #[inline(always)]
    pub fn consume(&mut self) -> Result<WarpMessage, ConsumeError> {
        self.consume_within(self.input.limit_ns)
    }

    /// Takes the next message if it is there.
    ///
    /// # Errors
    /// As [`consume`](Self::consume), with [`ConsumeError::Empty`] instead of
    /// [`ConsumeError::TimedOut`].
    #[inline(always)]
    pub fn try_consume(&mut self) -> Result<WarpMessage, ConsumeError> {
        self.consume_within(0)
    }

    /// [`consume`](Self::consume) with another time limit, in nanoseconds.
    ///
    /// # Errors
    /// As [`consume`](Self::consume); [`ConsumeError::Empty`] if the limit is 0.
    #[inline(always)]
    pub fn consume_within(&mut self, limit_ns: u64) -> Result<WarpMessage, ConsumeError> {
        if self.input.holds_much() {
            self.release();
        }
        let message = self.wait(limit_ns)?;
        self.advance(message.len());
        Ok(message)
    }

    /// Hands back the slots of all that was taken, now: before a long computation, if the producer
    /// may be waiting for room.
    #[inline(always)]
    pub fn release(&mut self) {
        if self.input.next != self.input.published {
            self.hand_back(false);
        }
    }

    /// Messages taken so far, by all consumers of this ring.
    #[inline(always)]
    pub fn messages(&self) -> u64 {
        self.input.messages
    }

    /// Leaves the rest of the stream to a later kernel.
    #[inline(always)]
    pub fn pause(mut self) {
        self.hand_back(false);
        if lane_id() == 0 {
            self.input.keep_place();
            self.input.state.set_paused(true);
        }
    }

    /// Says that nobody will read any more: the producer's calls fail.
    #[inline(always)]
    pub fn finish(mut self) {
        self.hand_back(true);
        if lane_id() == 0 {
            self.input.keep_place();
        }
    }

    /// The warp's token, for operations of the kernel's own: all lanes are here, by the contract of
    /// the constructor.
    #[inline(always)]
    pub fn warp(&mut self) -> &mut Warp {
        &mut self.warp
    }

    /// Waits for the next message, and leaves it where it is.
    #[inline(always)]
    pub(super) fn wait(&mut self, limit_ns: u64) -> Result<WarpMessage, ConsumeError> {
        let begun = now_ns();
        let mut polls = 0;
        loop {
            let seen = self.poll_once(begun, limit_ns);
            let row = if seen.is_there { self.read(seen.words) } else { Row::OnItsWay };
            match row {
                Row::Message(message) => {
                    self.idle = 0;
                    return Ok(message);
                }
                // A gap marker, or nothing that a producer writes.
                Row::Other => self.input.poll_slow(&mut self.warp)?,
                Row::OnItsWay if seen.has_ended => self.input.poll_slow(&mut self.warp)?,
                Row::OnItsWay => {}
            }
            self.idle += 1;
            if self.idle == IDLE_POLLS {
                self.release();
            }
            if limit_ns == 0 {
                return Err(ConsumeError::Empty);
            }
            if seen.is_late {
                self.release();
                return Err(ConsumeError::TimedOut);
            }
            polls += 1;
            rest(polls);
        }
    }

    /// Counts the next message as taken.
    #[inline(always)]
    pub(super) fn advance(&mut self, len: usize) {
        let input = &mut self.input;
        input.next = input.next.wrapping_add(1);
        input.messages = input.messages.wrapping_add(1);
        input.bytes = input.bytes.wrapping_add(len as u64);
    }

    /// Where the warp that speaks for the block stands.
    #[inline(always)]
    pub(super) fn go_to(&mut self, number: u64) {
        self.input.next = number;
    }

    #[inline(always)]
    pub(super) fn input(&self) -> &Input {
        &self.input
    }

    /// The next message, which another warp of the block has found.
    #[inline(always)]
    pub(super) fn read_found(&mut self) -> Option<WarpMessage> {
        let words = self.load_row();
        match self.read(words) {
            Row::Message(message) => Some(message),
            _ => None,
        }
    }

    /// Looks at the next slot, the end of the stream and the clock, in one load across the link.
    #[inline(always)]
    fn poll_once(&mut self, begun: u64, limit_ns: u64) -> Seen {
        let (input, lane) = (&self.input, lane_id());
        // SAFETY: words are only loaded.
        let end = unsafe { &input.ring.control().producer };
        // SAFETY: as above.
        let slot = unsafe { input.ring.slot(input.next) };
        let chunk = match lane {
            0..END if input.single_stores => slot.chunk16(lane + 1),
            0..END => slot.chunk16(0),
            _ => end.end_and_fault(),
        };
        // pairs with the Release stores of seq in Producer::push, of whole words in publish_chunks, and of end in Ring::close
        let words = load_chunk_acquire(chunk);
        let votes = self.warp.ballot(match lane {
            HEADER => words[0] == input.next.wrapping_add(1),
            END => Cursor::from_word(words[0]).flag(),
            CLOCK => limit_ns != 0 && now_ns().wrapping_sub(begun) >= limit_ns,
            _ => false,
        });
        let has = |lane: u32| votes >> lane & 1 != 0;
        // Of a batch's followers the head has spoken, which was taken before them.
        let is_there = has(HEADER);
        let words = if is_there && !input.single_stores { self.load_row() } else { words };
        Seen { words, is_there, has_ended: has(END), is_late: has(CLOCK) }
    }

    /// Each lane's part of the next slot, whose sequence word was seen.
    #[inline(always)]
    fn load_row(&mut self) -> [u64; 2] {
        // One lane's Acquire orders all lanes' loads: they come after they have met it.
        self.warp.sync();
        // SAFETY: words are only loaded.
        let slot = unsafe { self.input.ring.slot(self.input.next) };
        load_chunk(slot.chunk16(lane_id() + 1))
    }

    /// What the lanes' `words` are, a slot whose sequence word was seen.
    #[inline(always)]
    fn read(&mut self, words: [u64; 2]) -> Row {
        let (lane, number) = (lane_id(), self.input.next);
        let word = self.warp.shuffle_u64(words[1], HEADER);
        let Some(meta) = Meta::from_word(word) else {
            let is_missing = self.input.ring.mode() == Mode::FenceFree && word == SENTINEL;
            return if is_missing { Row::OnItsWay } else { Row::Other };
        };
        let mut chunk = words;
        match self.input.ring.mode() {
            Mode::Fenced => {}
            // An earlier consumer has looked at it, and put back what the mask names.
            Mode::FenceFree if word & UNESCAPED != 0 => {}
            Mode::FenceFree => {
                let is_used = (lane as usize) < meta.len().div_ceil(16);
                if self.warp.ballot(is_used && (words[0] == SENTINEL || words[1] == SENTINEL)) != 0 {
                    return Row::OnItsWay;
                }
                for (i, word) in chunk.iter_mut().enumerate() {
                    if lane < HEADER && meta.mask() >> (2 * lane + i as u32) & 1 != 0 {
                        *word = SENTINEL;
                    }
                }
            }
        }
        Row::Message(WarpMessage::new(Received::new(number, meta), chunk))
    }

    /// Hands the slots of all that was taken back to the producer.
    #[inline(always)]
    fn hand_back(&mut self, is_gone: bool) {
        let Input { ring, next, published, messages, bytes, dropped, .. } = self.input;
        // SAFETY: all lanes are here, as this value holds their token.
        unsafe { hand_back(ring, published, next, is_gone, [messages, bytes, dropped]) };
        self.input.published = next;
    }
}

/// Hands back the slots of messages `published` to `next`. Takes numbers, as a consumer whose
/// address was passed to another function would have to live in (slow) local memory all the time;
/// not inlined, as it is needed in many places.
///
/// # Safety
/// All lanes of the warp call it together. (It makes its own token, which costs nothing to pass.)
#[inline(never)]
unsafe fn hand_back(
    ring: Ring,
    published: u64,
    next: u64,
    is_gone: bool,
    [messages, bytes, dropped]: [u64; 3],
) {
    // SAFETY: the caller's contract.
    let mut warp = unsafe { Warp::new() };
    let lane = lane_id();
    // SAFETY: this is the ring's consumer.
    let line = unsafe { &ring.control().consumer };
    if ring.mode() == Mode::FenceFree && next != published {
        if lane == 0 {
            line.recycled.store(next, Ordering::Relaxed);
            // Whoever finds a word re-armed finds that store too: pairs with the Acquire load of
            // recycled in Consumer::recover
            fence(Ordering::Release);
        }
        warp.sync();
        let mut number = published;
        while number != next {
            // SAFETY: the message was taken, and its slot is not handed back.
            let slot = unsafe { ring.slot(number) };
            if lane < HEADER {
                Word::store_chunk(slot.chunk16(lane + 1), [SENTINEL; 2]);
            } else if lane == HEADER {
                slot.meta.store(SENTINEL, Ordering::Relaxed);
            }
            number = number.wrapping_add(1);
        }
    }
    // All lanes have read, and have re-armed.
    warp.sync();
    if lane == 0 {
        line.stats.messages.store(messages, Ordering::Relaxed);
        line.stats.bytes.store(bytes, Ordering::Relaxed);
        line.stats.dropped.store(dropped, Ordering::Relaxed);
        // pairs with the Acquire load of tail in Producer::renew
        line.tail.store(Cursor::new(next, is_gone).word(), Ordering::Release);
    }
}

/// What is in a slot.
#[derive(Clone, Copy, Debug)]
enum Row {
    /// A message, all of it.
    Message(WarpMessage),
    /// A message of which words are missing; perhaps nothing yet.
    OnItsWay,
    /// No message.
    Other,
}

/// What a look found; the words are each lane's own.
#[derive(Clone, Copy, Debug)]
struct Seen {
    words: [u64; 2],
    is_there: bool,
    has_ended: bool,
    is_late: bool,
}
