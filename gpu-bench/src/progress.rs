//! What is shown while a run goes on.

use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A bar on a terminal, a line for each finished step elsewhere; on standard error.
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
    lines: bool,
    begun: Instant,
}

impl Progress {
    /// Of that many steps.
    pub fn new(steps: usize) -> Self {
        let lines = !io::stderr().is_terminal();
        let target = if lines { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        let bar = ProgressBar::with_draw_target(Some(steps as u64), target);
        if let Ok(style) = ProgressStyle::with_template("{bar:24} {pos}/{len} {elapsed} {wide_msg}") {
            bar.set_style(style);
        }
        if !lines {
            bar.enable_steady_tick(Duration::from_millis(200));
        }
        Self { bar, lines, begun: Instant::now() }
    }

    /// A step begins.
    pub fn begin(&self, step: &str) {
        self.bar.set_message(step.to_owned());
    }

    /// A step has ended, with this outcome.
    pub fn end(&self, step: &str, outcome: &str) {
        self.bar.inc(1);
        let (at, of) = (self.bar.position(), self.bar.length().unwrap_or(0));
        let line = format!("[{at}/{of}] {:6.1} s  {step}: {outcome}", self.begun.elapsed().as_secs_f64());
        if self.lines {
            eprintln!("{line}");
        } else {
            self.bar.println(line);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
