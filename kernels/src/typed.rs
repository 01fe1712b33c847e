//! Typed messages, of one enumeration, from each granularity.

use bytemuck::{CheckedBitPattern, NoUninit, Pod, Zeroable};
use perdix_gpu::intrinsics::{block_rank, warp_id, warps_per_block};
use perdix_gpu::{BlockProducer, DeviceRing, Error, GridProducer, ThreadProducer, Values, WarpProducer};

/// A small message.
#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub struct Residual {
    /// Who sends: the warp's number.
    pub warp: u32,
    /// The step.
    pub step: u32,
    /// Something that depends on it.
    pub value: f64,
}

/// A message of a size that is no multiple of 4.
#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub struct Label {
    /// As [`Residual::warp`].
    pub warp: u16,
    /// Text that is the step in hexadecimal.
    pub text: [u8; 9],
    /// Its last byte.
    pub last: u8,
    /// Makes it odd, with two bytes beyond a word.
    pub rest: [u8; 2],
}

/// A message of which not all bytes are a value.
#[derive(Clone, Copy, Debug, PartialEq, NoUninit, CheckedBitPattern)]
#[repr(C)]
pub struct Done {
    /// The steps.
    pub steps: u32,
    /// How they went.
    pub state: State,
    /// Whether there were any.
    pub any: bool,
    /// As [`Residual::warp`].
    pub warp: u16,
}

/// How a warp's steps went.
#[derive(Clone, Copy, Debug, PartialEq, NoUninit, CheckedBitPattern)]
#[repr(u8)]
pub enum State {
    /// Well.
    Converged = 1,
    /// Not well.
    Diverged = 2,
}

/// A message that fills a slot.
#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub struct Row {
    /// As [`Residual::warp`].
    pub warp: u32,
    /// As [`Residual::step`].
    pub step: u32,
    /// Cells that depend on both.
    pub cells: [f32; 58],
}

perdix_gpu::messages! {
    /// What the kernels here send.
    #[derive(Clone, Copy, Debug, PartialEq)]
    pub enum Frame<'m> {
        /// Every third step.
        101 => Residual(&Residual),
        /// The step after.
        102 => Label(&Label),
        /// The step after that.
        103 => Row(&Row),
        /// At the end.
        104 => Done(Done),
    }
}

impl Residual {
    /// What a warp sends of a step.
    pub fn of(warp: u32, step: u32) -> Self {
        Self { warp, step, value: f64::from(step) * 0.5 + f64::from(warp) }
    }
}

impl Label {
    /// What a warp sends of a step.
    pub fn of(warp: u32, step: u32) -> Self {
        let mut text = *b"step 0000";
        let mut digit = 0;
        while digit < 4 {
            let value = (step >> (12 - 4 * digit) & 15) as u8;
            if let Some(byte) = text.get_mut(5 + digit as usize) {
                *byte = if value < 10 { b'0' + value } else { b'a' + value - 10 };
            }
            digit += 1;
        }
        Self { warp: warp as u16, text, last: text[8], rest: [step as u8, !(step as u8)] }
    }
}

impl Row {
    /// What a warp sends of a step.
    pub fn of(warp: u32, step: u32) -> Self {
        let mut cells = [0.0; 58];
        for (i, cell) in cells.iter_mut().enumerate() {
            *cell = i as f32 + step as f32 * 0.25;
        }
        Self { warp, step, cells }
    }
}

impl Done {
    /// What a warp sends at the end.
    pub fn of(warp: u32, steps: u32) -> Self {
        let state = if steps % 2 == 0 { State::Converged } else { State::Diverged };
        Self { steps, state, any: steps != 0, warp: warp as u16 }
    }
}

