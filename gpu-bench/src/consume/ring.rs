//! A ring's consumer.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use perdix_host::{ConsumeError, Consumer, MessageBatch};

use super::read::{first_word, is_wide, keep, sum, widely};
use super::{PATIENCE, Received};
use crate::error::Error;

/// Messages taken at once: 8 KiB, which the nearest cache holds.
const BATCH: usize = 32;

/// How far the kernels' senders put their identities apart: warp `w` of a grid counts from `w << 40`.
const SENDER_SHIFT: u32 = 40;

/// Which identities are to come: each sender counts up from its first.
#[derive(Clone, Debug)]
pub struct Identities {
    next: Vec<u64>,
}

impl Identities {
    /// Of that many senders.
    pub fn of(senders: u64) -> Self {
        Self { next: (0..senders).map(|sender| sender << SENDER_SHIFT).collect() }
    }

    /// Whether this is a sender's next.
    #[inline(always)]
    pub fn is_next(&mut self, identity: u64) -> bool {
        self.are_next(identity, 1)
    }

    /// Whether a sender's next `count` begin with this one.
    #[inline(always)]
    pub fn are_next(&mut self, identity: u64, count: u64) -> bool {
        match self.next.get_mut((identity >> SENDER_SHIFT) as usize) {
            Some(next) if *next == identity => {
                *next += count;
                true
            }
            _ => false,
        }
    }
}

/// How far a consumer is, and whether it is to stop: shared with the thread that watches.
#[derive(Debug, Default)]
pub struct Meter {
    count: AtomicU64,
    stop: AtomicBool,
}

impl Meter {
    /// Messages received so far.
    pub fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// Makes the consumer end the stream from its side, after the messages that it has in hand.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    #[inline(always)]
    pub(super) fn set(&self, count: u64) {
        self.count.store(count, Ordering::Relaxed);
    }

    #[inline(always)]
    pub(super) fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

/// Receives until the end of the stream, or until the meter says stop. Owns the consumer, so that the kernel notices when this
/// fails.
///
/// # Errors
/// [`Error::Wrong`] for a message that is not its sender's next, [`Error::Consume`] if nothing comes any more.
pub fn receive(
    mut consumer: Consumer<'_>,
    mut identities: Identities,
    meter: &Meter,
) -> Result<Received, Error> {
    let mut state = State { identities: &mut identities, wide: is_wide(), count: 0, first: None };
    while !meter.is_stopped() {
        match consumer.batch(BATCH, PATIENCE) {
            Ok(batch) => state.take(&batch)?,
            Err(ConsumeError::EndOfStream) => break,
            Err(error) => return Err(error.into()),
        }
        meter.set(state.count);
    }
    let last = Instant::now();
    Ok(Received { count: state.count, first: state.first.unwrap_or(last), last })
}

/// A consumer's progress.
struct State<'i> {
    identities: &'i mut Identities,
    wide: bool,
    count: u64,
    first: Option<Instant>,
}

impl State<'_> {
    #[inline(always)]
    fn take(&mut self, batch: &MessageBatch<'_>) -> Result<(), Error> {
        self.first.get_or_insert_with(Instant::now);
        self.count += batch.len() as u64;
        if widely(self.wide, || read(batch, self.identities)) { Ok(()) } else { Err(wrong(batch)) }
    }
}

#[cold]
fn wrong(batch: &MessageBatch<'_>) -> Error {
    let all = batch.iter().map(|message| format!("{}: {:#x}", message.number(), first_word(message.bytes())));
    let all = all.collect::<Vec<_>>().join(", ");
    Error::Wrong(format!("a message is not its sender's next, among (number: identity) {all}"))
}

/// Reads every byte of the batch; whether all identities are as they should be.
#[inline(always)]
fn read(batch: &MessageBatch<'_>, identities: &mut Identities) -> bool {
    let (mut all, mut right) = (0_u64, true);
    for message in batch.iter() {
        let bytes = message.bytes();
        all = all.wrapping_add(sum(bytes));
        right &= identities.is_next(first_word(bytes));
    }
    keep(all);
    right
}

#[cfg(test)]
mod tests {
    use perdix_host::Buffer;

    use super::*;

    fn received(identities: impl IntoIterator<Item = u64> + Send, senders: u64) -> Result<u64, Error> {
        let mut buffer = Buffer::builder().slots(64).build().unwrap();
        let (mut producer, consumer) = buffer.split_mut();
        std::thread::scope(|scope| {
            scope.spawn(move || {
                for identity in identities {
                    let message: Vec<u8> =
                        [identity; 30].iter().flat_map(|word| word.to_le_bytes()).collect();
                    if producer.produce(&message).is_err() {
                        break;
                    }
                }
            });
            receive(consumer, Identities::of(senders), &Meter::default()).map(|received| received.count)
        })
    }

    #[test]
    fn all_messages_are_counted() {
        assert_eq!(received(0..10_000, 1).unwrap(), 10_000);
        assert_eq!(received([0, 1 << 40, 1, (1 << 40) + 1], 2).unwrap(), 4);
        assert_eq!(received([], 1).unwrap(), 0);
    }

    #[test]
    fn missing_repeated_and_strange_messages_fail() {
        for wrong in [vec![0, 2], vec![0, 0], vec![1], vec![0, 1 << 40], vec![u64::MAX]] {
            assert!(matches!(received(wrong.clone(), 1), Err(Error::Wrong(_))), "{wrong:?}");
        }
    }

    #[test]
    fn a_meter_stops_the_consumer() {
        let meter = Meter::default();
        let mut buffer = Buffer::builder().slots(64).build().unwrap();
        let (mut producer, consumer) = buffer.split_mut();
        producer.produce(&[0; 240]).unwrap();
        std::thread::scope(|scope| {
            let receiving = scope.spawn(|| receive(consumer, Identities::of(1), &meter));
            while meter.count() == 0 {
                std::thread::yield_now();
            }
            meter.stop();
            // Wakes it up; its identity is looked at, but the stream does not end.
            producer.produce(&[1, 0, 0, 0, 0, 0, 0, 0]).unwrap();
            assert!((1..=2).contains(&receiving.join().unwrap().unwrap().count));
        });
    }
}
