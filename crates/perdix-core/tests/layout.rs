//! The specification's table of offsets says what the source says.

use std::collections::BTreeMap;
use std::mem::offset_of;

use perdix_core::sentinel::{SENTINEL, UNESCAPED};
use perdix_core::{
    ConsumerLine, ConsumerStats, Control, Identity, MAGIC, MAX_CAPACITY, ProducerLine, ProducerStats,
    Reported, SLOT_SIZE, Slot, VERSION,
};

const SPECIFICATION: &str = include_str!("../../../docs/protocol.md");

type Words = BTreeMap<usize, (String, String)>;

/// `| offset | line | word | ...`, as the specification has it.
fn specified() -> Words {
    let table = SPECIFICATION.lines().skip_while(|line| !line.starts_with("| offset |")).skip(2);
    let rows = table.take_while(|line| line.starts_with('|'));
    rows.filter_map(|row| {
        let mut cells = row.split('|').skip(1).map(str::trim);
        let offset = cells.next()?.parse().ok()?;
        Some((offset, (cells.next()?.to_owned(), cells.next()?.trim_matches('`').to_owned())))
    })
    .collect()
}

fn built() -> Words {
    macro_rules! words {
        ($words:ident, $line:expr, $base:expr, $prefix:expr, $of:ty, $($word:ident)*) => {
            $($words.insert($base + offset_of!($of, $word), ($line.to_owned(), concat!($prefix, stringify!($word)).to_owned()));)*
        };
    }
    let mut words = Words::new();
    let (identity, consumer) = (offset_of!(Control, identity), offset_of!(Control, consumer));
    let producer = offset_of!(Control, producer);
    words!(words, "identity", identity, "", Identity, magic format capacity mode start);
    words!(words, "consumer", consumer, "", ConsumerLine, tail attached recycled);
    for (at, base) in [0, size_of::<Reported>()].into_iter().enumerate() {
        let reported = consumer + offset_of!(ConsumerLine, reported) + base;
        words.insert(
            reported + offset_of!(Reported, position),
            ("consumer".to_owned(), format!("reported[{at}].position")),
        );
        words.insert(
            reported + offset_of!(Reported, dropped),
            ("consumer".to_owned(), format!("reported[{at}].dropped")),
        );
    }
    words!(words, "consumer", consumer + offset_of!(ConsumerLine, stats), "stats.", ConsumerStats, messages bytes dropped);
    words!(words, "producer", producer, "", ProducerLine, end fault attached);
    words!(
        words, "producer", producer + offset_of!(ProducerLine, stats), "stats.", ProducerStats,
        messages bytes full dropped highest_fill lost
    );
    words!(words, "slot 0", Control::SIZE, "", Slot, seq meta payload);
    words
}

#[test]
fn the_specification_has_the_offsets_of_the_source() {
    assert_eq!(specified(), built());
}

#[test]
fn the_specification_has_the_numbers_of_the_source() {
    for text in [
        format!("layout version ({VERSION})"),
        format!("slot size in bytes ({SLOT_SIZE})"),
        format!("0x{MAGIC:016x}"),
        format!("0x{SENTINEL:016x}"),
        format!("1 to 2^{}", MAX_CAPACITY.trailing_zeros()),
        format!("`{} + {SLOT_SIZE} * capacity` bytes", Control::SIZE),
        format!("| {} | unescaped |", UNESCAPED.trailing_zeros()),
    ] {
        assert!(SPECIFICATION.contains(&text), "docs/protocol.md does not say {text:?}");
    }
}
