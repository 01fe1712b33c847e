//! `perdix top`, for scripts and on a terminal.
#![cfg(all(target_os = "linux", feature = "top"))]
#![allow(clippy::unwrap_used, clippy::panic)] // tests

mod common;

use std::fs::File;
use std::io::{Read, Write};
use std::process::Stdio;
use std::time::Duration;

use common::{ends_within, json, perdix, run, status, stderr, stdout};
use nix::pty::{Winsize, openpty};
use nix::sys::termios::{LocalFlags, tcgetattr};
use perdix_host::Buffer;
use perdix_host::process::Directory;

#[test]
fn once_for_scripts() {
    let outer = tempfile::tempdir_in("/dev/shm").unwrap();
    let directory = Directory::at(outer.path().join("rings")).unwrap();
    let top = |more: &str| {
        let output = run(perdix(&format!("top {more} --directory")).arg(directory.path()));
        assert_eq!((status(&output), stderr(&output).as_str()), (0, ""), "{output:?}");
        stdout(&output)
    };
    assert_eq!(top("--once"), format!("no rings in {}\n", directory.path().display()));
    assert_eq!(json(&top("--json"))["rings"], serde_json::json!([]));

    let mut producer =
        common::create(&directory, "live", Buffer::builder().slots(2048)).into_producer().unwrap();
    producer.produce(b"abc").unwrap();
    let us = std::process::id();
    let lines = top("--once");
    let lines: Vec<Vec<&str>> = lines.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0], ["RING", "PRODUCER", "CONSUMER", "MODE", "SLOTS", "FILL", "FULL", "DROPPED"]);
    assert_eq!(lines[1], ["live", &us.to_string(), "-", "fenced", "2", "048", "0", "%", "0", "0"]);
    let report = json(&top("--json"));
    let ring = &report["rings"][0];
    assert_eq!((report["command"].as_str(), ring["name"].as_str()), (Some("top"), Some("live")));
    assert_eq!((ring["fill"].as_u64(), ring["sent_bytes"].as_u64()), (Some(1), Some(3)));
    assert_eq!(ring["producer"]["process"].as_u64(), Some(u64::from(us)));
    drop(common::open(&directory, "live").into_consumer().unwrap());
}

#[test]
fn without_a_terminal_it_says_what_to_do() {
    let output = run(&mut perdix("top"));
    assert_eq!(status(&output), 2);
    assert!(stderr(&output).contains("use --once or --json"), "{output:?}");
}

/// On a terminal: it takes the screen, shows the ring, and leaves everything as it was, by a key and by a signal.
#[test]
fn a_terminal_is_put_back_in_order() {
    let outer = tempfile::tempdir_in("/dev/shm").unwrap();
    let directory = Directory::at(outer.path().join("rings")).unwrap();
    let ring = common::create(&directory, "watched", Buffer::builder().slots(8));
    for key in [Some("q"), Some("\x03"), None] {
        let size = Winsize { ws_row: 20, ws_col: 120, ws_xpixel: 0, ws_ypixel: 0 };
        let terminal = openpty(&size, None).unwrap();
        let echoes = |fd| tcgetattr(fd).unwrap().local_flags.contains(LocalFlags::ECHO);
        assert!(echoes(&terminal.slave));
        let stdio = || Stdio::from(terminal.slave.try_clone().unwrap());
        let mut command = perdix("top --interval 0.1 --directory");
        command.arg(directory.path()).stdin(stdio()).stdout(stdio()).stderr(stdio()).env("TERM", "xterm");
        let mut child = command.spawn().unwrap();
        drop(command);
        let mut screen = File::from(terminal.master);
        let mut shown = String::new();
        while !shown.contains("watched") {
            let mut bytes = [0; 4096];
            let count = screen.read(&mut bytes).unwrap();
            shown += &String::from_utf8_lossy(&bytes[..count]);
        }
        assert!(shown.starts_with("\x1b[?1049h") && !echoes(&terminal.slave), "{shown:?}");
        match key {
            Some(key) => screen.write_all(key.as_bytes()).unwrap(),
            None => {
                let kill = format!("kill -TERM {}", child.id());
                assert!(std::process::Command::new("sh").args(["-c", &kill]).status().unwrap().success());
            }
        }
        // What it still draws must not fill the terminal's buffer.
        let reading = std::thread::spawn(move || {
            let mut rest = Vec::new();
            let _ = screen.read_to_end(&mut rest); // an error once nobody has the other end
            rest
        });
        assert!(ends_within(&mut child, Duration::from_secs(20)).is_some(), "it goes on after {key:?}");
        assert!(child.wait().unwrap().success());
        assert!(echoes(&terminal.slave), "the terminal is left raw");
        drop(terminal.slave);
        let rest = String::from_utf8_lossy(&reading.join().unwrap()).into_owned();
        assert!(rest.contains("\x1b[?1049l"), "{rest:?}");
    }
    drop(ring);
}
