//! What the host does when the driver says no: against a `libcuda` that pretends to have a device and fails where it is told to.
//!
//! ```sh
//! cargo xtask cuda-fake
//! LD_LIBRARY_PATH=$PWD/target/cuda-fake/lib64 cargo test -p perdix-gpu-tests --features cuda --test fake -- --ignored
//! ```
//! The kernels are the real ones, on emulated lanes; a launch returns when they have ended.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used)] // tests

mod contexts;
mod counterpart;
mod driver;
mod faults;
mod init;
mod kernels;
mod launches;
mod launching;
mod memory;
mod modules;
mod resplit;
mod streams;
mod walk;
mod watchdog;
