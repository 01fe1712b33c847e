//! `perdix doctor`: what this machine has, and what works on it.

#[cfg(feature = "cuda")]
mod devices;

use std::thread;
use std::time::Duration;

use clap::Args;
use perdix_host::{Buffer, MemoryKind};
use serde::Serialize;

use crate::error::Error;
use crate::pattern::Pattern;
use crate::report::{Table, To};
use crate::stop;

/// Says what this machine has for Perdix, which memory a ring would lie in and why, and what works.
///
/// Having no GPU is a finding, not a failure: the exit status is 0.
#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// Report one JSON object instead of a table
    #[arg(long)]
    json: bool,
}

/// What was found; the field names in JSON are stable.
#[derive(Debug, Serialize)]
struct Report {
    command: &'static str,
    version: &'static str,
    /// Built with the feature `cuda`.
    cuda_feature: bool,
    /// What the CUDA driver answered.
    cuda: String,
    /// The CUDA version that the driver supports.
    cuda_version: Option<String>,
    #[cfg(feature = "cuda")]
    devices: Vec<devices::Device>,
    #[cfg(not(feature = "cuda"))]
    devices: [(); 0],
    /// The memory that a ring would lie in unless another is asked for.
    memory: Option<String>,
    memory_reason: String,
    /// Whether a message passes from one thread to another.
    cpu_to_cpu: bool,
    cpu_to_cpu_details: String,
}

/// Runs the command.
pub(crate) fn run(args: &DoctorArgs) -> Result<(), Error> {
    stop::exit_on_ctrl_c("perdix doctor")?;
    let mut report = examine();
    match cpu_to_cpu() {
        Ok(()) => {
            report.cpu_to_cpu = true;
            report.cpu_to_cpu_details = "a message passed from one thread to another unchanged".to_owned();
        }
        Err(error) => report.cpu_to_cpu_details = error.to_string(),
    }
    if args.json {
        return To::Stdout.json(&report);
    }
    To::Stdout.print(&report.text())
}

impl Report {
    fn new(cuda: String) -> Self {
        let (memory, memory_reason) = match Buffer::new(1) {
            Ok(buffer) => (Some(buffer.memory().to_string()), buffer.memory_reason().to_owned()),
            Err(error) => (None, error.to_string()),
        };
        Self {
            command: "doctor",
            version: env!("CARGO_PKG_VERSION"),
            cuda_feature: cfg!(feature = "cuda"),
            cuda,
            cuda_version: None,
            devices: Default::default(),
            memory,
            memory_reason,
            cpu_to_cpu: false,
            cpu_to_cpu_details: String::new(),
        }
    }

    fn text(&self) -> String {
        let feature = if self.cuda_feature {
            "built in"
        } else {
            "not built in; build with `cargo build --release -p perdix-cli --features cuda`"
        };
        let mut table = Table::default().row("perdix", self.version).row("feature cuda", feature);
        table = table.row("CUDA", &self.cuda);
        if let Some(version) = &self.cuda_version {
            table = table.row("CUDA of the driver", version);
        }
        let memory = self.memory.as_deref().unwrap_or("none");
        table = table.row("memory of a ring", format_args!("{memory}: {}", self.memory_reason));
        #[cfg(feature = "cuda")]
        for device in &self.devices {
            table = device.rows(table);
        }
        let verdict = if self.cpu_to_cpu { "works" } else { "DOES NOT WORK" };
        table.row("CPU to CPU", format_args!("{verdict}: {}", self.cpu_to_cpu_details)).text()
    }
}

#[cfg(feature = "cuda")]
fn examine() -> Report {
    devices::examine()
}

#[cfg(not(feature = "cuda"))]
fn examine() -> Report {
    Report::new("not looked for".to_owned())
}

/// Passes one message from one thread to another.
fn cpu_to_cpu() -> Result<(), Error> {
    const LIMIT: Duration = Duration::from_secs(5);
    const NUMBER: u64 = 0;
    let pattern = Pattern { size: 100 };
    let (mut producer, mut consumer) = Buffer::builder().slots(4).memory(MemoryKind::Heap).build()?.split();
    thread::scope(|scope| {
        let sending = scope.spawn(move || {
            let mut payload = vec![0; pattern.size];
            Pattern::fill(NUMBER, &mut payload);
            producer.message(&payload).kind(Pattern::kind(NUMBER)).send()
        });
        let message = consumer.next(LIMIT)?;
        pattern.check(NUMBER, message.kind(), &message)?;
        sending.join().map_err(|_| Error::Panicked { side: "producer" })??;
        Ok(())
    })
}
