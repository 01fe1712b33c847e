//! Each rule over all small rings, against a straightforward model: numbers count from the ring's
//! first message and never wrap there.

use perdix_core::policy::recovery::{GapRecord, Place};
use perdix_core::policy::{Claims, Credit, Plan, StreamEnd, batch, claimants_margin, tail_interval};
use perdix_core::policy::{crosses_eighth, marker_and, unreported, until_end};
use perdix_core::{Cursor, Meta, Refused};

use super::{CAPACITIES, STARTS};

/// Calls `check(capacity, start)` for every small ring.
fn on_rings(mut check: impl FnMut(u64, u64)) {
    for capacity in CAPACITIES {
        STARTS.into_iter().for_each(|start| check(capacity, start));
    }
}

#[test]
fn credit_counts_free_slots() {
    on_rings(|capacity, start| {
        let at = |n: u64| start.wrapping_add(n);
        for tail in 0..20 {
            for head in tail..=tail + capacity {
                let credit = Credit::new(capacity, at(tail));
                assert_eq!(credit.used(at(head)), head - tail);
                assert_eq!(credit.free(at(head)), tail + capacity - head);
                for wanted in 0..2 * capacity + 2 {
                    let fits = head + wanted <= tail + capacity;
                    assert_eq!(credit.covers(at(head + wanted)), fits);
                    assert_eq!(credit.covers_outdated(at(head + wanted)), fits);
                    assert_eq!(credit.runs_low(at(head + wanted)), 2 * (head + wanted - tail) > capacity);
                }
            }
            for passed in 0..=tail {
                assert!(Credit::new(capacity, at(tail)).covers_outdated(at(passed)));
                assert_eq!(Credit::none(capacity, at(passed)).free(at(passed)), 0);
            }
            for other in 0..20 {
                let newest = Credit::new(capacity, at(tail)).newest(at(other));
                assert_eq!(newest.tail(), at(tail.max(other)));
            }
        }
    });
}

#[test]
fn a_tail_word_renews_the_credit_or_is_refused() {
    on_rings(|capacity, start| {
        let at = |n: u64| start.wrapping_add(n);
        for known in 0..10 {
            for end in known..=known + capacity + 1 {
                for word in 0..24 {
                    for flag in [false, true] {
                        let credit = Credit::new(capacity, at(known));
                        let expected = if word < known || word > end {
                            Err(Refused::CorruptTail)
                        } else if flag {
                            Err(Refused::Disconnected)
                        } else {
                            Ok(Credit::new(capacity, at(word)))
                        };
                        let word = Cursor::new(at(word), flag).word();
                        assert_eq!(credit.renew(word, at(end)), expected);
                        assert_eq!(credit.renew_early(word, at(end)), expected.unwrap_or(credit));
                    }
                }
            }
        }
    });
}

#[test]
fn one_claimant_in_an_eighth_of_the_ring_looks() {
    for start in STARTS {
        for first in 0..64 {
            for count in 1..8 {
                let (first, capacity) = (start.wrapping_add(first), 64);
                let end = first.wrapping_add(count);
                let crosses = (0..count).any(|n| first.wrapping_add(n + 1) % 8 == 0);
                assert_eq!(crosses_eighth(capacity, first, end), crosses, "{first} to {end}");
                assert!(!crosses_eighth(4, first, end), "a small ring has no eighths");
            }
        }
    }
    for claimants in 1..100 {
        for capacity in [1, 2, 4, 8, 16, 32, 64, 128, 256] {
            let margin = if capacity >= 2 * claimants + 2 { claimants } else { 0 };
            assert_eq!(claimants_margin(capacity, claimants), margin);
        }
    }
    for (capacity, interval) in [(1, 1), (2, 1), (4, 1), (8, 2), (1024, 256), (1 << 30, 256)] {
        assert_eq!(tail_interval(capacity), interval);
    }
}

/// What a producer that drops messages publishes: markers and messages, by the rules in the book.
fn or_drop(capacity: u64, unreported: u64, count: u64, free: u64) -> (bool, bool) {
    let with_marker = count + u64::from(unreported != 0);
    let never_fits = with_marker > capacity;
    match unreported != 0 {
        false => (false, count <= free),
        true if never_fits => (free >= 1, false),
        true => (with_marker <= free, with_marker <= free),
    }
}

#[test]
fn a_marker_goes_ahead_of_the_next_message() {
    for capacity in CAPACITIES {
        for unreported in [0, 1, 5, u64::MAX] {
            for count in 1..=capacity {
                for free in 0..=capacity {
                    let case = format!("{capacity} {unreported} {count} {free}");
                    let plan = Plan::or_drop(capacity, unreported, count, free);
                    let (marks, sends) = or_drop(capacity, unreported, count, free);
                    assert_eq!(plan, as_plan(marks, sends), "{case}");
                    let needed = Plan::slots_or_drop(capacity, unreported, count);
                    assert_eq!(free >= needed, plan != Plan::Nothing, "{case}");
                    assert!(needed <= capacity, "a wait for these slots would never end: {case}");

                    let plan = Plan::or_wait(unreported, count, free);
                    let marks = unreported != 0 && free != 0;
                    let sends = free >= count + u64::from(unreported != 0);
                    assert_eq!(plan, as_plan(marks, sends), "{case}");
                    assert_eq!(marker_and(unreported, count), count + u64::from(unreported != 0));
                }
            }
        }
    }
    // Who asks for no slot never waits.
    for (unreported, free, plan) in
        [(0, 0, Plan::Send), (0, 1, Plan::Send), (1, 0, Plan::Send), (1, 1, Plan::MarkThenSend)]
    {
        assert_eq!(Plan::or_wait(unreported, 0, free), plan);
    }
    for (dropped, reported) in [(0_u64, 0_u64), (9, 4), (4, 9), (u64::MAX, u64::MAX - 3), (2, u64::MAX)] {
        let missing = i128::from(dropped.wrapping_sub(reported) as i64).max(0);
        assert_eq!(i128::from(unreported(dropped, reported)), missing);
    }
}

