//! `perdix stream`: what goes in comes out.
#![allow(clippy::unwrap_used, clippy::panic)] // tests

mod common;

use std::fs;

use common::{json, noise, perdix, run, run_with, status, stderr, stdout, text};

fn copies(content: &[u8], options: &str) {
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (folder.path().join("from"), folder.path().join("to"));
    fs::write(&from, content).unwrap();
    // Longer than what comes, to see that nothing of it is left.
    fs::write(&to, vec![1; content.len() + 1000]).unwrap();
    let output = run(perdix("stream --json").args([text(&from), "-o", text(&to)]).args(options.split(' ')));
    assert_eq!(status(&output), 0, "{output:?}");
    assert!(fs::read(&to).unwrap() == content, "{} bytes with {options}", content.len());
    let report = json(&stdout(&output));
    assert_eq!(report["bytes"], content.len());
    assert_eq!(report["messages"], content.len().div_ceil(240), "{options}");
    assert_eq!(report["identical"], true);
    assert_eq!(report["checksum_sent"], report["checksum_received"]);
    assert_eq!(stderr(&output), "");
}

#[test]
fn files_of_every_kind_of_length_arrive_in_both_modes() {
    for mode in ["fenced", "fence-free"] {
        for len in [0, 1, 239, 240, 241, 65_536, 10_000_000] {
            copies(&noise(len), &format!("--mode {mode}"));
        }
        copies(&[0; 100_000], &format!("--mode {mode}"));
        // The fence-free mode's sentinel as data.
        copies(&0xd6e8_feb8_6659_fdff_u64.to_le_bytes().repeat(20_000), &format!("--mode {mode}"));
    }
}

#[test]
fn tiny_rings_do() {
    for slots in [1, 2, 8] {
        for mode in ["fenced", "fence-free"] {
            copies(&noise(100_000), &format!("--slots {slots} --mode {mode} --wait yield"));
        }
    }
}

#[test]
fn every_wait_strategy_does() {
    for wait in ["spin", "yield", "backoff"] {
        copies(&noise(500_000), &format!("--wait {wait}"));
    }
}

#[test]
fn it_is_a_filter() {
    let content = noise(3_000_001);
    for arguments in ["stream", "stream -", "stream - -o -"] {
        let output = run_with(&mut perdix(arguments), &content);
        assert_eq!(status(&output), 0);
        assert!(output.stdout == content, "{arguments}");
        assert!(stderr(&output).contains("identical        yes"), "{}", stderr(&output));
    }
}

#[test]
fn a_filter_passes_on_what_it_has_before_the_input_ends() {
    use std::io::{Read, Write};
    use std::process::Stdio;
    let mut command = perdix("stream -");
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let (mut to, mut from) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    for line in [&b"one\n"[..], b"two\n"] {
        to.write_all(line).unwrap();
        let mut back = [0; 4];
        from.read_exact(&mut back).unwrap();
        assert_eq!(back, line);
    }
    drop(to);
    assert!(child.wait().unwrap().success());
}

#[test]
fn json_goes_where_the_bytes_do_not() {
    let content = noise(1000);
    let verified = run_with(&mut perdix("stream - --json"), &content);
    assert_eq!(json(&stdout(&verified))["output"], serde_json::Value::Null);
    let written = run_with(&mut perdix("stream - -o - --json"), &content);
    assert!(written.stdout == content);
    assert_eq!(json(&stderr(&written))["output"], "standard output");
}

#[test]
fn the_json_report_has_these_fields() {
    let output = run_with(&mut perdix("stream - --json --slots 64 --mode fence-free"), &noise(24_000));
    let report = json(&stdout(&output));
    let names: Vec<_> = report.as_object().unwrap().keys().cloned().collect();
    let mut expected = [
        "command",
        "producer",
        "device",
        "memory",
        "memory_reason",
        "input",
        "output",
        "slots",
        "mode",
        "wait",
        "messages",
        "bytes",
        "seconds",
        "bytes_per_second",
        "messages_per_second",
        "ring_full_waits",
        "highest_fill_slots",
        "checksum_algorithm",
        "checksum_sent",
        "checksum_received",
        "identical",
    ];
    expected.sort_unstable();
    assert_eq!(names, expected);
    assert_eq!((&report["slots"], &report["mode"]), (&64.into(), &"fence-free".into()));
    assert!(report["bytes_per_second"].as_f64().unwrap() > 0.0);
}

#[test]
fn without_an_output_a_file_is_verified_only() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, noise(5000)).unwrap();
    let output = run(perdix("stream").arg(&file));
    assert_eq!(status(&output), 0);
    let table = stdout(&output);
    for row in ["output           none, verified only", "bytes            5 000", "identical        yes"] {
        assert!(table.contains(row), "{row} is not in\n{table}");
    }
    assert_eq!(stderr(&output), "");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}
