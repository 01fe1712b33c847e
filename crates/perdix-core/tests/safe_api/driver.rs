//! Calls of every public safe function with any arguments: what the test draws at random, and a
//! fuzzer from its bytes. Each entry is named as the function that it calls.

use std::sync::atomic::AtomicU64;

use perdix_core::{Consumer, Fault, Meta, Mode, Poll, Producer};

/// Where the numbers come from.
pub(crate) trait Source {
    /// Any number.
    fn word(&mut self) -> u64;

    /// A number below `end`.
    fn below(&mut self, end: u64) -> u64 {
        self.word() % end
    }

    /// Yes or no.
    fn flag(&mut self) -> bool {
        self.below(2) == 0
    }

    /// A number that is likely to be the edge of something.
    fn number(&mut self) -> u64 {
        match self.below(6) {
            0 => self.word(),
            1 => u64::MAX - self.below(9),
            2 => (1 << 63) - self.below(9),
            3 => self.below(300),
            _ => self.below(9),
        }
    }

    /// A length, as likely too large as not.
    fn length(&mut self) -> usize {
        if self.flag() { self.below(241) as usize } else { self.number() as usize }
    }

    /// A payload of up to 300 bytes.
    fn payload(&mut self) -> Vec<u8> {
        let word = if self.flag() { perdix_core::sentinel::SENTINEL } else { self.word() };
        word.to_ne_bytes().into_iter().cycle().take(self.below(300) as usize).collect()
    }

    /// One of the modes.
    fn mode(&mut self) -> Mode {
        if self.flag() { Mode::Fenced } else { Mode::FenceFree }
    }
}

/// What is called of a half. By value, because some functions take it so.
pub(crate) type Call<H> = (&'static str, fn(H, &mut dyn Source) -> H);

/// The value is of no interest, the call is.
fn seen<T>(value: T) {
    std::hint::black_box(value);
}

macro_rules! calls {
    ($($name:literal, |$half:ident, $source:ident| $call:expr;)+) => {
        &[$(($name, |mut $half, $source| {
            let _: (&mut _, &mut dyn Source) = (&mut $half, &mut *$source);
            seen($call);
            $half
        })),+]
    };
}

/// The producer's functions, those of the slots that it gives, and those of its ring.
pub(crate) const PRODUCER: &[Call<Producer>] = calls! {
    "Producer::abandon", |p, s| p.abandon();
    "Producer::consumer_disconnected", |p, s| p.consumer_disconnected();
    "Producer::counts", |p, s| p.counts();
    "Producer::credit", |p, s| p.credit();
    "Producer::dropped", |p, s| p.dropped();
    "Producer::ensure", |p, s| p.ensure(s.number());
    "Producer::fail", |p, s| p.fail(Fault::TimedOut);
    "Producer::finish", |p, s| p.finish();
    "Producer::head", |p, s| p.head();
    "Producer::publish", |p, s| p.publish();
    "Producer::push", |p, s| p.push(s.word() as u16, s.word() as u8, &s.payload());
    "Producer::push_chunks", |p, s| {
        let (word, fails) = (s.word(), s.below(30) == 0);
        let (kind, flags, len) = (s.word() as u16, s.word() as u8, s.length());
        let chunk = |at: usize| {
            if fails && at == 3 {
                std::panic::resume_unwind(Box::new("a chunk that cannot be made"));
            }
            [word, perdix_core::sentinel::SENTINEL]
        };
        let push = || p.push_chunks(kind, flags, len, chunk).is_ok();
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(push)).is_ok()
    };
    "Producer::push_or_drop", |p, s| p.push_or_drop(s.word() as u16, s.word() as u8, &s.payload());
    "Producer::renew", |p, s| p.renew(s.number());
    "Producer::reopen", |p, s| p.reopen();
    "Producer::ring", |p, s| { p.ring(); };
    "Producer::room_or_drop", |p, s| p.room_or_drop();
    "Producer::set_dropped", |p, s| p.set_dropped(s.number(), s.number());
    "Producer::stage", |p, s| p.stage(s.word() as u16, s.word() as u8, &s.payload());
    "Producer::staged", |p, s| p.staged();
    "Producer::unreported", |p, s| p.unreported();
    "Producer::vacant", |p, s| p.vacant().map(drop).is_ok();
    "Producer::with_counts_of_ring", |p, s| p = p.with_counts_of_ring();
    "Free::number", |p, s| p.vacant().map(|free| free.number());
    "Free::payload_mut", |p, s| if let Ok(mut free) = p.vacant() {
        free.payload_mut().fill(s.word() as u8);
        if s.flag() {
            std::mem::forget(free);
        }
    };
    "Free::publish", |p, s| p.vacant().map(|free| free.publish(s.word() as u16, s.word() as u8, s.length()));
    "Free::stage", |p, s| p.vacant().map(|mut free| {
        free.write(&s.payload());
        free.stage(s.word() as u16, s.word() as u8, s.length());
    });
    "Free::write", |p, s| p.vacant().map(|mut free| free.write(&s.payload())).is_ok();
    "Ring::address", |p, s| p.ring().address();
    "Ring::attached_consumer", |p, s| p.ring().attached_consumer();
    "Ring::attached_producer", |p, s| p.ring().attached_producer();
    "Ring::capacity", |p, s| p.ring().capacity();
    "Ring::config", |p, s| p.ring().config();
    "Ring::consumer_stats", |p, s| p.ring().consumer_stats();
    "Ring::end", |p, s| p.ring().end();
    "Ring::fault", |p, s| p.ring().fault();
    "Ring::mode", |p, s| p.ring().mode();
    "Ring::producer_stats", |p, s| p.ring().producer_stats();
    "Ring::sequence", |p, s| p.ring().sequence(s.number());
    "Ring::tail", |p, s| p.ring().tail();
};

