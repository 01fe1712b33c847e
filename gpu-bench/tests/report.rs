//! The report, made from figures that are made up (`made_up.json`).
#![allow(clippy::unwrap_used)] // tests

use std::path::Path;

use perdix_gpu_bench::files;
use perdix_gpu_bench::report::html::html;
use perdix_gpu_bench::report::plots::plots;
use perdix_gpu_bench::report::text::text;
use perdix_gpu_bench::results::{Crossing, Memory, Mode, Path as Trip, Results, Sender};
use perdix_gpu_bench::targets::{Verdict, targets};

fn made_up() -> Results {
    files::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/made_up.json")).unwrap()
}

/// The measured figure and the verdict of the target whose name begins so.
fn target(results: &Results, what: &str) -> (Option<f64>, Verdict) {
    let all = targets(results);
    let target = all.iter().find(|target| target.what.starts_with(what)).unwrap();
    (target.measured, target.verdict())
}

fn near(measured: Option<f64>, expected: f64) -> bool {
    (measured.unwrap() / expected - 1.0).abs() < 1e-3
}

#[test]
fn targets_are_ratios_of_the_same_run() {
    let results = made_up();
    for (what, expected, verdict) in [
        ("one way, 240 bytes, fence-free, p50", 910.0, Verdict::Met),
        ("one way, 240 bytes, fence-free, p99", 910.0 * 1.15, Verdict::Met),
        ("round trip p50", 2520.0 / 2480.0, Verdict::Met),
        ("one ring", 121e6 * 256.0 / 52.6e9, Verdict::Met),
        ("the same at 4096", 80e6 * 256.0 / 52.6e9, Verdict::Missed),
        ("one warp", 6.5 / 1.4, Verdict::Missed),
        ("8 rings", 188e6 * 256.0 / 52.6e9, Verdict::Met),
        ("16-byte records", 500.0 / 77.0, Verdict::Met),
        ("rates in managed memory", 0.97, Verdict::Met),
    ] {
        let (measured, found) = target(&results, what);
        assert!(near(measured, expected) && found == verdict, "{what}: {measured:?}, {found:?}");
    }
    assert_eq!(targets(&results).len(), 9);
}

#[test]
fn a_target_without_figures_is_not_met() {
    let results = Results::default();
    assert!(targets(&results).iter().all(|target| target.verdict() == Verdict::NotMeasured));
    let mut results = made_up();
    results.link.retain(|row| row.crossing != Crossing::Writes);
    assert_eq!(target(&results, "one ring").1, Verdict::NotMeasured);
    results.rates.retain(|row| row.memory == Memory::Pinned);
    assert_eq!(target(&results, "rates in managed memory").1, Verdict::NotMeasured);
}

#[test]
fn with_managed_memory_alone_targets_are_about_it() {
    let mut results = made_up();
    results.rates.retain(|row| row.memory == Memory::Managed || row.config.sender.is_baseline());
    results.latencies.retain(|row| row.memory == Memory::Managed);
    assert_eq!(results.reference(), Memory::Managed);
    assert!(near(target(&results, "one ring").0, 121e6 * 0.97 * 256.0 / 52.5e9));
    assert!(near(target(&results, "one way").0, 910.0 * 1.02));
}

#[test]
fn a_slow_message_misses_its_target() {
    let mut results = made_up();
    let row = results.latencies.iter_mut().find(|row| {
        (row.path, row.mode, row.memory) == (Trip::OneWay, Some(Mode::FenceFree), Memory::Pinned)
    });
    let row = row.unwrap();
    row.nanoseconds.p99.median = 1300.1;
    assert_eq!(target(&results, "one way, 240 bytes, fence-free, p99").1, Verdict::Missed);
    assert_eq!(target(&results, "one way, 240 bytes, fence-free, p50").1, Verdict::Met);
}

#[test]
fn the_text_names_everything() {
    let results = made_up();
    let text = text(&results);
    for part in [
        "Targets",
        "MISSED",
        "met",
        "ping-pong",
        "(a) one thread",
        "(b) 16-byte FIFO",
        "backoff",
        "an example of a step that failed",
    ] {
        assert!(text.contains(part), "{part} is missing in\n{text}");
    }
    assert!(!text.contains("NOT COMPLETE"));
    assert!(
        perdix_gpu_bench::report::text::text(&Results { complete: false, ..results })
            .contains("NOT COMPLETE")
    );
}

#[test]
fn the_page_has_all_plots_and_needs_nothing_else() {
    let results = made_up();
    let page = html(&results).unwrap();
    assert_eq!(plots(&results).len(), 9);
    assert_eq!(page.matches("<svg").count(), 9);
    for outside in ["<script", "<link", "<img", "src=", "url(", "@import"] {
        assert!(!page.contains(outside), "{outside}");
    }
    assert!(page.contains("class=\"MISSED\"") && page.contains("class=\"met\""));
}

#[test]
fn an_empty_run_is_reported_too() {
    let page = html(&Results::default()).unwrap();
    assert!(page.contains("not measured") && !page.contains("<svg"));
    assert!(text(&Results::default()).contains("NOT COMPLETE"));
}

#[test]
fn configurations_say_what_crosses_the_link() {
    let results = made_up();
    let bytes = |sender: Sender| results.best(|row| row.config.sender == sender).unwrap().config.link_bytes();
    assert_eq!([bytes(Sender::Block), bytes(Sender::FifoRelaxed)], [256.0, 16.0]);
    // 15 records of 16 bytes share a slot.
    assert!((bytes(Sender::PackedRecords) - 256.0 / 15.0).abs() < 1e-9);
}
