//! What goes wrong: a clear message, and the conventional exit status.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // tests

mod common;

use std::fs;
#[cfg(unix)]
use std::process::{Command, Stdio};
#[cfg(unix)]
use std::time::Duration;

#[cfg(unix)]
use common::ends_within;
use common::{noise, perdix, run, status, stderr, text};

#[test]
fn bad_arguments_are_refused_with_status_2() {
    for arguments in [
        "",
        "nonsense",
        "stream --mode sideways",
        "stream --slots many",
        "stream --slots 0 README.md",
        "stream --slots 100 README.md",
        "stream --wait never",
        "demo --seconds 0",
        "demo --seconds nan",
        "demo --seconds -1",
        "demo --size 241",
        "bench --size -1",
        "bench --repetitions 0",
        "bench --slots 3",
    ] {
        let output = run(&mut perdix(arguments));
        assert_eq!(status(&output), 2, "{arguments}: {output:?}");
        assert!(!output.stderr.is_empty() && output.stdout.is_empty(), "{arguments}: {output:?}");
    }
    let message = stderr(&run(&mut perdix("stream --slots 100 README.md")));
    assert!(message.contains("100 slots") && message.contains("ask for 128"), "{message}");
}

#[test]
fn help_and_version_succeed() {
    for arguments in ["--help", "--version", "stream --help", "demo --help", "bench --help", "soak --help"] {
        let output = run(&mut perdix(arguments));
        assert_eq!(status(&output), 0);
        assert!(!output.stdout.is_empty());
    }
}

#[test]
fn a_missing_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let (missing, out) = (folder.path().join("missing"), folder.path().join("out"));
    let output = run(perdix("stream").args([text(&missing), "-o", text(&out)]));
    assert_eq!(status(&output), 1);
    assert!(stderr(&output).contains(&format!("cannot read {}: No such file", text(&missing))));
    assert!(!out.exists(), "nothing is created for an input that is not there");
}

#[test]
fn a_directory_is_no_input_and_no_output() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "x").unwrap();
    let input = run(perdix("stream").arg(folder.path()));
    assert_eq!(status(&input), 1);
    assert!(stderr(&input).contains("cannot read") && stderr(&input).contains("directory"));
    let output = run(perdix("stream").args([text(&file), "-o", text(folder.path())]));
    assert_eq!(status(&output), 1);
    assert!(stderr(&output).contains("cannot write") && stderr(&output).contains("directory"));
}

#[test]
fn the_input_is_never_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let (file, link) = (folder.path().join("file"), folder.path().join("link"));
    fs::write(&file, noise(1000)).unwrap();
    fs::hard_link(&file, &link).unwrap();
    for output in [&file, &link] {
        let output = run(perdix("stream").args([text(&file), "-o", text(output)]));
        assert_eq!(status(&output), 1);
        assert!(stderr(&output).contains("both the input and the output"), "{}", stderr(&output));
    }
    let from_stdin = perdix("stream - -o").arg(&link).stdin(fs::File::open(&file).unwrap()).output().unwrap();
    assert_eq!(status(&from_stdin), 1);
    let appended = fs::OpenOptions::new().append(true).open(&link).unwrap();
    let to_stdout = perdix("stream -o -").arg(&file).stdout(appended).output().unwrap();
    assert_eq!(status(&to_stdout), 1);
    assert!(fs::read(&file).unwrap() == noise(1000));
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_reported() {
    let output = common::run_with(&mut perdix("stream - -o /dev/full"), &noise(1_000_000));
    assert_eq!(status(&output), 1);
    assert!(stderr(&output).contains("cannot write /dev/full: No space left"), "{}", stderr(&output));
}

#[cfg(unix)]
#[test]
fn a_closed_pipe_ends_it_quietly_even_while_the_input_is_silent() {
    let mut child = perdix("stream - -o -")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut stdin = child.stdin.take().unwrap();
    std::io::Write::write_all(&mut stdin, b"nobody wants this").unwrap();
    // The input stays open: the side that reads it is blocked.
    assert!(ends_within(&mut child, Duration::from_secs(5)).is_some());
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert_eq!((status(&output), stderr(&output).as_str()), (141, ""));
}

