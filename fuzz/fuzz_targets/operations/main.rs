//! Sequences of operations against model queues: those of the property tests, and one for records.
#![no_main]

mod plans;
mod steps;

/// The protocol's model.
#[allow(dead_code, unused_imports)] // the test itself
#[path = "../../../crates/perdix-core/tests/model.rs"]
mod core;
/// The host's model.
#[allow(dead_code, unused_imports)] // the test itself
#[path = "../../../crates/perdix-host/tests/model/main.rs"]
mod host;

use libfuzzer_sys::fuzz_target;
use perdix_fuzz::input::Input;
use perdix_fuzz::records;

fuzz_target!(|data: &[u8]| {
    let mut input = Input::new(data);
    match input.below(3) {
        0 => steps::run(&mut input),
        1 => host::run(plans::plan(&mut input)),
        _ => records::run(&mut input),
    }
});
