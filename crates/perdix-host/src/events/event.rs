//! One event, decoded.

use std::fmt;
use std::time::{Instant, SystemTime};

use perdix_core::events::{ArgumentType, Head, Level, MAX_ARGUMENTS, Scope};

use super::error::DecodeError;
use super::sites::{Site, Sites};
use super::text::write_text;
use super::value::Value;

/// Lanes of a warp.
const WARP_SIZE: u16 = 32;

/// An event: `Display` is its text.
#[derive(Clone, Debug)]
pub struct Event<'s> {
    site: &'s Site,
    head: Head,
    words: [u64; MAX_ARGUMENTS],
    pub(super) time: Instant,
}

impl<'s> Event<'s> {
    /// Decodes the event that begins at byte `at` of a message, and says where the next one does. Its time is not known yet.
    pub(super) fn decode(
        sites: &'s Sites,
        message: &[u8],
        at: usize,
        now: Instant,
    ) -> Result<(Self, usize), DecodeError> {
        let short = DecodeError::Short { len: message.len(), at };
        let mut words = message.get(at..).unwrap_or_default().chunks_exact(8).map(|bytes| {
            let mut word = [0; 8];
            word.copy_from_slice(bytes);
            u64::from_ne_bytes(word)
        });
        let mut word = || words.next().ok_or_else(|| short.clone());
        let head = [word()?, word()?, word()?];
        let (head, count) = Head::from_words(head).map_err(|error| DecodeError::Head { at, error })?;
        let mut arguments = [0; MAX_ARGUMENTS];
        for argument in arguments.iter_mut().take(head.place.room.into()) {
            *argument = word()?;
        }
        let site = sites.get(head.site).ok_or(DecodeError::UnknownSite { site: head.site })?;
        if site.arguments() != count {
            let (site, expected) = (Box::new(site.clone()), site.arguments());
            return Err(DecodeError::Arguments { site, found: count, expected });
        }
        let event = Self { site, head, words: arguments, time: now };
        for (index, value) in event.arguments().enumerate() {
            if !value.is_valid() {
                return Err(DecodeError::Value { site: Box::new(site.clone()), index, word: value.bits() });
            }
        }
        Ok((event, at + 8 * (Head::WORDS + usize::from(head.place.room))))
    }

    /// The place in the source that it comes from.
    pub fn site(&self) -> &'s Site {
        self.site
    }

    /// How much it matters.
    pub fn level(&self) -> Level {
        self.site.level()
    }

    /// The number of its block in the grid, modulo 2^32.
    pub fn block(&self) -> u32 {
        self.head.block
    }

    /// The number of its thread in the block; the first one's if it is from a whole warp or block.
    pub fn thread(&self) -> u16 {
        self.head.place.thread
    }

    /// The number of its warp in the block.
    pub fn warp(&self) -> u16 {
        self.thread() / WARP_SIZE
    }

    /// The thread's number in the warp.
    pub fn lane(&self) -> u16 {
        self.thread() % WARP_SIZE
    }

    /// Whether it is from a thread, or from a whole warp or block.
    pub fn scope(&self) -> Scope {
        self.head.place.scope
    }

    /// When, by the GPU's clock, in nanoseconds.
    pub fn gpu_ns(&self) -> u64 {
        self.head.time_ns
    }

    /// When, by this CPU's clock: see [`GpuClock`](super::GpuClock) for how exact that is.
    pub fn time(&self) -> Instant {
        self.time
    }

    /// [`time`](Self::time) as a time of day, as the system's clock stands now.
    pub fn system_time(&self) -> SystemTime {
        let now = SystemTime::now();
        now.checked_sub(self.time.elapsed()).unwrap_or(now)
    }

    /// The arguments.
    pub fn arguments(&self) -> impl ExactSizeIterator<Item = Value> + '_ {
        let words = self.words.iter().take(self.site.arguments()).enumerate();
        // As many have a type: checked when it was decoded.
        words.map(|(index, word)| Value {
            kind: self.head.argument_type(index).unwrap_or(ArgumentType::U64),
            word: *word,
        })
    }
}

impl fmt::Display for Event<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_text(f, self.site.format(), self.arguments())
    }
}