#[cfg(unix)]
#[test]
fn a_closed_pipe_in_the_middle_of_a_file_ends_it_quietly() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, noise(5_000_000)).unwrap();
    let mut child = perdix("stream -o -")
        .arg(&file)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut byte = [0];
    let mut stdout = child.stdout.take().unwrap();
    std::io::Read::read_exact(&mut stdout, &mut byte).unwrap();
    drop(stdout);
    let output = child.wait_with_output().unwrap();
    assert_eq!((status(&output), stderr(&output).as_str()), (141, ""));
}

#[cfg(unix)]
fn interrupt(child: &std::process::Child) {
    let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

#[cfg(unix)]
#[test]
fn ctrl_c_ends_it_while_it_waits_for_input() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let mut child = perdix("stream - -o")
        .arg(&out)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    std::io::Write::write_all(&mut stdin, &[7; 1000]).unwrap();
    // What came is written although the input stays open; then it waits.
    while fs::metadata(&out).map_or(0, |metadata| metadata.len()) < 1000 {
        std::thread::sleep(Duration::from_millis(5));
    }
    interrupt(&child);
    let took = ends_within(&mut child, Duration::from_secs(5)).expect("it did not end");
    // 0.2 s by design; the rest is for a busy machine.
    assert!(took < Duration::from_secs(1), "took {took:?}");
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert_eq!(status(&output), 130);
    assert_eq!(stderr(&output), "perdix: interrupted after 1000 bytes\n");
}

#[cfg(target_os = "linux")]
#[test]
fn ctrl_c_ends_it_at_full_speed() {
    for arguments in ["stream /dev/zero", "demo --seconds 60", "bench --seconds 60"] {
        let mut child = perdix(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(300));
        interrupt(&child);
        assert!(ends_within(&mut child, Duration::from_secs(5)).is_some(), "{arguments}");
        let output = child.wait_with_output().unwrap();
        assert_eq!(status(&output), 130, "{arguments}");
        assert!(stderr(&output).contains("interrupted"), "{arguments}: {}", stderr(&output));
    }
}

#[cfg(not(feature = "cuda"))]
#[test]
fn a_build_without_cuda_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let (file, out) = (folder.path().join("file"), folder.path().join("out"));
    fs::write(&file, noise(1000)).unwrap();
    let mut commands = vec![perdix("demo --producer gpu"), perdix("bench --producer gpu --memory pinned")];
    let mut stream = perdix("stream --producer gpu --memory managed --warps 4");
    stream.args([text(&file), "-o", text(&out)]);
    commands.push(stream);
    for program in [env!("CARGO_BIN_EXE_benchmark"), env!("CARGO_BIN_EXE_transport_test")] {
        let mut command = std::process::Command::new(program);
        command.args(["--producer", "gpu"]);
        commands.push(command);
    }
    for mut command in commands {
        let output = run(&mut command);
        assert_eq!(status(&output), 2, "{command:?}: {output:?}");
        let message = stderr(&output);
        assert!(message.contains("feature `cuda`") && message.contains("--features cuda"), "{message}");
    }
    assert!(!out.exists());
}

#[test]
fn options_of_a_kernel_go_with_a_kernel() {
    for arguments in
        ["demo --memory pinned", "stream --device 1 README.md", "demo --warps 4", "bench --memory managed"]
    {
        let output = run(&mut perdix(arguments));
        assert_eq!(status(&output), 2, "{arguments}: {output:?}");
        assert!(stderr(&output).contains("--producer gpu"), "{arguments}: {}", stderr(&output));
    }
    assert_eq!(status(&run(&mut perdix("demo --producer gpu --warps 17"))), 2);
}

/// A limit of file sizes is an error of the write, and no signal.
#[cfg(target_os = "linux")]
#[test]
fn a_limit_of_file_sizes_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let (input, out) = (folder.path().join("input"), folder.path().join("out"));
    fs::write(&input, noise(100_000)).unwrap();
    let script = "ulimit -f 8 && exec \"$0\" stream \"$1\" -o \"$2\"";
    let mut command = Command::new("sh");
    command.args(["-c", script, env!("CARGO_BIN_EXE_perdix"), text(&input), text(&out)]);
    let output = run(&mut command);
    assert_eq!(status(&output), 1, "{output:?}");
    assert!(
        stderr(&output).contains("cannot write") && stderr(&output).contains("File too large"),
        "{output:?}"
    );
}
