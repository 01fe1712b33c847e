//! Making and attaching rings: good memory works, and every bad one gives the error that names what
//! is wrong.

#![allow(clippy::unwrap_used, clippy::panic)] // what is not as expected fails the test

mod common;

use std::sync::atomic::Ordering;

use common::{MODES, Region, halves, offset};
use perdix_core::{
    AttachError, Config, ConfigError, Corruption, MAGIC, MAX_CAPACITY, Mode, Poll, Ring, VERSION,
};

const FOUR: Config = Config { capacity: 4, mode: Mode::Fenced, start: 0 };

#[test]
fn what_init_made_attach_finds() {
    for mode in MODES {
        for capacity in [1, 2, 4, 1024] {
            let config = Config { capacity, mode, start: 77 };
            assert_eq!(config.bytes(), Ok(1024 + 256 * capacity as usize));
            let (region, ring) = Region::with_ring(config);
            let attached = region.attach().unwrap();
            assert_eq!((ring.config(), attached.config()), (config, config));
            assert_eq!((attached.capacity(), attached.mode()), (capacity, mode));
        }
    }
}

#[test]
fn the_identity_is_where_the_specification_says() {
    let (region, _) = Region::with_ring(Config { capacity: 4, mode: Mode::FenceFree, start: 5 });
    let words = [0, 8, 16, 24, 32].map(|offset| region.word(offset).load(Ordering::Relaxed));
    assert_eq!(words[0].to_le_bytes(), *b"PERDIXRB");
    assert_eq!(words[1..], [256 << 32 | 3, 4, 1, 5]);
    assert_eq!(region.word(offset::TAIL).load(Ordering::Relaxed), 10);
    // Slot 0 belongs to message 8, slot 1 to message 5; neither is there.
    let seqs = [0, 1, 2, 3].map(|slot| region.word(offset::SLOTS + 256 * slot).load(Ordering::Relaxed));
    assert_eq!(seqs, [5, 2, 3, 4]);
}

#[test]
fn init_does_not_care_what_the_memory_holds() {
    for mode in MODES {
        let config = Config { mode, ..FOUR };
        let region = Region::new(config.bytes().unwrap());
        for word in (0..region.bytes()).step_by(8) {
            region.set(word, u64::MAX - 1);
        }
        let (mut producer, mut consumer) = halves(region.init(config).unwrap());
        assert_eq!(consumer.look(), Ok(Poll::Empty));
        producer.push(1, 0, &[1, 2, 3]).unwrap();
        assert!(matches!(consumer.look(), Ok(Poll::Ready(_))));
        for stats in (offset::PRODUCER_STATS..offset::PRODUCER_STATS + 40).step_by(8).skip(2) {
            assert_eq!(region.word(stats).load(Ordering::Relaxed), 0);
        }
    }
}

#[test]
fn misaligned_memory() {
    let region = Region::new(8192);
    for shift in [1, 8, 16, 128, 255] {
        let memory = region.at(shift);
        let expected = AttachError::Misaligned { address: memory as usize };
        // SAFETY: the memory is that long.
        assert_eq!(unsafe { Ring::init(memory, 4096, FOUR) }.unwrap_err(), expected);
        // SAFETY: as above.
        assert_eq!(unsafe { Ring::attach(memory, 4096) }.unwrap_err(), expected);
    }
    let null = std::ptr::null_mut();
    // SAFETY: nothing is accessed at the null address.
    assert_eq!(unsafe { Ring::attach(null, 4096) }.unwrap_err(), AttachError::Misaligned { address: 0 });
}

#[test]
fn memory_too_short() {
    let (region, _) = Region::with_ring(FOUR);
    let needed = 1024 + 4 * 256;
    for bytes in [0, 8, 1023, 1024, 1279, 1280, needed - 1] {
        let short = AttachError::TooShort { bytes, needed };
        // SAFETY: the memory is longer than that.
        assert_eq!(unsafe { Ring::init(region.at(0), bytes, FOUR) }.unwrap_err(), short);
        // Less than any ring needs, or less than this one says it needs.
        let needed = if bytes < 1280 { 1280 } else { needed };
        // SAFETY: as above.
        let error = unsafe { Ring::attach(region.at(0), bytes) }.unwrap_err();
        assert_eq!(error, AttachError::TooShort { bytes, needed });
    }
    // SAFETY: the memory is exactly that long.
    assert!(unsafe { Ring::attach(region.at(0), needed) }.is_ok());
}

