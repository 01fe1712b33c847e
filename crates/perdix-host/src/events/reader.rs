//! Takes events from a ring.

use std::collections::VecDeque;
use std::time::Instant;

use perdix_core::Meta;
use perdix_core::events::EVENT_KIND;

use super::clock::GpuClock;
use super::error::{DecodeError, EventError};
use super::event::Event;
use super::sites::Sites;
use crate::consumer::{Consumer, Message};
use crate::error::ConsumeError;
use crate::wait::Wait;

/// Takes events from a consumer, in the order in which they lie in the ring: that of each thread, and of the claims of several.
///
/// Keep one reader for a ring: it knows the GPU's clock better with every event. A message that is no event, or one that cannot be read, is
/// an error and stays in the ring, for `try_next` of the consumer; so events may share their ring with other messages.
///
/// ```no_run
/// # fn example(sites: &perdix_host::events::Sites, consumer: &mut perdix_host::Consumer<'_>) -> Result<(), Box<dyn std::error::Error>> {
/// use perdix_host::events::EventReader;
///
/// let mut reader = EventReader::new(sites);
/// reader.for_each(consumer, |event| {
///     let (level, block, thread) = (event.level(), event.block(), event.thread());
///     println!("{level} [{block}:{thread}] {event}");
/// })?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct EventReader<'s> {
    sites: &'s Sites,
    clock: GpuClock,
    /// Of a message that held several.
    ready: VecDeque<Event<'s>>,
}

impl<'s> EventReader<'s> {
    /// A reader of events from these sites.
    pub fn new(sites: &'s Sites) -> Self {
        Self { sites, clock: GpuClock::new(), ready: VecDeque::new() }
    }

    /// The next event, waiting for it as `wait` says.
    ///
    /// # Errors
    /// [`EventError::Stream`] as [`Consumer::next`]; among them [`ConsumeError::Gap`], once, where events were
    /// dropped because the ring was full. [`EventError::Decode`] if the next message is no event that can be
    /// read.
    #[inline]
    pub fn next(
        &mut self,
        consumer: &mut Consumer<'_>,
        wait: impl Into<Wait>,
    ) -> Result<Event<'s>, EventError> {
        self.next_within(consumer, wait.into())
    }

    fn next_within(&mut self, consumer: &mut Consumer<'_>, wait: Wait) -> Result<Event<'s>, EventError> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Ok(event);
            }
            let meta = consumer.find(wait)?;
            self.take(consumer, meta)?;
        }
    }

    /// The next event if it is there; if not, the error says why not, as for [`Consumer::try_next`].
    ///
    /// # Errors
    /// As [`next`](Self::next), with [`ConsumeError::Empty`].
    #[inline]
    pub fn try_next(&mut self, consumer: &mut Consumer<'_>) -> Result<Event<'s>, EventError> {
        self.next_within(consumer, Wait::No)
    }

    /// Calls `each` with every event until the end of the stream, waiting for them, and says how many there were.
    ///
    /// # Errors
    /// As [`next`](Self::next), but for the end of the stream; everything before has been delivered. After [`ConsumeError::Gap`] call it
    /// again.
    pub fn for_each(
        &mut self,
        consumer: &mut Consumer<'_>,
        mut each: impl FnMut(Event<'s>),
    ) -> Result<u64, EventError> {
        let mut count = 0;
        loop {
            match self.next(consumer, Wait::Forever) {
                Ok(event) => each(event),
                Err(EventError::Stream(ConsumeError::EndOfStream)) => return Ok(count),
                Err(error) => return Err(error),
            }
            count += 1;
        }
    }

    /// The events of a message that was taken otherwise, just now: its kind and its bytes.
    ///
    /// # Errors
    /// [`DecodeError`]: none of its events was taken then.
    pub fn decode(&mut self, kind: u16, message: &[u8]) -> Result<Vec<Event<'s>>, DecodeError> {
        let arrived = Instant::now();
        if kind != EVENT_KIND {
            return Err(DecodeError::Kind { kind });
        }
        let (mut events, mut at) = (Vec::with_capacity(1), 0);
        while at < message.len() {
            let (event, next) = Event::decode(self.sites, message, at, arrived)?;
            events.push(event);
            at = next;
        }
        // All first: the fastest of them tells most about the clocks.
        events.iter().for_each(|event| self.clock.observe(event.gpu_ns(), arrived));
        for event in &mut events {
            event.time = self.clock.time(event.gpu_ns()).unwrap_or(arrived);
        }
        Ok(events)
    }

    /// What is known of the GPU's clock.
    pub fn clock(&self) -> &GpuClock {
        &self.clock
    }

    /// Decodes the next message, which a poll has found, and takes it if that went well.
    fn take(&mut self, consumer: &mut Consumer<'_>, meta: Meta) -> Result<(), EventError> {
        let number = consumer.position();
        let events = if meta.has_more() {
            Err(DecodeError::Kind { kind: meta.kind() })
        } else {
            self.decode(meta.kind(), consumer.peek(meta).bytes())
        };
        let events = events.map_err(|error| EventError::Decode { message: number, error })?;
        drop(Message::take(consumer.core(), meta));
        self.ready.extend(events);
        Ok(())
    }
}
