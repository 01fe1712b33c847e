//! The pair of example programs.

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use crate::common;

/// Cargo builds the examples with all tests of the package, beside them, but not for `--test process`.
fn example(name: &str) -> Command {
    let mut folder: PathBuf = std::env::current_exe().unwrap();
    folder.pop();
    folder.pop();
    let path = folder.join("examples").join(name);
    if !path.is_file() {
        let mut build = Command::new(env!("CARGO"));
        build.args(["build", "--quiet", "-p", "perdix-host", "--example", name]);
        let target = folder.parent().unwrap();
        assert!(build.arg("--target-dir").arg(target).status().unwrap().success());
    }
    Command::new(if path.is_file() { path } else { folder.join("../debug/examples").join(name) })
}

fn text(output: Output) -> String {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    text
}

#[test]
fn the_pair_works() {
    common::watch_process();
    for messages in ["500", "20000"] {
        let name = format!("test-{}-{messages}", std::process::id());
        let mut producer =
            example("process_producer").args([&name, messages]).stdout(Stdio::piped()).spawn().unwrap();
        let consumer = loop {
            // It may not have made the ring yet.
            let output = example("process_consumer").arg(&name).output().unwrap();
            if output.status.success() || producer.try_wait().unwrap().is_some_and(|status| !status.success())
            {
                break text(output);
            }
        };
        let producer = text(producer.wait_with_output().unwrap());
        assert!(
            producer.contains("made the ring") && producer.contains(&format!("sent {messages} messages")),
            "{producer}"
        );
        let last: u64 = messages.parse::<u64>().unwrap() - 1;
        assert_eq!(
            consumer.trim(),
            format!("{messages} messages, the last one \"message {last}\": the producer ended the stream")
        );
    }
}
