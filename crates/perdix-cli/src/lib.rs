//! The command `perdix` and its companions `transport_test` and `benchmark`, as one library: the binaries only call it.
//!
//! * [`perdix`]: `stream` moves real bytes through a ring, `demo` shows one running, `bench` measures, `doctor` says what this
//!   machine has, `soak` tries random episodes for hours and checks everything, `rings` lists the rings
//!   that processes share, `top` watches them (feature `top`, on unless turned off).
//! * [`transport_test`]: five checks of the transport, a line each.
//! * [`benchmark`]: all the figures, in one table.
//!
//! The producer is a thread or, with the feature `cuda` and `--producer gpu`, a kernel on a CUDA device.
//!
//! Every command prints a table for people or, with `--json`, one object for programs. Exit status: 0 for success, 1 for a
//! failure, 2 for bad arguments, 130 after Ctrl-C, 141 when the reader of the output has gone.

mod args;
mod bench;
mod checks;
mod demo;
mod digest;
mod doctor;
mod error;
#[cfg(feature = "cuda")]
mod gpu;
mod input;
mod output;
mod pattern;
mod producer;
mod progress;
mod receive;
mod report;
#[cfg(target_os = "linux")]
mod rings;
mod run;
mod signals;
mod soak;
mod stop;
mod stream;
#[cfg(all(target_os = "linux", feature = "top"))]
mod top;
mod transfer;

pub use run::{benchmark, perdix, transport_test};
