//! What a terminal shows while a command runs.

use std::io::{self, IsTerminal};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use perdix_host::Snapshot;

/// A line on standard error, if that is a terminal; nothing otherwise.
#[derive(Debug)]
pub(crate) struct Progress(ProgressBar);

impl Progress {
    /// Bytes so far and the rate, and if the total is known a bar with the time left.
    pub(crate) fn bytes(total: Option<u64>, wanted: bool) -> Self {
        Self::new(
            total,
            wanted,
            match total {
                Some(_) => "{bar:32} {bytes} of {total_bytes}  {bytes_per_sec}  {eta} left",
                None => "{spinner} {bytes}  {bytes_per_sec}  {elapsed}",
            },
        )
    }

    /// A word on what is going on.
    pub(crate) fn spinner(wanted: bool) -> Self {
        Self::new(None, wanted, "{spinner} {msg}")
    }

    /// Shows how far the ring's consumer is.
    pub(crate) fn at(&self, counters: &Snapshot) {
        self.0.set_position(counters.received_bytes);
    }

    /// Shows a word on what is going on.
    pub(crate) fn say(&self, message: String) {
        self.0.set_message(message);
        self.0.tick();
    }

    fn new(total: Option<u64>, wanted: bool, template: &str) -> Self {
        let shown = wanted && io::stderr().is_terminal();
        let target = if shown { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(total, target);
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        if shown {
            bar.enable_steady_tick(Duration::from_millis(100));
        }
        Self(bar)
    }
}

impl Drop for Progress {
    /// The report, or an error, takes the line's place.
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
