//! Rings of every kind.

use perdix_core::{Config, Mode};
use perdix_host::{Buffer, Wait};

use crate::enemy::Enemy;
use crate::input::Input;

/// A small ring, whose numbers may be about to wrap: at 2^64, at the 2^63 of cursors, at the end of a lap.
pub fn config(input: &mut Input<'_>) -> Config {
    let capacity = input.pick([1, 2, 4, 8, 64]);
    let mode = input.pick([Mode::Fenced, Mode::FenceFree]);
    let start = match input.below(5) {
        0 => 0,
        1 => u64::MAX - 3,
        2 => (1 << 63) - 2,
        3 => 63,
        _ => input.word(),
    };
    Config { capacity, mode, start }
}

/// A buffer of this configuration in heap memory, and an enemy that has its memory too, as a peer in another process would.
///
/// # Panics
/// If there is no memory, or the buffer's slots are not where its layout says.
pub fn buffer(config: Config, release_every: Option<usize>) -> (Buffer, Enemy) {
    let slots = config.capacity as usize;
    let mut builder = Buffer::builder().slots(slots).mode(config.mode).first_message(config.start);
    if let Some(every) = release_every {
        builder = builder.release_every(every);
    }
    let mut buffer = builder.build().expect("a legal ring");
    let payload = {
        let (mut producer, _consumer) = buffer.split_mut();
        let mut grant = producer.reserve(240, Wait::No).expect("a fresh ring has room");
        grant.as_mut_ptr()
    };
    let first = (config.start % config.capacity) as usize;
    let memory = payload.wrapping_sub(1024 + 256 * first + 16);
    // SAFETY: the payload lies in the buffer's one allocation, which begins that far before it; whoever gets the enemy keeps the buffer.
    let enemy = unsafe { Enemy::new(memory, config) };
    assert!(enemy.sees_the_ring(), "the ring does not begin at {memory:p}");
    (buffer, enemy)
}