fn as_plan(marks: bool, sends: bool) -> Plan {
    match (marks, sends) {
        (false, true) => Plan::Send,
        (true, true) => Plan::MarkThenSend,
        (true, false) => Plan::MarkOnly,
        (false, false) => Plan::Nothing,
    }
}

#[test]
fn a_batch_ends_within_the_ring() {
    on_rings(|capacity, start| {
        let at = |n: u64| start.wrapping_add(n);
        for next in 0..6 {
            for end in next..=next + capacity {
                for followers in [0, 1, 2, 7, 8, u64::from(u32::MAX), u64::MAX - 1] {
                    let expected = u128::from(end) + 1 + u128::from(followers);
                    let expected = expected.min(u128::from(next + capacity)) as u64;
                    assert_eq!(batch::acquired_end(capacity, at(next), at(end), followers), at(expected));
                }
            }
            let (number, meta) = (at(next), Meta::new(5, 1, 9));
            assert_eq!(batch::header(number, meta), [at(next + 1), meta.word()]);
            let [seq, word] = batch::head_header(capacity, number, meta, 3);
            assert_eq!(seq.wrapping_add(capacity), at(next + 1));
            let head = Meta::from_word(word).unwrap();
            assert_eq!((head.len(), head.flags(), head.kind(), head.followers()), (5, 1, 9, 2));
            assert_eq!(batch::slot_index(capacity, number) as u64, number % capacity);
        }
    });
}

#[test]
fn a_stream_ends_where_the_end_word_says() {
    on_rings(|capacity, start| {
        let at = |n: u64| start.wrapping_add(n);
        for next in 0..12_u64 {
            for end in 0..24_u64 {
                let distance = (i128::from(end) - i128::from(next)).rem_euclid(1 << 63) as u64;
                let expected = match end.checked_sub(next) {
                    Some(0) => StreamEnd::Here,
                    Some(ahead) if ahead <= capacity => StreamEnd::Ahead,
                    _ => StreamEnd::Corrupt(distance),
                };
                let word = Cursor::new(at(end), true).word();
                assert_eq!(StreamEnd::read(capacity, word, at(next)), expected, "{next} {end}");
                assert_eq!(until_end(word, at(next)), Some(distance));
                let open = Cursor::new(at(end), false).word();
                assert_eq!(StreamEnd::read(capacity, open, at(next)), StreamEnd::Open);
                assert_eq!(until_end(open, at(next)), None);
            }
        }
        for claimed in 0..12 {
            for unsent in (0..12).chain([u64::MAX]) {
                for sent in 0..=claimed {
                    let kept = claimed.min(unsent);
                    let expected = Claims { end: at(kept), messages: sent.min(kept), lost: claimed - kept };
                    assert_eq!(Claims::end_of(start, at(claimed), unsent, sent), expected);
                }
            }
        }
    });
}

#[test]
fn a_successor_goes_on_where_the_words_say() {
    on_rings(|capacity, start| {
        let at = |n: u64| start.wrapping_add(n);
        for tail in 0..12 {
            for flag in [false, true] {
                let word = Cursor::new(at(tail), flag).word();
                let place = |recycled| Place { tail: at(tail), recycled: at(recycled) };
                assert_eq!(Place::read(capacity, start, word, None), Ok(place(tail)));
                for recycled in 0..24_u64 {
                    let expected = match recycled.checked_sub(tail) {
                        Some(ahead) if ahead <= capacity => Ok(place(recycled)),
                        _ => Err((at(tail), recycled.wrapping_sub(tail))),
                    };
                    assert_eq!(Place::read(capacity, start, word, Some(at(recycled))), expected);
                }
            }
        }
        // A record that is being written stands before the ring's first message, `None` here.
        let positions = || [None, Some(0), Some(1), Some(4), Some(5)].into_iter();
        for next in [0, 1, 4] {
            for first in positions() {
                for second in positions() {
                    let record = |position: Option<u64>, dropped| {
                        let position = position.map_or(GapRecord::invalid_position(start), at);
                        GapRecord { position, dropped }
                    };
                    for counts in [[7, 9], [9, 7], [8, 8]] {
                        let records = [record(first, counts[0]), record(second, counts[1])];
                        let valid = |place: Option<u64>| place.filter(|place| *place <= next);
                        let ordered = [(valid(first), counts[0]), (valid(second), counts[1])];
                        let latest = if ordered[0] > ordered[1] { 0 } else { 1 };
                        let expected = match ordered[latest] {
                            (Some(_), dropped) => (dropped, 1 - latest),
                            (None, _) => (0, 0),
                        };
                        assert_eq!(GapRecord::latest(start, at(next), records), expected);
                    }
                }
            }
        }
    });
}
