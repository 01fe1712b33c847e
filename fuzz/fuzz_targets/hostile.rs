//! An enemy writes any words into the ring's memory between the calls of both halves, and while guards live: errors, but no panic, no
//! access out of bounds, no call that does not end.
#![no_main]

use libfuzzer_sys::fuzz_target;
use perdix_fuzz::enemy::Enemy;
use perdix_fuzz::input::Input;
use perdix_fuzz::protocol::Halves;
use perdix_fuzz::region::Region;
use perdix_fuzz::{rings, victim};

fuzz_target!(|data: &[u8]| {
    let mut input = Input::new(data);
    if input.flag() { protocol(&mut input) } else { host(&mut input) }
});

/// The halves of the protocol.
fn protocol(input: &mut Input<'_>) {
    let config = rings::config(input);
    let (region, ring) = Region::with_ring(config);
    // SAFETY: the region holds this ring, and outlives the enemy.
    let enemy = unsafe { Enemy::new(region.at(0), config) };
    // SAFETY: the ring's only halves, which the region outlives.
    let mut halves = unsafe { Halves::new(ring, input) };
    while !input.is_over() {
        if input.flag() {
            let near = if input.flag() { halves.next() } else { halves.head() };
            enemy.draw(input, near).into_iter().for_each(|write| enemy.write(write));
        } else {
            halves.step(input);
        }
    }
}

/// The halves that users have.
fn host(input: &mut Input<'_>) {
    let config = rings::config(input);
    let capacity = config.capacity as usize;
    let release_every = input.flag().then(|| input.byte().into());
    let (mut buffer, enemy) = rings::buffer(config, release_every);
    while !input.is_over() {
        let (mut producer, mut consumer) = buffer.split_mut();
        loop {
            let near = consumer.position();
            let attack = |input: &mut Input<'_>| {
                for _ in 0..input.below(4) {
                    enemy.draw(input, near).into_iter().for_each(|write| enemy.write(write));
                }
            };
            match input.below(16) {
                0..=4 => attack(input),
                5..=8 => victim::produce(&mut producer, input, attack),
                9..=14 => victim::consume(&mut consumer, input, capacity, attack),
                _ => {
                    if input.flag() {
                        victim::consume_fairly(consumer, input, attack);
                    }
                    break;
                }
            }
            if input.is_over() {
                break;
            }
        }
    }
}
