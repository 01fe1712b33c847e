//! Kernels as producers, where there is no device: the commands say so. And the kernels that only the command runs, on emulated
//! lanes.
#![cfg(feature = "cuda")]
#![allow(clippy::unwrap_used, clippy::panic)] // tests

mod common;

use std::fs;
use std::process::Command;

use common::{json, noise, perdix, run, status, stderr, stdout, text};
use perdix_gpu::emulation::{self, EmulatedRing};
use perdix_host::Mode;
use perdix_host::cuda::Gpu;
use perdix_kernels::pattern::Pattern;
use perdix_kernels::{continue_block, continue_bytes};

const MODES: [Mode; 2] = [Mode::Fenced, Mode::FenceFree];

#[test]
fn without_a_device_every_command_says_so() {
    if Gpu::count().is_ok() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (file, out) = (folder.path().join("file"), folder.path().join("out"));
    fs::write(&file, noise(1000)).unwrap();
    let mut stream = perdix("stream --producer gpu --memory pinned");
    stream.args([text(&file), "-o", text(&out)]);
    let mut commands = vec![
        stream,
        perdix("stream - --producer gpu"),
        perdix("demo --producer gpu --memory managed"),
        perdix("bench --producer gpu --json"),
        perdix("soak --producer gpu --duration 1s"),
    ];
    for program in [env!("CARGO_BIN_EXE_benchmark"), env!("CARGO_BIN_EXE_transport_test")] {
        let mut command = Command::new(program);
        command.args(["--producer", "gpu"]);
        commands.push(command);
    }
    for mut command in commands {
        let output = run(&mut command);
        assert_eq!(status(&output), 1, "{command:?}: {output:?}");
        assert!(stderr(&output).contains("no CUDA device"), "{command:?}: {}", stderr(&output));
    }
    assert!(!out.exists(), "nothing is created without a device");
}

#[test]
fn without_a_device_the_doctor_says_so_and_what_works() {
    if Gpu::count().is_ok() {
        return;
    }
    let table = stdout(&run(&mut perdix("doctor")));
    for words in ["built in", "no CUDA device", "heap: no CUDA device: CPU to CPU", "works: a message passed"]
    {
        assert!(table.contains(words), "{words} is not in\n{table}");
    }
    let report = json(&stdout(&run(&mut perdix("doctor --json"))));
    assert_eq!(report["devices"].as_array().unwrap().len(), 0);
}

#[test]
fn threads_still_use_ordinary_memory() {
    let output = run(&mut perdix("demo --seconds 0.1 --json"));
    assert_eq!(status(&output), 0, "{output:?}");
    assert_eq!(json(&stdout(&output))["memory"], "heap");
}

#[test]
fn several_kernels_send_one_stream_of_bytes() {
    let content = noise(240 * 70 + 13);
    for mode in MODES {
        let mut ring = EmulatedRing::new(128, mode);
        for (piece, last) in [(&content[..240 * 40], 0), (&content[240 * 40..], 0), (&[][..], 1)] {
            let send = || {
                // SAFETY: one block, and ring and bytes outlive the launch.
                unsafe { continue_bytes(ring.handle(), piece.as_ptr(), piece.len() as u64, last) };
            };
            assert!(emulation::launch(1, 64, send));
            let paused = ring.state().paused.load(std::sync::atomic::Ordering::Relaxed);
            assert_eq!(paused == 1, last == 0, "the one that ends the stream leaves no pause");
        }
        let received: Vec<u8> = ring.received().into_iter().flat_map(|(_, bytes)| bytes).collect();
        assert!(received == content, "{mode:?}");
        // SAFETY: the view is used here alone, while nobody else uses the ring.
        let view = unsafe { ring.ring() };
        assert!(view.end().is_some());
    }
}

#[test]
fn several_kernels_send_one_stream_of_messages() {
    let pattern = Pattern { len: 100, sentinels: 0 };
    for mode in MODES {
        let mut ring = EmulatedRing::new(128, mode);
        for (first, count, last) in [(0, 33, 0), (33, 50, 0), (83, 1, 1)] {
            let send = || {
                // SAFETY: one block, and the ring outlives the launch.
                unsafe { continue_block(ring.handle(), pattern, first, count, last) };
            };
            assert!(emulation::launch(1, 96, send));
        }
        let received = ring.received();
        assert_eq!(received.len(), 84);
        for (id, (kind, bytes)) in received.into_iter().enumerate() {
            assert!(pattern.matches(id as u64, kind, &bytes), "{id}");
        }
    }
}
