//! Plans for the host's model out of the fuzzer's bytes.

use perdix_core::sentinel::SENTINEL;
use perdix_fuzz::input::Input;
use perdix_fuzz::rings;

use crate::host::ops::{Fate, Item, Make, Op, Plan, Take};

/// Operations at most: more find nothing new, and cost time.
const OPERATIONS: usize = 300;

/// The plan that the bytes say.
pub(crate) fn plan(input: &mut Input<'_>) -> Plan {
    let config = rings::config(input);
    let release_every = input.flag().then(|| usize::from(input.below(70)));
    let ops = std::iter::from_fn(|| (!input.is_over()).then(|| op(input))).take(OPERATIONS).collect();
    Plan { slots: config.capacity as usize, mode: config.mode, start: config.start, release_every, ops }
}

fn op(input: &mut Input<'_>) -> Op {
    match input.below(16) {
        0..=6 => Op::Produce(make(input)),
        7..=12 => Op::Consume(take(input)),
        13 => Op::Split { forget_producer: input.flag(), forget_consumer: input.flag() },
        14 => Op::End,
        _ => Op::Leave(some(input, 4, make)),
    }
}

fn make(input: &mut Input<'_>) -> Make {
    match input.below(12) {
        0 | 1 => Make::Try(item(input, 250)),
        2 => Make::Timeout(item(input, 250)),
        3 => Make::OrDrop(item(input, 250)),
        4 | 5 => Make::Grant {
            item: item(input, 240),
            more: input.below(241).into(),
            commit: input.flag(),
            fate: fate(input),
        },
        6 | 7 => Make::Batch {
            most: size(input),
            items: some(input, 9, |input| item(input, 250)),
            commit: input.flag(),
            fate: fate(input),
        },
        8 => Make::All(some(input, 70, |input| item(input, 240))),
        9 | 10 => Make::Large { item: item(input, 2000), timed: input.flag() },
        _ => Make::Room,
    }
}

fn take(input: &mut Input<'_>) -> Take {
    match input.below(10) {
        0..=3 => Take::One { during: during(input), fate: fate(input) },
        4 => Take::Timeout,
        5 | 6 => Take::Batch { most: size(input), during: during(input), fate: fate(input) },
        7 => Take::Drain,
        8 => Take::Status,
        _ => Take::Large,
    }
}

/// What the producer does while a guard lives.
fn during(input: &mut Input<'_>) -> Vec<Make> {
    if input.flag() { some(input, 3, make) } else { Vec::new() }
}

fn fate(input: &mut Input<'_>) -> Fate {
    input.pick([Fate::Drop, Fate::Drop, Fate::Forget])
}

fn size(input: &mut Input<'_>) -> usize {
    match input.below(80) {
        70.. => usize::MAX,
        size => size.into(),
    }
}

fn some<T>(input: &mut Input<'_>, end: u8, make: impl Fn(&mut Input<'_>) -> T) -> Vec<T> {
    (0..input.below(end)).map(|_| make(input)).collect()
}

/// A message whose words are often the sentinel, or nearly.
fn item(input: &mut Input<'_>, longest: usize) -> Item {
    let kind = input.short();
    let len = if input.flag() { input.short().into() } else { usize::from(input.byte()) };
    let words = [input.pick([SENTINEL, SENTINEL ^ 1, 0]), input.pick([SENTINEL, !SENTINEL]), input.word()];
    let bytes = words.iter().flat_map(|word| word.to_le_bytes()).cycle().take(len % (longest + 1)).collect();
    Item { kind, bytes }
}
