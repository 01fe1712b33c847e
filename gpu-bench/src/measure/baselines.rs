//! The baselines (a) and (b) on the device.

use std::sync::atomic::AtomicU64;

use perdix_host::cuda::DeviceBytes;
use perdix_kernels::baseline::{FifoState, FlagSlot};

use super::rates::Ran;
use super::rig::{Rig, Word};
use crate::consume::{PATIENCE, fifo as fifo_consumer, slots as slots_consumer};
use crate::error::Error;
use crate::results::{Config, Memory, Sender};

/// Baseline (a): one thread writes the payload and then a flag.
pub(super) fn slots(rig: &Rig, config: &Config, memory: Memory, count: u64) -> Result<Ran, Error> {
    let slots = rig.mapped(memory, config.slots * size_of::<FlagSlot>())?;
    let tail = Word::new(rig, memory)?;
    let capacity = config.slots as u64;
    let received = rig.on_consumer_core(|| {
        let launch = rig.launch("baseline_slots")?.arg(slots.device_ptr()).arg(tail.address());
        let launch = launch.arg(capacity).arg(count).arg(PATIENCE.as_nanos() as u64);
        // SAFETY: these are the kernel's parameters; slots and tail stay until it has ended, below.
        unsafe { launch.start_on(std::ptr::null_mut()) }?;
        // SAFETY: there are that many slots, which only the kernel writes.
        unsafe { slots_consumer::receive(slots.as_ptr().cast(), capacity, tail.get(), count) }
    });
    // The kernel gives up by itself, so this returns; nothing may be freed before.
    rig.synchronize()?;
    Ok(received?.into())
}

/// Baseline (b): a FIFO of 16-byte messages.
pub(super) fn fifo(rig: &Rig, config: &Config, memory: Memory, count: u64) -> Result<Ran, Error> {
    let memory_of_entries = rig.mapped(memory, config.slots * size_of::<[AtomicU64; 2]>())?;
    let tail = Word::new(rig, memory)?;
    let state = DeviceBytes::new(&rig.gpu, &[0; size_of::<FifoState>()])?;
    let (threads, capacity) = (u64::from(config.threads), config.slots as u64);
    let each = count.div_ceil(threads);
    // SAFETY: the memory is ours, zeroed, aligned to 256, holds that many pairs, and is only used through atomics.
    let entries = unsafe {
        std::slice::from_raw_parts(memory_of_entries.as_ptr().cast::<[AtomicU64; 2]>(), config.slots)
    };
    let received = rig.on_consumer_core(|| {
        let launch = rig.launch("baseline_fifo")?.block(config.threads);
        let launch = launch.arg(memory_of_entries.device_ptr()).arg(tail.address()).arg(state.device_ptr());
        let launch = launch.arg(capacity).arg(each).arg(u64::from(config.sender == Sender::FifoRelease));
        let launch = launch.arg(PATIENCE.as_nanos() as u64);
        // SAFETY: these are the kernel's parameters; entries, tail and state stay until it has ended, below.
        unsafe { launch.start_on(std::ptr::null_mut()) }?;
        fifo_consumer::receive(entries, tail.get(), threads, each)
    });
    // The kernel gives up by itself, so this returns; nothing may be freed before.
    rig.synchronize()?;
    Ok(received?.into())
}
