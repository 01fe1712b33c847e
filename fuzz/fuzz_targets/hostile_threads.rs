//! As `hostile`, but the enemy writes from another thread, all the time.
#![no_main]

use std::sync::atomic::{AtomicBool, Ordering};

use libfuzzer_sys::fuzz_target;
use perdix_fuzz::input::Input;
use perdix_fuzz::{rings, victim};

/// Words that the enemy writes again and again, at most.
const WRITES: usize = 64;

/// Calls of the halves, at most.
const CALLS: usize = 400;

fuzz_target!(|data: &[u8]| {
    let mut input = Input::new(data);
    let config = rings::config(&mut input);
    let capacity = config.capacity as usize;
    let (mut buffer, enemy) = rings::buffer(config, None);
    let near = config.start.wrapping_add(input.below(4).into());
    let writes: Vec<_> = (0..input.byte()).flat_map(|_| enemy.draw(&mut input, near)).take(WRITES).collect();
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                writes.iter().for_each(|write| enemy.write(*write));
                std::thread::yield_now();
            }
        });
        let (mut producer, mut consumer) = buffer.split_mut();
        for _ in 0..CALLS {
            if input.is_over() {
                break;
            }
            if input.below(3) == 0 {
                victim::produce(&mut producer, &mut input, |_| {});
            } else {
                victim::consume(&mut consumer, &mut input, capacity, |_| {});
            }
        }
        victim::consume_fairly(consumer, &mut input, |_| {});
        over.store(true, Ordering::Relaxed);
    });
});
