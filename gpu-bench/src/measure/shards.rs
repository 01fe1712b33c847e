//! Several rings behind one handle, filled by one launch.

use perdix_host::Shards;

use super::rates::{Ran, check, together};
use super::rig::Rig;
use crate::consume::PATIENCE;
use crate::consume::ring::{Identities, receive};
use crate::error::Error;
use crate::results::{Config, Memory, Mode, Sender};

/// Sends about `count` messages, spread over the rings, each of which has a consumer thread.
pub(super) fn shards(rig: &Rig, config: &Config, memory: Memory, count: u64) -> Result<Ran, Error> {
    let mode = config.mode.unwrap_or(Mode::Fenced);
    let mut shards = Shards::builder(config.rings).ring(rig.builder(memory, mode, config.slots)).build()?;
    let (mut device, consumers) = shards.split_gpu()?;
    device.set_limit(PATIENCE)?;
    let blocks = config.blocks * u32::try_from(config.rings).unwrap_or(u32::MAX);
    let (kernel, senders) = match config.sender {
        Sender::ShardedGrid => ("flood_shards_grid", u64::from(blocks * config.threads / 32)),
        _ => ("flood_shards_block", config.rings as u64),
    };
    let share = count.div_ceil(senders);
    let consumers = consumers.into_iter().map(|consumer| (consumer, Identities::of(senders))).collect();
    let received = together(rig, consumers, receive, || {
        let launch = rig.launch(kernel)?.grid(blocks).block(config.threads);
        let launch = launch.arg(&device).arg(u64::from(config.bytes)).arg(share);
        // SAFETY: these are the kernels' parameters, and nothing else is launched on these rings.
        Ok(unsafe { launch.start() }?)
    })?;
    check(&received, share * senders)
}
