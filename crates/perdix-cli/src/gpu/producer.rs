//! A kernel as the producer.

use std::time::{Duration, Instant};

use perdix_host::cuda::{DeviceBytes, DeviceProducer, GpuError};
use perdix_host::{MemoryKind, PAYLOAD_SIZE};

use super::pattern::GpuPattern;
use super::rig::Rig;
use crate::args::RingArgs;
use crate::digest::{Digest, Hasher};
use crate::error::Error;
use crate::input::Input;
use crate::producer::{DeviceChoice, Ends, Producing, Setup, Until};
use crate::stop::Stop;

/// Bytes of the input on the device at once, twice: whole messages, about 240 MiB.
const PIECE: u64 = (PAYLOAD_SIZE as u64) << 20;

/// The same where the length of the input is not known.
const SMALL_PIECE: u64 = (PAYLOAD_SIZE as u64) << 16;

/// Generated messages of one launch: a fraction of a second.
const ROUND: u64 = 1 << 20;

/// How long the kernel waits for a consumer that has stopped reading, as behind a pipe into a pager; a consumer that is gone ends
/// it at once.
const PATIENCE: Duration = Duration::from_secs(600);

/// How long to wait between looks at the stop flag.
const TICK: Duration = Duration::from_millis(50);

/// The producing end of the ring: one block of a kernel, launched piece by piece.
#[derive(Debug)]
pub(crate) struct GpuProducer {
    // Dropped first, so that the kernels outlive their launches.
    producer: DeviceProducer<'static>,
    rig: Rig,
    warps: u32,
}

impl GpuProducer {
    /// A ring that a kernel of so many warps fills.
    pub(crate) fn open(choice: DeviceChoice, warps: u32, ring: &RingArgs) -> Result<Ends<Self>, Error> {
        let rig = Rig::open(choice)?;
        let buffer = rig.ring(ring.builder())?;
        let device = format!("{}, one block of {warps} warps", rig.name);
        let memory: MemoryKind = buffer.memory();
        let reason = Some(rig.reason.clone());
        let setup = Setup { producer: "gpu", device: Some(device), memory, reason };
        let counters = buffer.counters();
        let (mut producer, consumer) = buffer.into_gpu()?;
        producer.set_limit(PATIENCE);
        Ok(Ends { producer: Self { producer, rig, warps }, consumer, counters, setup })
    }

    /// Sends the input piece by piece and leaves the stream open. While the kernel sends one piece the next is read and copied.
    fn send_pieces(&self, input: &mut Input, stop: &Stop) -> Result<Digest, Error> {
        let mut hasher = Hasher::default();
        let mut piece = vec![0; piece_len(input.len)];
        let mut places: [Option<DeviceBytes>; 2] = [None, None];
        while !stop.is_set() {
            let count = fill(input, &mut piece, stop)?;
            let Some(bytes @ [_, ..]) = piece.get(..count) else { break };
            hasher.update(bytes);
            // This place's last piece is sent: the launch after it has waited for that.
            places.reverse();
            let [place, _] = &mut places;
            let address = match place {
                Some(place) => {
                    place.write_at(0, bytes)?;
                    place.device_ptr()
                }
                None => place.insert(DeviceBytes::new(&self.rig.gpu, &piece)?).device_ptr(),
            };
            self.settle(stop)?;
            self.launch_bytes(address as *const u8, count as u64, false)?;
        }
        self.settle(stop)?;
        Ok(hasher.digest())
    }

    /// Launches a kernel that sends `len` bytes at a device address; the last one ends the stream.
    fn launch_bytes(&self, data: *const u8, len: u64, last: bool) -> Result<(), Error> {
        let launch = self.rig.launch("continue_bytes")?.block(32 * self.warps);
        let launch = launch.arg(&self.producer).arg(data).arg(len).arg(u64::from(last));
        // SAFETY: these are the kernel's parameters; it is one block, the ring's only producer, and the bytes stay until it has
        // ended.
        Ok(unsafe { launch.start() }?)
    }

    /// Ends the stream, also after a failure: the consumer is not to wait for more.
    fn end(&self, stop: &Stop) -> Result<(), Error> {
        self.launch_bytes(std::ptr::null(), 0, true)?;
        self.settle(stop)
    }

    /// Waits until the kernels have ended, unless told to stop; fails if one has faulted.
    fn settle(&self, stop: &Stop) -> Result<(), Error> {
        loop {
            match self.producer.wait(TICK) {
                Err(GpuError::StillRunning(_)) if stop.is_set() => return Ok(()),
                Err(GpuError::StillRunning(_)) => {}
                Err(error) => return Err(error.into()),
                Ok(()) => break,
            }
        }
        self.producer.is_running()?;
        Ok(())
    }
}

impl Producing for GpuProducer {
    type Expected = GpuPattern;

    fn expected(size: usize) -> GpuPattern {
        GpuPattern::new(size)
    }

    fn send_input(self, mut input: Input, stop: &Stop) -> Result<Digest, Error> {
        let sent = self.send_pieces(&mut input, stop);
        let ended = self.end(stop);
        let digest = sent?;
        ended?;
        Ok(digest)
    }

    fn send_pattern(self, size: usize, until: Until, stop: &Stop) -> Result<u64, Error> {
        let mut sent = 0;
        while !stop.is_set() {
            let most = match until {
                Until::Count(count) => (count - sent).min(ROUND),
                Until::Time(end) if Instant::now() < end => ROUND,
                Until::Time(_) => 0,
            };
            if most == 0 {
                break;
            }
            let launch = self.rig.launch("continue_block")?.block(32 * self.warps);
            let launch = launch.arg(&self.producer).arg(GpuPattern::new(size).0);
            let launch = launch.arg(sent).arg(most).arg(0_u64);
            // SAFETY: these are the kernel's parameters; it is one block, and the ring's only producer.
            unsafe { launch.start() }?;
            sent += most;
            self.settle(stop)?;
        }
        self.end(stop)?;
        Ok(sent)
    }
}

/// Bytes of a piece: no more than the input has, and a whole number of messages.
fn piece_len(input: Option<u64>) -> usize {
    let message = PAYLOAD_SIZE as u64;
    let len = input.map_or(SMALL_PIECE, |len| len.clamp(1, PIECE).div_ceil(message) * message);
    len as usize
}

/// Reads until the piece is full, the input ends, or it is time to stop; returns how many bytes there are.
fn fill(input: &mut Input, piece: &mut [u8], stop: &Stop) -> Result<usize, Error> {
    let mut count = 0;
    while !stop.is_set() {
        let Some(rest @ [_, ..]) = piece.get_mut(count..) else { break };
        match input.read(rest)? {
            0 => break,
            some => count += some,
        }
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_whole_messages_and_no_longer_than_the_input() {
        for (len, piece) in [(0, 240), (1, 240), (240, 240), (241, 480), (u64::MAX, 240 << 20)] {
            assert_eq!(piece_len(Some(len)), piece);
        }
        assert_eq!(piece_len(None) % 240, 0);
    }
}
