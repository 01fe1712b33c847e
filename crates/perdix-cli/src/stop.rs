//! Ctrl-C, as a flag that the threads look at.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::Error;

/// Set once the user wants the command to end.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stop(Arc<AtomicBool>);

impl Stop {
    /// A flag that Ctrl-C (or a request to terminate) sets. Once per process.
    pub(crate) fn on_ctrl_c() -> Result<Self, Error> {
        let stop = Self::default();
        let flag = stop.clone();
        ctrlc::set_handler(move || flag.set())?;
        Ok(stop)
    }

    /// Whether to stop.
    pub(crate) fn is_set(&self) -> bool {
        // Only a hint to end: nothing is published through it.
        self.0.load(Ordering::Relaxed)
    }

    fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Makes Ctrl-C end the process at once: for commands that have nothing to put in order. Once per process.
pub(crate) fn exit_on_ctrl_c(program: &'static str) -> Result<(), Error> {
    let interrupted = move || {
        eprintln!("{program}: interrupted");
        std::process::exit(128 + 2);
    };
    Ok(ctrlc::set_handler(interrupted)?)
}
