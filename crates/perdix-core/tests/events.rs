//! Proves that what a device writes of an event is read back the same, that formats are read as `format!` reads them, and that anything
//! else is an error.

use perdix_core::events::{
    Align, Argument, ArgumentType, Head, HeadError, Piece, Place, SITE_MAGIC, Scope, Spec, Style, check_site,
    count_arguments, next_piece, site_bytes, site_id, types_of,
};
use proptest::prelude::*;

fn pieces(format: &str) -> Option<Vec<Piece>> {
    let (mut at, mut pieces) = (0, Vec::new());
    loop {
        match next_piece(format.as_bytes(), at).ok()? {
            (Piece::End, _) => return Some(pieces),
            (piece, next) => {
                assert!(next > at);
                pieces.push(piece);
                at = next;
            }
        }
    }
}

fn spec(format: &str) -> Option<Spec> {
    match pieces(format)?[..] {
        [Piece::Argument(spec)] => Some(spec),
        _ => None,
    }
}

#[test]
fn formats_are_taken_apart() {
    let text = |start, end| Piece::Text { start, end };
    assert_eq!(
        pieces("a {} b{{}}").unwrap(),
        [text(0, 2), Piece::Argument(Spec::PLAIN), text(4, 6), text(6, 7), text(8, 9)]
    );
    assert_eq!(spec("{:?}").unwrap().style, Style::Debug);
    let full = Spec {
        style: Style::LowerHex,
        align: Some(Align::Right),
        plus: true,
        alternate: true,
        zeros: true,
        width: 12,
        precision: Some(3),
    };
    assert_eq!(spec("{:>+#012.3x}").unwrap(), full);
    for malformed in ["{", "}", "{x}", "{0}", "{:y}", "{:300}", "{:.}", "{:1", "a}b", "{:}}"] {
        assert!(count_arguments(malformed).is_err(), "{malformed}");
    }
    assert_eq!(count_arguments("{}{{{}}}{:5.1}").unwrap(), 3);
}

#[test]
fn the_number_of_arguments_is_checked() {
    check_site("{} {}", 2);
    for (format, count) in [("{} {}", 1), ("{} {}", 3), ("{", 0), ("a\u{1f}", 0), ("a\u{4}", 0)] {
        assert!(std::panic::catch_unwind(|| check_site(format, count)).is_err(), "{format}");
    }
    let many = "{}".repeat(13);
    assert!(std::panic::catch_unwind(|| check_site(&many, 13)).is_err());
}

#[test]
fn numbers_of_sites_are_those_of_fnv() {
    assert_eq!(site_id(""), 0x811c_9dc5);
    assert_eq!(site_id("foobar"), 0xbf9c_f968);
    assert_eq!(&site_bytes::<16>(SITE_MAGIC), SITE_MAGIC.as_bytes());
}

#[test]
fn arguments_keep_their_bits() {
    assert_eq!((-1_i8).word(), 0xff);
    assert_eq!((-2_i64).word(), u64::MAX - 1);
    assert_eq!((&1.5_f32).word(), 0x3fc0_0000);
    assert_eq!(<&f32 as Argument>::TYPE, ArgumentType::F32);
    assert_eq!(types_of(&[ArgumentType::U8, ArgumentType::Pointer]), 0xd1);
    assert_eq!((0..16).filter_map(ArgumentType::from_code).map(|t| t as u8).sum::<u8>(), 91);
}

proptest! {
    #[test]
    fn heads_come_back(time_ns: u64, site: u32, block: u32, thread in 0..1024_u16, scope in 0..3, types in prop::collection::vec(1..14_u8, 0..13), more in 0..3_u8) {
        let scope = [Scope::Thread, Scope::Warp, Scope::Block][scope as usize];
        let all: Vec<_> = types.iter().map(|code| ArgumentType::from_code(*code).unwrap()).collect();
        let room = (types.len() as u8 + more).min(12);
        let head = Head { time_ns, site, block, place: Place { thread, scope, room }, types: types_of(&all) };
        prop_assert_eq!(Head::from_words(head.words()), Ok((head, all.len())));
        for (i, expected) in all.iter().enumerate() {
            prop_assert_eq!(head.argument_type(i), Some(*expected));
        }
        prop_assert_eq!(head.argument_type(all.len()), None);
    }

    /// Whatever is read back is what was written.
    #[test]
    fn other_words_are_errors_or_heads(words: [u64; 3]) {
        match Head::from_words(words) {
            Ok((head, count)) => {
                prop_assert_eq!(head.words(), words);
                prop_assert!(count <= usize::from(head.place.room) && head.place.room <= 12);
            }
            Err(HeadError::Scope) => prop_assert_eq!(words[2] >> 10 & 3, 3),
            Err(HeadError::Types | HeadError::Room) => {}
        }
    }

    /// Looking at any format ends, and never counts beyond its bytes.
    #[test]
    fn any_format_is_read_or_refused(format in "[ab{}:<>+#0-9.?xé]{0,24}") {
        if let Ok(count) = count_arguments(&format) {
            prop_assert!(2 * count <= format.len());
            prop_assert!(pieces(&format).is_some());
        }
    }
}
