//! The operations, and how they are drawn.

use perdix_core::sentinel::SENTINEL;
use perdix_host::Mode;
use proptest::collection::vec;
use proptest::prelude::*;

/// What happens to a guard at last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Drop,
    Forget,
}

/// A message to send.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    pub(crate) kind: u16,
    pub(crate) bytes: Vec<u8>,
}

/// What the producer does.
#[derive(Clone, Debug)]
pub(crate) enum Make {
    Try(Item),
    Timeout(Item),
    OrDrop(Item),
    /// Reserve the item's length and more, write it, and commit so much of it.
    Grant {
        item: Item,
        more: usize,
        commit: bool,
        fate: Fate,
    },
    Batch {
        most: usize,
        items: Vec<Item>,
        commit: bool,
        fate: Fate,
    },
    All(Vec<Item>),
    Large {
        item: Item,
        timed: bool,
    },
    Room,
}

/// What the consumer does.
#[derive(Clone, Debug)]
pub(crate) enum Take {
    One { during: Vec<Make>, fate: Fate },
    Timeout,
    Batch { most: usize, during: Vec<Make>, fate: Fate },
    Drain,
    Status,
    Large,
}

#[derive(Clone, Debug)]
pub(crate) enum Op {
    Produce(Make),
    Consume(Take),
    Split {
        forget_producer: bool,
        forget_consumer: bool,
    },
    /// The stream ends and begins again.
    End,
    /// The consumer leaves, and the producer goes on for a while.
    Leave(Vec<Make>),
}

#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) slots: usize,
    pub(crate) mode: Mode,
    pub(crate) start: u64,
    pub(crate) release_every: Option<usize>,
    pub(crate) ops: Vec<Op>,
}

pub(crate) fn plan() -> impl Strategy<Value = Plan> {
    (
        0..7u32,
        prop_oneof![Just(Mode::Fenced), Just(Mode::FenceFree)],
        prop_oneof![Just(0), Just(u64::MAX - 3), Just((1 << 63) - 2), any::<u64>()],
        prop_oneof![Just(None), Just(Some(1)), Just(Some(64)), (0..70usize).prop_map(Some)],
        vec(op(), 1..120),
    )
        .prop_map(|(log, mode, start, release_every, ops)| Plan {
            slots: 1 << log,
            mode,
            start,
            release_every,
            ops,
        })
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        20 => make().prop_map(Op::Produce),
        20 => take().prop_map(Op::Consume),
        2 => any::<(bool, bool)>()
            .prop_map(|(forget_producer, forget_consumer)| Op::Split { forget_producer, forget_consumer }),
        1 => Just(Op::End),
        1 => vec(make(), 0..4).prop_map(Op::Leave),
    ]
}

fn make() -> impl Strategy<Value = Make> {
    prop_oneof![
        6 => item(250).prop_map(Make::Try),
        1 => item(250).prop_map(Make::Timeout),
        2 => item(250).prop_map(Make::OrDrop),
        4 => (item(240), 0..241usize, any::<bool>(), fate())
            .prop_map(|(item, more, commit, fate)| Make::Grant { item, more, commit, fate }),
        4 => (size(), vec(item(250), 0..9), any::<bool>(), fate())
            .prop_map(|(most, items, commit, fate)| Make::Batch { most, items, commit, fate }),
        2 => vec(item(240), 0..70).prop_map(Make::All),
        2 => (item(2_000), any::<bool>()).prop_map(|(item, timed)| Make::Large { item, timed }),
        1 => Just(Make::Room),
    ]
}

fn take() -> impl Strategy<Value = Take> {
    let during = || prop_oneof![2 => Just(Vec::new()), 1 => vec(make(), 1..3)];
    prop_oneof![
        6 => (during(), fate()).prop_map(|(during, fate)| Take::One { during, fate }),
        1 => Just(Take::Timeout),
        4 => (size(), during(), fate()).prop_map(|(most, during, fate)| Take::Batch { most, during, fate }),
        1 => Just(Take::Drain),
        1 => Just(Take::Status),
        2 => Just(Take::Large),
    ]
}

fn size() -> impl Strategy<Value = usize> {
    prop_oneof![8 => 0..10usize, 1 => 0..70usize, 1 => Just(usize::MAX)]
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![2 => Just(Fate::Drop), 1 => Just(Fate::Forget)]
}

/// A message whose words are often the sentinel, or nearly.
fn item(longest: usize) -> impl Strategy<Value = Item> {
    let len =
        prop_oneof![6 => 0..40.min(longest), 2 => 230.min(longest - 1)..=longest.min(242), 1 => 0..=longest];
    let word = prop_oneof![4 => Just(SENTINEL), 1 => Just(SENTINEL ^ 1), 1 => Just(0), 2 => any::<u64>()];
    (any::<u16>(), len, vec(word, 1..5)).prop_map(|(kind, len, words)| {
        let bytes = words.iter().flat_map(|word| word.to_le_bytes()).cycle().take(len).collect();
        Item { kind, bytes }
    })
}