/// Sends `count` steps and the end; `$send` is a producer's way to send.
macro_rules! send_steps {
    ($warp:expr, $count:expr, |$message:ident| $send:expr) => {{
        let (warp, count): (u32, u32) = ($warp, $count);
        let mut step = 0;
        let mut sent: Result<(), Error> = Ok(());
        while step < count && sent.is_ok() {
            sent = match step % 3 {
                0 => {
                    let $message = &Residual::of(warp, step);
                    $send
                }
                1 => {
                    let $message = &Label::of(warp, step);
                    $send
                }
                _ => {
                    let $message = &Row::of(warp, step);
                    $send
                }
            };
            step += 1;
        }
        sent.and_then(|()| {
            let $message = &Done::of(warp, count);
            $send
        })
    }};
}

perdix_gpu::kernel! {
    /// One thread sends `count` steps and the end.
    pub unsafe fn typed_thread(ring: DeviceRing, count: u32) {
        // SAFETY: the host launches one thread on this ring.
        let Ok(mut producer) = (unsafe { ThreadProducer::new(ring) }) else { return };
        match send_steps!(0, count, |message| producer.send(message)) {
            Ok(()) => producer.finish(),
            Err(error) => producer.fail(error),
        }
    }

    /// One warp sends them.
    pub unsafe fn typed_warp(ring: DeviceRing, count: u32) {
        // SAFETY: the host launches one warp on this ring.
        let Ok(mut producer) = (unsafe { WarpProducer::new(ring) }) else { return };
        match send_steps!(0, count, |message| producer.send(message)) {
            Ok(()) => producer.finish(),
            Err(error) => producer.fail(error),
        }
    }

    /// One block sends them, one by one, then a batch of `count` residuals of warp 1.
    pub unsafe fn typed_block(ring: DeviceRing, count: u32) {
        // SAFETY: the host launches one block on this ring.
        let Ok(mut producer) = (unsafe { BlockProducer::new(ring) }) else { return };
        let batch = Values::new(|i| Residual::of(1, i as u32));
        if send_steps!(0, count, |message| producer.send(message)).is_ok() {
            // An error is told to the consumer by finish.
            let _ = producer.produce_batch(u64::from(count), &batch);
        }
        producer.finish();
    }

    /// Every warp of the grid sends them, each with its own number.
    pub unsafe fn typed_grid(ring: DeviceRing, count: u32) {
        // SAFETY: the host launches nothing else on this ring.
        let Ok(mut producer) = (unsafe { GridProducer::new(ring) }) else { return };
        let warp = block_rank() as u32 * warps_per_block() + warp_id();
        // An error is told to the consumer by finish.
        let _ = send_steps!(warp, count, |message| producer.send(message));
        producer.finish();
    }
}

/// Checks what the kernels sent, in the order of each warp.
#[cfg(not(target_arch = "nvptx64"))]
#[derive(Debug)]
pub struct FrameChecker {
    count: u32,
    next: Vec<u32>,
}

#[cfg(not(target_arch = "nvptx64"))]
impl FrameChecker {
    /// For `warps` warps that send `count` steps each.
    pub fn new(warps: usize, count: u32) -> Self {
        Self { count, next: vec![0; warps] }
    }

    /// Takes a message.
    ///
    /// # Errors
    /// In words, if it is not its warp's next.
    pub fn take(&mut self, frame: Frame<'_>) -> Result<(), String> {
        let warp = match frame {
            Frame::Residual(residual) => residual.warp,
            Frame::Label(label) => u32::from(label.warp),
            Frame::Row(row) => row.warp,
            Frame::Done(done) => u32::from(done.warp),
        };
        let Some(next) = self.next.get_mut(warp as usize) else {
            return Err(format!("{frame:?}: no such warp"));
        };
        let step = *next;
        let (residual, label, row) = (Residual::of(warp, step), Label::of(warp, step), Row::of(warp, step));
        let expected = match step % 3 {
            _ if step >= self.count => Frame::Done(Done::of(warp, self.count)),
            0 => Frame::Residual(&residual),
            1 => Frame::Label(&label),
            _ => Frame::Row(&row),
        };
        *next += 1;
        if frame == expected { Ok(()) } else { Err(format!("{frame:?} came, and not {expected:?}")) }
    }

    /// Whether all came.
    pub fn is_complete(&self) -> bool {
        self.next.iter().all(|next| *next == self.count + 1)
    }
}
