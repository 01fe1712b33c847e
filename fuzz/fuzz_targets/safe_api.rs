//! Any safe calls of both halves, in any order and with any arguments: those of the protocol's own test, drawn from the fuzzer's
//! bytes. Nothing is checked but what the sanitizer sees, and that every call ends.
#![no_main]

#[path = "../../crates/perdix-core/tests/safe_api/driver.rs"]
mod driver;
#[path = "../../crates/perdix-core/tests/safe_api/values.rs"]
mod values;

use driver::{CONSUMER, Call, PRODUCER, Source, VALUES};
use libfuzzer_sys::fuzz_target;
use perdix_fuzz::input::Input;
use perdix_fuzz::region::{Region, halves};
use perdix_fuzz::rings;

/// The fuzzer's bytes, as the driver asks for them: two for a small number, eight for any.
struct Bytes<'i, 'a>(&'i mut Input<'a>);

impl Source for Bytes<'_, '_> {
    fn word(&mut self) -> u64 {
        self.0.word()
    }

    fn below(&mut self, end: u64) -> u64 {
        u64::from(self.0.short()) % end
    }
}

fuzz_target!(|data: &[u8]| {
    let mut input = Input::new(data);
    let (_region, ring) = Region::with_ring(rings::config(&mut input));
    let (mut producer, mut consumer) = halves(ring);
    while !input.is_over() {
        match input.below(8) {
            0 => call(VALUES, (), &mut input),
            1..4 => producer = call(PRODUCER, producer, &mut input),
            _ => consumer = call(CONSUMER, consumer, &mut input),
        }
    }
});

fn call<H>(calls: &[Call<H>], half: H, input: &mut Input<'_>) -> H {
    let at = usize::from(input.byte()) % calls.len();
    calls[at].1(half, &mut Bytes(input))
}
