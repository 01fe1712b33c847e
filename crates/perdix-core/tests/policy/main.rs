//! The rules of the protocol against a model that counts with unbounded numbers, and as golden
//! tables that other implementations (the C++ header) are tested against.
#![allow(clippy::unwrap_used, clippy::panic)]

mod golden;
mod model;

/// Capacities of the tables.
const CAPACITIES: [u64; 4] = [1, 2, 4, 8];

/// First messages: the rules must not care where 2^63 and 2^64 lie.
const STARTS: [u64; 4] = [0, (1 << 63) - 3, u64::MAX - 2, 1 << 40];
