#![allow(clippy::unwrap_used, clippy::panic)] // tests

use std::time::{Duration, Instant};

use perdix_host::process::{Directory, SharedRing};
use perdix_host::{Buffer, Builder};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use tempfile::TempDir;

use super::cells::{cells, details, table};
use super::figures::Report;
use super::model::{Model, Quiet};
use super::view::draw;

const SECOND: Duration = Duration::from_secs(1);

fn place() -> (TempDir, Directory, Model) {
    let outer = tempfile::tempdir_in("/dev/shm").unwrap();
    let directory = Directory::at(outer.path().join("rings")).unwrap();
    let model = Model::new("DIR".into());
    (outer, directory, model)
}

fn create(directory: &Directory, name: &str, builder: Builder) -> SharedRing {
    // SAFETY: these tests change rings only while nobody has them open.
    unsafe { directory.create(name, builder) }.unwrap()
}

fn open(directory: &Directory, name: &str) -> SharedRing {
    // SAFETY: as above.
    unsafe { directory.open(name) }.unwrap()
}

fn screen(model: &Model, width: u16) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, 12)).unwrap();
    terminal.draw(|frame| draw(frame, model, SECOND)).unwrap();
    terminal.backend().to_string()
}

#[test]
fn a_real_ring_from_its_making_to_its_end() {
    let (_outer, directory, mut model) = place();
    let us = std::process::id();
    let mut producer = create(&directory, "one", Buffer::builder().slots(8)).into_producer().unwrap();
    let begun = Instant::now();
    let look = |model: &mut Model, second| model.update(directory.list().unwrap(), begun + second * SECOND);
    look(&mut model, 0);
    let live = model.rings[0].live.as_ref().unwrap();
    assert_eq!((live.fill, live.rates, live.quiet), (Some(0), None, Quiet::Always));

    let mut consumer = open(&directory, "one").into_consumer().unwrap();
    (0..8).for_each(|_| producer.try_produce(&[7; 10]).unwrap());
    assert!(!producer.message(&[7; 10]).send_or_drop().unwrap());
    assert_eq!(consumer.drain(|_| ()), Ok(8));
    assert!(consumer.try_consume().is_none()); // so that all is counted
    (0..4).for_each(|_| producer.try_produce(&[7; 10]).unwrap());
    look(&mut model, 2);
    let us_and = |what: &str| format!("{us}{what}");
    let expected = ["one", &us_and(""), &us_and(""), "fenced", "8", "50 %", "6", "4", "40", "1", "1", "0 s"];
    assert_eq!(cells(&model.rings[0]), expected.map(String::from));

    drop(consumer);
    look(&mut model, 5);
    let live = model.rings[0].live.as_ref().unwrap();
    assert_eq!(live.quiet, Quiet::For(3 * SECOND));
    producer.finish();
    look(&mut model, 6);
    let expected =
        ["one", &us_and(" ended"), &us_and(" gone"), "fenced", "8", "50 %", "0", "0", "0", "1", "1", "4 s"];
    assert_eq!(cells(&model.rings[0]), expected.map(String::from));
    let all = details(&model.rings[0]);
    assert!(all.contains("sent 12 (120 bytes), full 1 times, dropped 1, lost 0; fill 4, 8 at most"), "{all}");
    assert!(all.contains("received 8 (80 bytes)\nstream ended; 4 096 bytes"), "{all}");

    // Another ring of the same name: nothing is said of it that only the first can tell.
    drop(create(&directory, "one", Buffer::builder().slots(8)));
    look(&mut model, 7);
    let live = model.rings[0].live.as_ref().unwrap();
    assert_eq!((live.rates, live.quiet), (None, Quiet::Always));
    directory.remove("one").unwrap();
    look(&mut model, 8);
    assert!(model.rings.is_empty());
}

