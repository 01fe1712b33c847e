//! Proves that a ring's memory is freed when its halves and counters are gone, not sooner, and that a lack of memory is an error.
#![allow(clippy::unwrap_used)] // helpers of tests may fail a test

use std::alloc::{GlobalAlloc, Layout, System};
use std::mem::forget;
use std::sync::atomic::{AtomicUsize, Ordering};

use perdix_host::{Buffer, CreateError};

/// The system's allocator, which refuses what no test machine should be asked for, and counts page-aligned blocks: rings.
struct Watched;

const REFUSED: usize = 1 << 32;
static RINGS: AtomicUsize = AtomicUsize::new(0);

// SAFETY: all memory is the system allocator's.
unsafe impl GlobalAlloc for Watched {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if layout.size() >= REFUSED {
            return std::ptr::null_mut();
        }
        RINGS.fetch_add(usize::from(layout.align() >= 4096), Ordering::Relaxed);
        // SAFETY: the caller's contract is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        RINGS.fetch_sub(usize::from(layout.align() >= 4096), Ordering::Relaxed);
        // SAFETY: the caller's contract is passed on.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Watched = Watched;

fn rings() -> usize {
    RINGS.load(Ordering::Relaxed)
}

// One test, since tests run in parallel and the count is the process's.
#[test]
fn memory_is_freed_in_time_and_its_lack_is_an_error() {
    let buffer = Buffer::new(16).unwrap();
    assert_eq!(rings(), 1);
    drop(buffer);
    assert_eq!(rings(), 0);

    let mut buffer = Buffer::new(16).unwrap();
    drop(buffer.split_mut());
    assert_eq!(rings(), 1);
    let (producer, consumer) = buffer.split();
    drop(producer);
    assert_eq!(rings(), 1);
    drop(consumer);
    assert_eq!(rings(), 0);

    let (producer, consumer) = Buffer::new(16).unwrap().split();
    let counters = consumer.counters();
    drop(consumer);
    drop(producer);
    assert_eq!((rings(), counters.read().capacity), (1, 16));
    drop(counters);
    assert_eq!(rings(), 0);

    // A forgotten half keeps the memory: it leaks, nothing worse.
    let (producer, consumer) = Buffer::new(16).unwrap().split();
    forget(producer);
    drop(consumer);
    assert_eq!(rings(), 1);

    let slots = 1 << 30;
    let error = Buffer::new(slots).err();
    let bytes = 1024 + (slots << 8);
    assert_eq!(error, Some(CreateError::OutOfMemory { slots: slots as u64, bytes }));
    let text = error.map(|error| error.to_string()).unwrap_or_default();
    assert!(text.contains(&bytes.to_string()) && text.contains("fewer slots"), "{text}");
    assert_eq!(rings(), 1);
}
