//! Benchmarks only: see `benches/cpu.rs`, and run `cargo bench --package perdix-benches`.
