//! `perdix rings`, with rings of this process.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::panic)] // tests

mod common;

use common::{json, perdix, run, status, stderr, stdout};
use perdix_host::Buffer;
use perdix_host::process::Directory;

#[test]
fn it_lists_and_cleans() {
    let outer = tempfile::tempdir_in("/dev/shm").unwrap();
    let directory = Directory::at(outer.path().join("rings")).unwrap();
    let rings = |more: &str| {
        let output = run(perdix(&format!("rings {more} --directory")).arg(directory.path()));
        assert_eq!((status(&output), stderr(&output).as_str()), (0, ""), "{output:?}");
        stdout(&output)
    };
    assert_eq!(rings(""), format!("no rings in {}\n", directory.path().display()));

    drop(common::create(&directory, "stale", Buffer::builder().slots(8)));
    let mut producer =
        common::create(&directory, "live", Buffer::builder().slots(2048)).into_producer().unwrap();
    producer.produce(b"abc").unwrap();
    let us = std::process::id();
    let live = format!(
        "live   2 048 slots, fenced; producer process {us}, consumer none yet; 1 sent, 0 received, 0 dropped"
    );
    let stale = "stale  8 slots, fenced; producer none yet, consumer none yet; 0 sent, 0 received, 0 dropped, nobody has it open";
    assert_eq!(rings(""), format!("{live}\n{stale}\n"));

    let report = json(&rings("--json"));
    let ring = &report["rings"][0];
    assert_eq!((report["command"].as_str(), ring["name"].as_str()), (Some("rings"), Some("live")));
    assert_eq!((ring["producer"]["process"].as_u64(), ring["sent"].as_u64()), (Some(u64::from(us)), Some(1)));
    assert_eq!((&ring["in_use"], &report["rings"][1]["in_use"]), (&true.into(), &false.into()));

    assert_eq!(rings("--clean"), format!("removed stale\n{}\n", live.replace("live   ", "live  ")));
    producer.finish();
    let report = json(&rings("--clean --json"));
    assert_eq!(report["removed"], serde_json::json!(["live"]));
    assert_eq!(report["rings"], serde_json::json!([]));
}

#[test]
fn a_directory_that_is_none_of_ours() {
    let output = run(&mut perdix("rings --directory /dev/shm"));
    assert_eq!(status(&output), 1);
    let text = stderr(&output);
    assert!(text.contains("/dev/shm cannot hold rings") && text.contains("must have mode 700"), "{text}");
}