/// The consumer's functions, and those of the messages that it finds.
pub(crate) const CONSUMER: &[Call<Consumer>] = calls! {
    "Consumer::available", |c, s| c.available(s.number());
    "Consumer::available_sized", |c, s| c.available_sized(s.number());
    "Consumer::begin_wait", |c, s| c.begin_wait();
    "Consumer::disconnect", |c, s| c.disconnect();
    "Consumer::dropped", |c, s| c.dropped();
    "Consumer::fault", |c, s| c.fault();
    "Consumer::for_cpu_producer", |c, s| c = c.for_cpu_producer();
    "Consumer::forget_acquired", |c, s| c.forget_acquired();
    "Consumer::look", |c, s| c.look();
    "Consumer::next", |c, s| c.next();
    "Consumer::next_record", |c, s| c.next_record();
    "Consumer::peek", |c, s| c.peek(s.number());
    "Consumer::poll", |c, s| if let Ok(Poll::Ready(message)) = c.poll() { drop(message) };
    "Consumer::prefetch", |c, s| c.prefetch(s.number());
    "Consumer::publish_tail", |c, s| c.publish_tail();
    "Consumer::published", |c, s| c.published();
    "Consumer::reconnect", |c, s| c.reconnect();
    "Consumer::recycle", |c, s| c.recycle();
    "Consumer::ring", |c, s| { c.ring(); };
    "Consumer::set_cpu_producer", |c, s| c.set_cpu_producer(s.flag());
    "Consumer::take_gap", |c, s| c.take_gap();
    "Consumer::take_trailing_gap", |c, s| c.take_trailing_gap();
    "Consumer::taken", |c, s| c.taken();
    "Consumer::until_end", |c, s| c.until_end();
    "Consumer::with_tail_every", |c, s| c = c.with_tail_every(s.number());
    "Ready::copy_to", |c, s| if let Ok(Poll::Ready(message)) = c.poll() {
        seen(message.copy_to(&mut vec![0; s.below(300) as usize]));
    };
    "Ready::meta", |c, s| if let Ok(Poll::Ready(message)) = c.poll() { seen(message.meta()) };
    "Ready::number", |c, s| if let Ok(Poll::Ready(message)) = c.poll() { seen(message.number()) };
    "Ready::payload", |c, s| if let Ok(Poll::Ready(message)) = c.poll() {
        seen(message.payload().iter().fold(0_u8, |sum, byte| sum ^ byte));
    };
    "Ready::take", |c, s| while let Ok(Poll::Ready(message)) = c.poll() {
        assert_eq!(message.payload().len(), message.meta().len());
        message.take();
        if s.flag() {
            break;
        }
    };
};

/// What has no half: values, policy, words of one's own.
pub(crate) const VALUES: &[Call<()>] = super::values::VALUES;

/// A meta word as anybody may make it.
pub(crate) fn meta(s: &mut dyn Source) -> Meta {
    let meta = Meta::new(s.length(), s.word() as u8, s.word() as u16);
    if s.flag() { meta.with_mask(s.word() as u32) } else { meta }
}

/// A slot that is no ring's.
pub(crate) fn slot() -> perdix_core::Slot {
    let word = || AtomicU64::new(perdix_core::sentinel::SENTINEL);
    perdix_core::Slot { seq: word(), meta: word(), payload: std::array::from_fn(|_| word()) }
}
