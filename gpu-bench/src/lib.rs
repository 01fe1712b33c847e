//! The benchmark of Perdix on a GPU: the bare link, Perdix, and baselines, in one run. Run by `cargo xtask bench-gpu`.
//!
//! What each figure means and how it is measured stands in `docs/benchmarks.md`. Measuring needs the feature `cuda` and a GPU;
//! everything else (statistics, the clocks' calibration, consumers, the report) works and is tested without.

pub mod clock;
pub mod consume;
pub mod cores;
pub mod error;
pub mod files;
#[cfg(feature = "cuda")]
pub mod measure;
pub mod plan;
pub mod progress;
pub mod report;
pub mod results;
pub mod stats;
pub mod targets;
pub mod units;
