//! Kernels that log.

use perdix_gpu::events::{LaneEvents, Level, Waiting};
use perdix_gpu::intrinsics::{WARP_SIZE, lane_id, now_ns, sleep_ns, thread_rank};
use perdix_gpu::{BlockProducer, DeviceRing, Events, GridProducer, ThreadProducer, WarpProducer, event};

perdix_gpu::kernel! {
    /// Every thread of the grid by itself logs `count` steps, and sleeps for `pause_ns` (below 1 ms) after each. Odd threads log an
    /// event more at every fourth step.
    pub unsafe fn log_threads(ring: DeviceRing, count: u32, pause_ns: u32) {
        // SAFETY: the host launches nothing else on this ring.
        let Ok(mut events) = (unsafe { Events::new(ring) }) else { return };
        let mut step = 0;
        while step < count {
            event!(events, INFO, "step {} of {}: {:.2}", step, count, step as f32 * 0.25);
            if thread_rank() % 2 == 1 && step % 4 == 0 {
                event!(events, WARN, "thread {} is odd at step {}", thread_rank(), step);
            }
            pause(pause_ns);
            step += 1;
        }
        events.finish();
    }

    /// The same, in every thread, without an end: the stream stays open. Events of levels beyond INFO are switched off.
    pub unsafe fn log_and_go(ring: DeviceRing, count: u32) {
        // SAFETY: the host launches nothing else on this ring.
        let Ok(events) = (unsafe { Events::new(ring) }) else { return };
        let mut events = events.up_to(Level::Info).waiting();
        let mut step = 0;
        while step < count {
            event!(events, INFO, "step {}", step);
            event!(events, DEBUG, "not sent: {}", step);
            step += 1;
        }
    }

    /// One thread logs `count` steps through its producer, between messages of its own.
    pub unsafe fn log_thread(ring: DeviceRing, count: u32) {
        // SAFETY: the host launches one thread on this ring.
        let Ok(mut producer) = (unsafe { ThreadProducer::new(ring) }) else { return };
        let mut step = 0;
        while step < count {
            event!(Waiting(&mut producer), DEBUG, "step {}", step);
            // An error is told to the consumer by finish.
            let _ = producer.produce(1, &step.to_le_bytes());
            step += 1;
        }
        producer.finish();
    }

    /// One warp.
    pub unsafe fn log_warp(ring: DeviceRing, count: u32) {
        // SAFETY: the host launches one warp on this ring.
        let Ok(mut producer) = (unsafe { WarpProducer::new(ring) }) else { return };
        let mut step = 0;
        while step < count {
            event!(Waiting(&mut producer), DEBUG, "step {}", step);
            step += 1;
        }
        producer.finish();
    }

    /// One block.
    pub unsafe fn log_block(ring: DeviceRing, count: u32) {
        // SAFETY: the host launches one block on this ring.
        let Ok(mut producer) = (unsafe { BlockProducer::new(ring) }) else { return };
        let mut step = 0;
        while step < count {
            event!(Waiting(&mut producer), DEBUG, "step {}", step);
            step += 1;
        }
        producer.finish();
    }

    /// Every warp of the grid.
    pub unsafe fn log_grid(ring: DeviceRing, count: u32) {
        // SAFETY: the host launches nothing else on this ring.
        let Ok(mut producer) = (unsafe { GridProducer::new(ring) }) else { return };
        let mut step = 0;
        while step < count {
            event!(Waiting(&mut producer), DEBUG, "step {}", step);
            step += 1;
        }
        producer.finish();
    }

    /// In each of `count` steps, those lanes of every warp log whose number, or'ed with the step's, is no multiple of 3; gathered into
    /// messages.
    pub unsafe fn log_lanes(ring: DeviceRing, count: u32) {
        // SAFETY: the host launches nothing else on this ring.
        let Ok(mut producer) = (unsafe { GridProducer::new(ring) }) else { return };
        let mut events = LaneEvents::<5>::new();
        let mut step = 0;
        while step < count {
            let lane = lane_id();
            let has_event = (lane | step) % 3 != 0;
            event!(events.lanes(&mut producer, has_event), TRACE, "step {} of lane {}", step, lane);
            step += 1;
        }
        // An error is told to the consumer by finish.
        let _ = events.flush(&mut producer);
        producer.finish();
    }

    /// One thread logs an argument of every type.
    pub unsafe fn log_types(ring: DeviceRing, number: u32) {
        // SAFETY: the host launches one thread on this ring.
        let Ok(mut events) = (unsafe { Events::new(ring) }) else { return };
        let pointer = number as usize as *const u8;
        let negative = -i64::from(number);
        event!(events, ERROR, "{} {} {} {} {}", number as u8, number as u16, number, u64::from(number) << 32, number as usize);
        event!(events, ERROR, "{} {} {} {} {}", negative as i8, negative as i16, negative as i32, negative, negative as isize);
        event!(events, WARN, "{} {} {} {} {:p}", number as f32 / 8.0, f64::from(number) / 16.0, number % 2 == 0, 'x', pointer);
        event!(events, WARN, "{{{:>6}}} {:06.2} {:#010x} {:+} {:b}", number, number as f32 / 3.0, number, negative, number as u8);
        event!(events, INFO, "no arguments, and a line\nbreak");
        events.finish();
    }

    /// Every thread of the grid logs `count` events as fast as it can, and at last how many were sent and how many nanoseconds they took.
    /// `mode` 0 drops when the ring is full, 1 waits, 2 has the level switched off.
    pub unsafe fn flood_events(ring: DeviceRing, count: u32, mode: u32) {
        // SAFETY: the host launches nothing else on this ring.
        let Ok(events) = (unsafe { Events::new(ring) }) else { return };
        let mut events = if mode == 1 { events.waiting() } else { events };
        if mode == 2 {
            events = events.up_to(Level::Error);
        }
        let (mut step, mut sent) = (0, 0_u32);
        let begun = now_ns();
        while step < count {
            sent += u32::from(event!(events, INFO, "step {} of {}", step, count));
            step += 1;
        }
        let took = now_ns().wrapping_sub(begun);
        event!(events.waiting(), ERROR, "{} sent in {} ns", sent, took);
    }

    /// Every warp of the grid logs `count` events of each of its lanes, gathered into messages, and at last what
    /// [`flood_events`] does.
    pub unsafe fn flood_lane_events(ring: DeviceRing, count: u32) {
        // SAFETY: the host launches nothing else on this ring.
        let Ok(mut producer) = (unsafe { GridProducer::new(ring) }) else { return };
        let mut events = LaneEvents::<5>::new();
        let (mut step, mut sent) = (0, 0_u32);
        let begun = now_ns();
        while step < count {
            sent += u32::from(event!(events.lanes(&mut producer, true), INFO, "step {} of {}", step, count));
            step += 1;
        }
        // An error is told to the consumer by finish.
        let _ = events.flush(&mut producer);
        let took = now_ns().wrapping_sub(begun);
        event!(Waiting(&mut producer), ERROR, "{} sent in {} ns", WARP_SIZE * sent, took);
        producer.finish();
    }
}

#[inline(always)]
fn pause(nanoseconds: u32) {
    if nanoseconds != 0 {
        sleep_ns(nanoseconds);
    }
}