#[test]
fn every_word_of_the_identity_is_checked() {
    let (region, _) = Region::with_ring(FOUR);
    let attach_with = |offset: usize, value: u64| {
        let before = region.word(offset).swap(value, Ordering::Relaxed);
        let result = region.attach().map(|ring| ring.config());
        region.set(offset, before);
        result
    };
    for found in [0, 1, MAGIC ^ 1, u64::MAX] {
        assert_eq!(attach_with(offset::MAGIC, found), Err(AttachError::NotARing { found }));
    }
    for found in [0, VERSION + 1, u32::MAX] {
        let format = 256 << 32 | u64::from(found);
        assert_eq!(attach_with(offset::FORMAT, format), Err(AttachError::Version { found }));
    }
    for found in [0, 128, 512, u32::MAX] {
        let format = u64::from(found) << 32 | u64::from(VERSION);
        assert_eq!(attach_with(offset::FORMAT, format), Err(AttachError::SlotSize { found }));
    }
    for found in [2, 255, u64::MAX] {
        assert_eq!(attach_with(offset::MODE, found), Err(AttachError::Mode { found }));
    }
    for (asked, nearest) in ILLEGAL_CAPACITIES {
        let error = AttachError::Capacity(ConfigError { asked, nearest });
        assert_eq!(attach_with(offset::CAPACITY, asked), Err(error));
    }
    for capacity in [8, 1 << 20, MAX_CAPACITY] {
        let needed = 1024 + 256 * capacity as usize;
        let error = AttachError::TooShort { bytes: 2048, needed };
        assert_eq!(attach_with(offset::CAPACITY, capacity), Err(error));
    }
    assert_eq!(region.attach().map(|ring| ring.config()), Ok(FOUR));
}

/// Each with the nearest legal one; of two that are as near, the larger.
const ILLEGAL_CAPACITIES: [(u64, u64); 13] = [
    (0, 1),
    (3, 4),
    (5, 4),
    (6, 8),
    (7, 8),
    (9, 8),
    (1023, 1024),
    (1025, 1024),
    (MAX_CAPACITY / 4 * 3, MAX_CAPACITY),
    (MAX_CAPACITY / 4 * 3 - 1, MAX_CAPACITY / 2),
    (MAX_CAPACITY + 1, MAX_CAPACITY),
    (1 << 31, MAX_CAPACITY),
    (u64::MAX, MAX_CAPACITY),
];

#[test]
fn illegal_capacities_name_a_legal_one() {
    let region = Region::new(4096);
    for (asked, nearest) in ILLEGAL_CAPACITIES {
        let config = Config { capacity: asked, ..FOUR };
        let error = ConfigError { asked, nearest };
        assert_eq!(config.bytes(), Err(error));
        assert_eq!(region.init(config).unwrap_err(), AttachError::Capacity(error));
        assert!(error.to_string().contains(&nearest.to_string()), "{error}");
    }
    assert_eq!(region.word(0).load(Ordering::Relaxed), 0, "nothing is written");
    assert!(Config { capacity: MAX_CAPACITY, ..FOUR }.bytes().is_ok());
}

#[test]
fn the_named_capacity_is_the_nearest() {
    for asked in (0..5000).filter(|asked: &u64| !asked.is_power_of_two()) {
        let error = Config { capacity: asked, ..FOUR }.bytes().unwrap_err();
        let legal = (0..=30).rev().map(|power| 1 << power);
        assert_eq!(Some(error.nearest), legal.min_by_key(|legal| asked.abs_diff(*legal)), "{asked}");
    }
}

#[test]
fn errors_say_what_they_found() {
    let messages = [
        AttachError::Misaligned { address: 0x1001 }.to_string(),
        AttachError::TooShort { bytes: 100, needed: 1280 }.to_string(),
        AttachError::NotARing { found: 7 }.to_string(),
        AttachError::Version { found: 9 }.to_string(),
        AttachError::SlotSize { found: 128 }.to_string(),
        AttachError::Mode { found: 3 }.to_string(),
        Corruption::Length { message: 12, meta: 255 }.to_string(),
        Corruption::End { message: 12, distance: 99 }.to_string(),
    ];
    for (message, part) in
        messages.iter().zip(["0x1001", "1280", "begins", "version 9", "128", "mode 3", "12", "99"])
    {
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn a_ring_can_be_attached_in_mid_stream() {
    for mode in MODES {
        let (region, ring) = Region::with_ring(Config { mode, start: u64::MAX - 1, ..FOUR });
        let (mut producer, _) = halves(ring);
        for byte in 0..3 {
            producer.push(byte, 0, &[byte as u8; 100]).unwrap();
        }
        let (_, mut consumer) = halves(region.attach().unwrap());
        for byte in 0..3 {
            let Ok(Poll::Ready(message)) = consumer.poll() else { panic!("message {byte} is missing") };
            let mut bytes = [0; 240];
            assert_eq!((message.copy_to(&mut bytes), message.meta().kind()), (100, byte));
            assert_eq!(bytes[..100], [byte as u8; 100]);
            message.take();
            consumer.recycle();
        }
        assert_eq!(consumer.look(), Ok(Poll::Empty));
        producer.finish();
        assert_eq!(consumer.look(), Ok(Poll::Ended));
    }
}
