//! The golden tables: cases and outcomes as text, for implementations in other languages.

use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs};

use perdix_core::policy::{Claims, Credit, Plan, StreamEnd, batch, unreported};
use perdix_core::{Cursor, Meta, Refused};

const CAPACITIES: [u64; 4] = super::CAPACITIES;
const STARTS: [u64; 3] = [0, (1 << 63) - 2, u64::MAX - 1];

/// One line for each case: the rule's name, then unsigned numbers.
struct Table(String);

impl Table {
    /// Begins a rule; `columns` names the numbers behind its name.
    fn rule(&mut self, columns: &str) {
        writeln!(self.0, "# {columns}").unwrap();
    }

    fn case<const N: usize>(&mut self, rule: &str, numbers: [u64; N]) {
        self.0.push_str(rule);
        for number in numbers {
            write!(self.0, " {number}").unwrap();
        }
        self.0.push('\n');
    }
}

/// 0: fine; 1: the consumer has disconnected; 2: corrupt.
fn code(outcome: Result<Credit, Refused>) -> u64 {
    match outcome {
        Ok(_) => 0,
        Err(Refused::Disconnected) => 1,
        Err(_) => 2,
    }
}

fn tables() -> String {
    let mut table = Table(String::from(
        "# Generated: PERDIX_BLESS=1 cargo test -p perdix-core --test policy. Each line is a case: the rule's\n\
         # name, then unsigned 64-bit numbers as the comment above the first case of the rule names them.\n",
    ));
    credit(&mut table);
    gaps(&mut table);
    words(&mut table);
    table.0
}

fn credit(table: &mut Table) {
    table.rule("covers capacity tail end -> covers covers_outdated runs_low");
    for (capacity, start) in CAPACITIES.into_iter().flat_map(|c| STARTS.map(|s| (c, s))) {
        for ahead in 0..=capacity + 1 {
            let (credit, end) = (Credit::new(capacity, start), start.wrapping_add(ahead));
            let answers = [credit.covers(end), credit.covers_outdated(end), credit.runs_low(end)];
            let [a, b, c] = answers.map(u64::from);
            table.case("covers", [capacity, start, end, a, b, c]);
        }
    }
    table.rule("renew capacity tail word end -> outcome (0 fine, 1 disconnected, 2 corrupt) tail");
    for (capacity, start) in CAPACITIES.into_iter().flat_map(|c| STARTS.map(|s| (c, s))) {
        for (ahead, place) in (0..=capacity + 1).flat_map(|end| (0..=end + 2).map(move |at| (end, at))) {
            let (credit, end) = (Credit::new(capacity, start), start.wrapping_add(ahead));
            // From one before the tail that is known to one behind the end.
            for flag in [false, true] {
                let word = Cursor::new(start.wrapping_add(place).wrapping_sub(1), flag).word();
                let outcome = credit.renew(word, end);
                let tail = credit.renew_early(word, end).tail();
                table.case("renew", [capacity, start, word, end, code(outcome), tail]);
            }
        }
    }
    table.rule("newest tail other -> tail");
    for (start, ahead) in STARTS.into_iter().flat_map(|s| [0, 1, 2].map(|n| (s, n))) {
        let other = start.wrapping_add(ahead).wrapping_sub(1);
        table.case("newest", [start, other, Credit::new(8, start).newest(other).tail()]);
    }
}

