//! `perdix soak` as a user sees it: it ends in time, says what it tried, and can be interrupted.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // tests

mod common;

use common::{json, perdix, run, status, stderr, stdout, text};

#[test]
fn it_says_what_it_tried() {
    let output = run(&mut perdix("soak --duration 3s --seed 5 --json -"));
    assert_eq!(status(&output), 0, "{output:?}");
    let report = json(&stdout(&output));
    assert_eq!((report["command"].as_str(), report["seed"].as_u64()), (Some("soak"), Some(5)));
    assert_eq!((report["violation"].is_null(), report["interrupted"].as_bool()), (true, Some(false)));
    for count in ["episodes", "messages", "slots", "bytes"] {
        assert!(report[count].as_u64().unwrap() > 0, "{count}: {report}");
    }
    let sum = |group: &str| -> u64 {
        report[group].as_object().unwrap().values().map(|count| count.as_u64().unwrap()).sum()
    };
    let episodes = report["episodes"].as_u64().unwrap();
    for group in ["modes", "producers", "capacities", "memory", "starts"] {
        assert_eq!(sum(group), episodes, "{group}: {report}");
    }
    // What was sent came out, or was dropped and counted.
    let came = report["messages"].as_u64().unwrap() + report["drops"].as_u64().unwrap();
    assert_eq!((sum("sent_by"), Some(sum("taken_by"))), (came, report["slots"].as_u64()), "{report}");
}

#[test]
fn one_episode_can_be_run_alone() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("soak.json");
    let output = run(perdix("soak --seed 5 --episode 3 --episodes 2 --json").arg(&file));
    assert_eq!(status(&output), 0, "{output:?}");
    assert!(stdout(&output).contains("no violation"), "{output:?}");
    let report = json(&std::fs::read_to_string(&file).unwrap());
    assert_eq!(report["episodes"].as_u64(), Some(2));
    assert_eq!(report["modes"].as_object().unwrap().len(), 1, "both are the same: {report}");
}

#[test]
fn bad_arguments_are_refused() {
    for arguments in ["soak --duration 0s", "soak --duration soon", "soak --episodes 0", "soak --device 1"] {
        let output = run(&mut perdix(arguments));
        assert_eq!(status(&output), 2, "{arguments}: {output:?}");
        assert!(!output.stderr.is_empty() && output.stdout.is_empty(), "{arguments}: {output:?}");
    }
    let missing = tempfile::tempdir().unwrap().path().join("not/there");
    let output = run(perdix("soak --episodes 1 --json").arg(&missing));
    assert_eq!(status(&output), 1);
    assert!(stderr(&output).contains(&format!("cannot write {}", text(&missing))), "{output:?}");
}

#[cfg(unix)]
#[test]
fn ctrl_c_ends_it_with_the_summary() {
    use std::process::{Command, Stdio};
    use std::time::Duration;

    let mut child = perdix("soak --duration 10m")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    std::thread::sleep(Duration::from_millis(700));
    let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
    assert!(common::ends_within(&mut child, Duration::from_secs(60)).is_some());
    let output = child.wait_with_output().unwrap();
    assert_eq!(status(&output), 130);
    assert!(stdout(&output).contains("messages verified"), "{output:?}");
    assert!(stderr(&output).contains("interrupted after"), "{output:?}");
}
