//! Steps for the protocol's model out of the fuzzer's bytes.

use perdix_core::Fault;
use perdix_core::sentinel::SENTINEL;
use perdix_fuzz::input::Input;
use perdix_fuzz::rings;

use crate::core::messages::Message;
use crate::core::{self, Step};

/// Steps at most: more find nothing new, and cost time.
const STEPS: usize = 400;

/// Runs all the steps that the bytes say.
pub(crate) fn run(input: &mut Input<'_>) {
    let config = rings::config(input);
    let tail_every = input.flag().then(|| u64::from(input.below(70)));
    let steps = std::iter::from_fn(|| (!input.is_over()).then(|| step(input)));
    core::run(config, tail_every, steps.take(STEPS));
}

fn step(input: &mut Input<'_>) -> Step {
    match input.below(25) {
        0..=3 => Step::Push(message(input)),
        4 => Step::PushTooLong(241 + usize::from(input.byte())),
        5..=7 => Step::Stage(message(input)),
        8 => Step::StageTooLong(241 + usize::from(input.byte())),
        9 | 10 => Step::StageInPlace(message(input)),
        11 => Step::Publish,
        12 => Step::Abandon,
        13 => Step::Renew(input.below(70).into()),
        14 => Step::PushOrDrop(message(input)),
        15 => input.pick([Step::Finish, Step::Fail(Fault::TimedOut), Step::Fail(Fault::TooLong)]),
        16 => Step::Reopen,
        17 => Step::Poll,
        18 | 19 => Step::Take(input.below(10).into()),
        20 => Step::TakeRun(input.pick([0, 1, 2, 5, 70, u64::MAX])),
        21 => Step::Settle,
        22 => Step::PublishTail,
        23 => Step::TakeGap,
        _ => input.pick([Step::Leave, Step::Rejoin]),
    }
}

/// A message, often of sentinels.
fn message(input: &mut Input<'_>) -> Message {
    let (kind, flags, len) = (input.short(), input.byte(), usize::from(input.byte()).min(240));
    let (one, other) = (input.pick([SENTINEL, SENTINEL, 0, u64::MAX]), input.word());
    let choice = input.word();
    let word = |i: usize| if choice >> i & 1 == 0 { one } else { other.rotate_left(i as u32) };
    let bytes = (0..30).flat_map(|i| word(i).to_le_bytes()).take(len).collect();
    Message { kind, flags, bytes }
}
