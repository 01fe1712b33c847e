//! Proves that the device producers keep the protocol: the very kernels that run on GPUs run here on emulated lanes, with a
//! consumer on another thread, in both publication modes.
#![allow(clippy::unwrap_used, clippy::panic)] // helpers of tests may fail a test

mod bytes;
mod commands;
mod common;
mod crash_points;
mod emulation;
mod events;
mod gaps;
mod gone;
mod granularity;
mod lengths;
mod misuse;
mod numbers;
mod packer;
mod partial;
mod random;
mod records;
mod relay;
mod room;
mod serve;
mod shards;
mod soak;
mod staged;
mod stopped;
mod take;
mod timeout;
mod typed;