#[test]
fn watching_changes_nothing() {
    let (_outer, directory, mut model) = place();
    let path = directory.path().join("one");
    let mut producer = create(&directory, "one", Buffer::builder().slots(8)).into_producer().unwrap();
    producer.try_produce(b"abc").unwrap();
    let before = std::fs::read(&path).unwrap();
    for second in 0..10 {
        model.update(directory.list().unwrap(), Instant::now() + second * SECOND);
        screen(&model, 120);
    }
    assert!(std::fs::read(&path).unwrap() == before);
    drop(open(&directory, "one").into_consumer().unwrap());
    producer.finish();
}

#[test]
fn the_screen() {
    let (_outer, directory, mut model) = place();
    let begun = Instant::now();
    model.update(directory.list().unwrap(), begun);
    assert!(screen(&model, 120).contains("no rings in DIR; one with a name appears here"));
    assert_eq!(table(&model), "no rings in DIR");

    let mut producer = create(&directory, "b", Buffer::builder().slots(4)).into_producer().unwrap();
    producer.produce_all([[0; 7]; 4]).unwrap();
    for name in ["a", "c", "d", "e", "f", "g", "h"] {
        drop(create(&directory, name, Buffer::builder().slots(2048)));
    }
    model.update(directory.list().unwrap(), begun);
    model.update(directory.list().unwrap(), begun + SECOND);
    model.select(1);
    let drawn = screen(&model, 120);
    let us = std::process::id();
    assert!(drawn.contains("perdix top: 8 rings in DIR, every 1s"), "{drawn}");
    for part in ["RING", "PRODUCER", "CONSUMER", "OUT B/s", "QUIET", "2 048", "always", "> 1 s", "100 %"] {
        assert!(drawn.contains(part), "no {part} in\n{drawn}");
    }
    assert!(drawn.contains(&us.to_string()) && drawn.contains("sent 4 (28 bytes)"), "{drawn}");
    assert!(!drawn.contains("\"h "), "{drawn}");
    // The selection goes no further than the last, and the table follows it.
    model.select(isize::MAX);
    assert!(screen(&model, 120).contains("\"h "), "{}", screen(&model, 120));
    // It stays with its ring, whatever comes and goes before it.
    directory.remove("a").unwrap();
    model.update(directory.list().unwrap(), begun + SECOND);
    assert_eq!(model.rings[model.selected].name, "h");
    model.select(isize::MIN);
    assert_eq!(model.rings[model.selected].name, "b");
    // However small the terminal is.
    for width in [1, 20, 60] {
        screen(&model, width);
    }
}

#[test]
fn what_cannot_be_read_or_known_is_said_so() {
    let (_outer, directory, mut model) = place();
    drop(create(&directory, "later", Buffer::builder().slots(8)));
    let mut bytes = std::fs::read(directory.path().join("later")).unwrap();
    bytes[8..12].copy_from_slice(&99_u32.to_le_bytes()); // the layout's version
    std::fs::write(directory.path().join("later"), bytes).unwrap();
    // Kernels produce: their counters come when they end.
    drop(create(&directory, "kernels", Buffer::builder().slots(8)));
    let mut bytes = std::fs::read(directory.path().join("kernels")).unwrap();
    let attached = perdix_core::Attached { process: 4711, device: true }.word();
    bytes[512 + 192..512 + 200].copy_from_slice(&attached.to_le_bytes());
    std::fs::write(directory.path().join("kernels"), bytes).unwrap();
    model.update(directory.list().unwrap(), Instant::now());
    model.update(directory.list().unwrap(), Instant::now() + SECOND);
    let [kernels, later] = [0, 1].map(|place| cells(&model.rings[place]));
    assert!(later[1].starts_with("unreadable: "), "{later:?}");
    assert_eq!(kernels[1], "4711 gpu died");
    assert_eq!([5, 6, 9, 10].map(|column: usize| kernels[column].as_str()), ["-"; 4]);
    assert_eq!([7, 8].map(|column: usize| kernels[column].as_str()), ["0"; 2]);
    let report = serde_json::to_value(Report::of(&model)).unwrap();
    let rings = &report["rings"];
    assert!(rings[0]["fill"].is_null() && rings[0]["sent"].is_null(), "{report}");
    assert_eq!(rings[0]["received"], 0);
    assert!(rings[1]["unreadable"].is_string() && rings[1]["slots"].is_null(), "{report}");
}
