//! `perdix doctor`, on any machine.
#![allow(clippy::unwrap_used, clippy::panic)] // tests

mod common;

use common::{json, perdix, run, status, stderr, stdout};

#[test]
fn it_says_what_is_there_and_what_works() {
    let output = run(&mut perdix("doctor"));
    assert_eq!(status(&output), 0, "{output:?}");
    let text = stdout(&output);
    for row in ["feature cuda", "memory of a ring", "CPU to CPU"] {
        assert!(text.contains(row), "{row} is not in\n{text}");
    }
    assert!(text.contains("works: a message passed"), "{text}");
    assert_eq!(stderr(&output), "");
}

#[test]
fn it_reports_json() {
    let output = run(&mut perdix("doctor --json"));
    assert_eq!(status(&output), 0, "{output:?}");
    let report = json(&stdout(&output));
    assert_eq!(report["command"], "doctor");
    assert_eq!(report["cuda_feature"], cfg!(feature = "cuda"));
    assert_eq!(report["cpu_to_cpu"], true);
    assert!(report["devices"].is_array() && report["memory_reason"].is_string(), "{report}");
}

#[cfg(not(feature = "cuda"))]
#[test]
fn without_the_feature_it_says_how_to_get_it() {
    let text = stdout(&run(&mut perdix("doctor")));
    assert!(text.contains("not built in") && text.contains("--features cuda"), "{text}");
    assert!(text.contains("heap"), "{text}");
}