fn gaps(table: &mut Table) {
    table.rule(
        "or_drop capacity unreported count free -> slots plan (0 send, 1 mark then send, 2 mark, 3 nothing)",
    );
    let cases =
        || CAPACITIES.into_iter().flat_map(|c| (1..=c).flat_map(move |n| (0..=c).map(move |f| (c, n, f))));
    for (capacity, count, free) in cases() {
        for unreported in [0, 3] {
            let slots = Plan::slots_or_drop(capacity, unreported, count);
            let plan = Plan::or_drop(capacity, unreported, count, free) as u64;
            table.case("or_drop", [capacity, unreported, count, free, slots, plan]);
        }
    }
    table.rule("or_wait unreported count free -> plan");
    for (_, count, free) in cases().filter(|(capacity, ..)| *capacity == 4) {
        for unreported in [0, 3] {
            table.case("or_wait", [unreported, count, free, Plan::or_wait(unreported, count, free) as u64]);
        }
    }
    table.rule("unreported dropped reported -> messages");
    for (dropped, reported) in [(0, 0), (7, 5), (5, 7), (u64::MAX, u64::MAX - 1), (1, u64::MAX)] {
        table.case("unreported", [dropped, reported, unreported(dropped, reported)]);
    }
}

fn words(table: &mut Table) {
    table.rule("header number len kind -> seq meta");
    table.rule("head_header capacity number len kind count -> seq meta");
    for number in STARTS {
        for (len, kind) in [(0, 0), (240, 65535), (17, 7)] {
            let meta = Meta::new(len, 0, kind);
            let (len, kind) = (len as u64, u64::from(kind));
            let [seq, word] = batch::header(number, meta);
            table.case("header", [number, len, kind, seq, word]);
            for (capacity, count) in [(1, 1), (8, 1), (8, 8), (1 << 30, 32)] {
                let [seq, word] = batch::head_header(capacity, number, meta, count);
                table.case("head_header", [capacity, number, len, kind, count.into(), seq, word]);
            }
        }
    }
    table.rule("acquired_end capacity next acquired_end followers -> acquired_end");
    for (capacity, start) in CAPACITIES.into_iter().flat_map(|c| STARTS.map(|s| (c, s))) {
        for ahead in 0..=capacity {
            for followers in [0, 1, 7, (1 << 30) - 1] {
                let end = start.wrapping_add(ahead);
                let answer = batch::acquired_end(capacity, start, end, followers);
                table.case("acquired_end", [capacity, start, end, followers, answer]);
            }
        }
    }
    table.rule("end capacity word next -> state (0 open, 1 ahead, 2 here, 3 corrupt) distance");
    for (capacity, start) in CAPACITIES.into_iter().flat_map(|c| STARTS.map(|s| (c, s))) {
        for ahead in [0, 1, capacity, capacity + 1, capacity + 2] {
            for flag in [false, true] {
                let word = Cursor::new(start.wrapping_add(ahead).wrapping_sub(1), flag).word();
                let (state, distance) = match StreamEnd::read(capacity, word, start) {
                    StreamEnd::Open => (0, 0),
                    StreamEnd::Ahead => (1, 0),
                    StreamEnd::Here => (2, 0),
                    StreamEnd::Corrupt(distance) => (3, distance),
                };
                table.case("end", [capacity, word, start, state, distance]);
            }
        }
    }
    table.rule("claims start head unsent sent -> end messages lost");
    for start in STARTS {
        for (claimed, unsent, sent) in [(0, u64::MAX, 0), (9, u64::MAX, 9), (9, 4, 8), (9, 4, 3), (9, 9, 9)] {
            let head = start.wrapping_add(claimed);
            let Claims { end, messages, lost } = Claims::end_of(start, head, unsent, sent);
            table.case("claims", [start, head, unsent, sent, end, messages, lost]);
        }
    }
}

#[test]
fn the_golden_tables_are_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/policy.txt");
    let tables = tables();
    if env::var_os("PERDIX_BLESS").is_some() {
        fs::write(&path, &tables).unwrap();
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    if let Some((kept, now)) = kept.lines().zip(tables.lines()).find(|(kept, now)| kept != now) {
        panic!("the rules changed: `{kept}` is now `{now}`; if that is meant, run with PERDIX_BLESS=1");
    }
    assert_eq!(kept.len(), tables.len(), "cases came or went; run with PERDIX_BLESS=1");
}
