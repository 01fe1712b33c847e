//! What the fuzz targets share: the fuzzer's bytes as numbers, memory for a ring, and an enemy that writes into it.

pub mod enemy;
pub mod input;
pub mod protocol;
pub mod records;
/// Memory for a ring, and the halves on it: those of the protocol's own tests.
#[path = "../../crates/perdix-core/tests/common/mod.rs"]
#[allow(missing_docs, clippy::should_implement_trait)] // they are helpers there
pub mod region;
pub mod rings;
pub mod victim;
