//! The queues under test, behind one trait.

pub(crate) mod channels;
pub(crate) mod gil;
pub(crate) mod heapless;
pub(crate) mod nexus;
pub(crate) mod perdix;
pub(crate) mod ringbuf;
pub(crate) mod rtrb;

use std::ops::Range;

use crossbeam_utils::CachePadded;

/// Messages that a queue has room for.
pub(crate) const CAPACITY: usize = 4096;

/// A queue of messages of `N` words. All of them spin while they wait.
pub(crate) trait Queue<const N: usize> {
    type Tx<'a>: Send
    where
        Self: 'a;
    type Rx<'a>: Send
    where
        Self: 'a;

    fn open() -> Self;

    fn split(&mut self) -> (Self::Tx<'_>, Self::Rx<'_>);

    /// Sends one message for each number, which is its first word; the other words are those of `message`.
    fn send(tx: &mut Self::Tx<'_>, numbers: Range<u64>, message: &mut [u64; N]);

    /// Receives `count` messages and returns the sum of all their words.
    fn receive(rx: &mut Self::Rx<'_>, count: u64) -> u64;
}

/// The halves of a rival, which keep state of their own: each on its own cache lines, as on the stacks of two threads.
pub(crate) struct Halves<T, R>(CachePadded<T>, CachePadded<R>);

impl<T, R> Halves<T, R> {
    pub(crate) fn new((tx, rx): (T, R)) -> Self {
        Self(CachePadded::new(tx), CachePadded::new(rx))
    }

    pub(crate) fn split(&mut self) -> (&mut T, &mut R) {
        (&mut self.0, &mut self.1)
    }
}

/// Reads every byte of a message.
#[inline(always)]
pub(crate) fn sum(words: &[u64]) -> u64 {
    words.iter().copied().fold(0, u64::wrapping_add)
}

/// Calls `attempt` until it gives something, as a thread that waits by spinning does.
#[inline(always)]
pub(crate) fn spin<T>(mut attempt: impl FnMut() -> Option<T>) -> T {
    loop {
        if let Some(done) = attempt() {
            return done;
        }
        std::hint::spin_loop();
    }
}

/// A queue of which messages are pushed and popped by value: `$push` gives an `Option`, `$pop` too.
macro_rules! by_value {
    ($queue:ident, $tx:ty, $rx:ty, $open:expr, |$to:ident, $message:ident| $push:expr, |$from:ident| $pop:expr) => {
        pub(crate) struct $queue<const N: usize>($crate::queues::Halves<$tx, $rx>);

        impl<const N: usize> $crate::queues::Queue<N> for $queue<N> {
            type Tx<'a> = &'a mut $tx;
            type Rx<'a> = &'a mut $rx;

            fn open() -> Self {
                Self($crate::queues::Halves::new($open))
            }

            fn split(&mut self) -> (Self::Tx<'_>, Self::Rx<'_>) {
                self.0.split()
            }

            fn send(tx: &mut Self::Tx<'_>, numbers: std::ops::Range<u64>, message: &mut [u64; N]) {
                for number in numbers {
                    message[0] = number;
                    let ($to, $message) = (&mut **tx, std::hint::black_box(&*message));
                    $crate::queues::spin(|| $push);
                }
            }

            fn receive(rx: &mut Self::Rx<'_>, count: u64) -> u64 {
                let $from = &mut **rx;
                (0..count).fold(0, |total: u64, _| {
                    total.wrapping_add($crate::queues::sum(&$crate::queues::spin(|| $pop)))
                })
            }
        }
    };
}
pub(crate) use by_value;
