//! `perdix demo`, `perdix bench`, `benchmark` and `transport_test`.
#![allow(clippy::unwrap_used, clippy::panic)] // tests

mod common;

use std::process::Command;

use common::{json, perdix, run, status, stderr, stdout};

#[test]
fn the_demo_verifies_what_it_shows() {
    for options in ["", "--size 0", "--size 13 --mode fence-free", "--slots 2 --wait yield"] {
        let output = run(&mut perdix(&format!("demo --seconds 0.2 --json {options}")));
        assert_eq!(status(&output), 0, "{output:?}");
        let report = json(&stdout(&output));
        assert_eq!(report["verified"], true);
        let messages = report["messages"].as_u64().unwrap();
        assert!(messages > 0);
        assert_eq!(report["bytes"], messages * report["message_bytes"].as_u64().unwrap());
        assert!(report["messages_per_second"].as_f64().unwrap() > 0.0);
    }
    let output = run(&mut perdix("demo --seconds 0.1"));
    assert!(stdout(&output).contains("verified         every message"), "{}", stdout(&output));
    assert_eq!(stderr(&output), "", "nothing live without a terminal");
}

#[test]
fn the_bench_has_all_rows() {
    let output = run(&mut perdix("bench --seconds 0.05 --repetitions 2 --json"));
    assert_eq!(status(&output), 0, "{output:?}");
    let report = json(&stdout(&output));
    let rows = report["throughput"].as_array().unwrap();
    assert_eq!(rows.len(), 6);
    for row in rows {
        assert!(row["messages_per_second"]["median"].as_f64().unwrap() > 0.0, "{row}");
    }
    for row in report["round_trip"].as_array().unwrap() {
        let names = ["min", "p50", "p90", "p99", "p999", "max"];
        let times = names.map(|name| row[format!("{name}_nanoseconds")].as_u64().unwrap());
        assert!(times[0] > 0 && times.is_sorted(), "{row}");
    }
}

#[test]
fn the_bench_measures_one_mode_if_asked() {
    let output = run(&mut perdix("bench --seconds 0.05 --repetitions 1 --mode fence-free --size 0"));
    assert_eq!(status(&output), 0, "{output:?}");
    let table = stdout(&output);
    for word in ["one by one", "batches of 32", "in place", "two rings", "p99.9", "fence-free"] {
        assert!(table.contains(word), "{word} is not in\n{table}");
    }
    assert!(!table.contains("fenced"), "{table}");
}

#[test]
fn benchmark_prints_the_same_table() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_benchmark"));
    let output = run(command.args(["--seconds", "0.02", "--repetitions", "1"]));
    assert_eq!(status(&output), 0, "{output:?}");
    assert_eq!(stdout(&output).lines().count(), 13, "{}", stdout(&output));
}

fn transport_test(arguments: &[&str]) -> std::process::Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_transport_test"));
    run(command.args(["--messages", "50000", "--round-trips", "500"]).args(arguments))
}

#[test]
fn the_transport_test_passes_with_a_line_each() {
    let output = transport_test(&[]);
    assert_eq!(status(&output), 0, "{output:?}");
    let text = stdout(&output);
    let lines: Vec<_> = text.lines().collect();
    let names = ["single message", "sustained stress", "latency", "backpressure", "wrap-around"];
    assert_eq!(lines.len(), 6, "{text}");
    for (line, name) in lines.iter().zip(names) {
        assert!(line.starts_with(&format!("PASS {name}: ")), "{line}");
    }
    assert_eq!(lines[5], "5 passed, 0 failed");
}

#[test]
fn the_transport_test_reports_json() {
    let output = transport_test(&["--json"]);
    assert_eq!(status(&output), 0, "{output:?}");
    let report = json(&stdout(&output));
    assert_eq!((&report["passed"], &report["failed"]), (&5.into(), &0.into()));
    let checks = report["checks"].as_array().unwrap();
    assert!(checks.iter().all(|check| check["passed"] == true && check["seconds"].is_number()), "{report}");
}
