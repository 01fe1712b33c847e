//! Kernels on emulated lanes: threads that run the same code.

use std::thread::{self, JoinHandle};

use perdix_host::events::Sites;
use perdix_host::{Buffer, Consumer, DeviceRing, EmulatedProducer, LaneFault};
use tour_kernels::Span;

use crate::Outcome;

/// The host's end of a ring into which kernels produce.
pub type Half = EmulatedProducer<'static>;

/// Emulated lanes.
#[derive(Debug)]
pub struct Stage(());

impl Stage {
    /// They are everywhere.
    ///
    /// # Errors
    /// None; a GPU may be missing.
    pub fn open() -> Outcome<Self> {
        eprintln!("on emulated lanes; a GPU needs --features cuda");
        Ok(Self(()))
    }

    /// As if there was one GPU.
    ///
    /// # Errors
    /// None, as [`open`](Self::open).
    pub fn open_all() -> Outcome<Vec<Self>> {
        Ok(vec![Self::open()?])
    }

    /// The places in the kernels that log.
    ///
    /// # Errors
    /// If two of them have the same number.
    pub fn sites(&self) -> Outcome<Sites> {
        Ok(Sites::of_this_program()?)
    }

    /// Whether kernels run as fast as on a GPU.
    pub fn is_fast(&self) -> bool {
        false
    }

    /// A ring of `slots` slots.
    ///
    /// # Errors
    /// If there is no memory for it.
    pub fn ring(&self, slots: usize) -> Outcome<(Half, Consumer<'static>)> {
        Ok(Buffer::builder().slots(slots).build()?.into_emulated())
    }

    /// Keeps a copy of values for ever, as lanes may read it as long as the program runs.
    ///
    /// # Errors
    /// None; a GPU's memory may be full.
    pub fn upload<T: Copy>(&self, values: &[T]) -> Outcome<Uploaded<T>> {
        Ok(Uploaded(Vec::leak(values.to_vec())))
    }
}

/// Values that lanes can read.
#[derive(Debug)]
pub struct Uploaded<T: 'static>(&'static [T]);

impl<T: Copy> Uploaded<T> {
    /// Where they are.
    pub fn span(&self) -> Span<T> {
        Span::new(self.0.as_ptr(), self.0.len() as u64)
    }
}

/// A kernel that was started.
#[derive(Debug)]
pub struct Running(JoinHandle<Result<(), LaneFault>>);

impl Running {
    /// Starts a launch on the ring of `half`.
    pub fn new(mut half: Half, launch: impl FnOnce(DeviceRing) -> bool + Send + 'static) -> Self {
        Self(thread::spawn(move || half.run(launch)))
    }

    /// Whether it still runs.
    ///
    /// # Errors
    /// None; a GPU's kernel may have faulted.
    pub fn is_running(&self) -> Outcome<bool> {
        Ok(!self.0.is_finished())
    }

    /// Waits until it has ended.
    ///
    /// # Errors
    /// If a lane faulted.
    pub fn wait(self) -> Outcome {
        Ok(self.0.join().map_err(|_| LaneFault)??)
    }
}
