//! Where events go.

use perdix_core::events::{EVENT_KIND, Level, Scope};

use super::draft::Draft;
use crate::producers::{BlockProducer, GridProducer, ThreadProducer, WarpProducer};
use crate::source::FromFn;

/// Takes events: what [`event!`](crate::event) needs of its first argument.
pub trait EventSink {
    /// Sends an event if there is room, or drops and counts it; whether it was sent.
    fn send_event<const N: usize>(&mut self, level: Level, event: &Draft<N>) -> bool;
}

/// A producer whose events wait for room, up to the ring's time limit, rather than be dropped:
/// `event!(Waiting(&mut producer), ...)`.
#[derive(Debug)]
pub struct Waiting<'p, P>(pub &'p mut P);

macro_rules! sinks {
    ($($producer:ty: $scope:ident, $drop:ident, $wait:ident;)+) => {$(
        impl EventSink for $producer {
            #[inline(always)]
            fn send_event<const N: usize>(&mut self, _level: Level, event: &Draft<N>) -> bool {
                let head = event.head(Scope::$scope, N);
                matches!(self.$drop(EVENT_KIND, Draft::<N>::LEN, |chunk| event.chunk(head, chunk)), Ok(true))
            }
        }

        impl EventSink for Waiting<'_, $producer> {
            #[inline(always)]
            fn send_event<const N: usize>(&mut self, _level: Level, event: &Draft<N>) -> bool {
                let head = event.head(Scope::$scope, N);
                self.0.$wait(EVENT_KIND, Draft::<N>::LEN, |chunk| event.chunk(head, chunk)).is_ok()
            }
        }
    )+};
}

sinks! {
    ThreadProducer: Thread, produce_with_or_drop, produce_with;
    WarpProducer: Warp, produce_or_drop, produce;
    GridProducer: Warp, produce_or_drop, produce;
}

impl EventSink for BlockProducer {
    #[inline(always)]
    fn send_event<const N: usize>(&mut self, _level: Level, event: &Draft<N>) -> bool {
        let head = event.head(Scope::Block, N);
        let source = FromFn::new(Draft::<N>::LEN, EVENT_KIND, |_, chunk| event.chunk(head, chunk));
        matches!(self.produce_batch_or_drop(1, &source), Ok(true))
    }
}

impl EventSink for Waiting<'_, BlockProducer> {
    #[inline(always)]
    fn send_event<const N: usize>(&mut self, _level: Level, event: &Draft<N>) -> bool {
        let head = event.head(Scope::Block, N);
        let source = FromFn::new(Draft::<N>::LEN, EVENT_KIND, |_, chunk| event.chunk(head, chunk));
        self.0.produce_batch(1, &source).is_ok()
    }
}
