//! `bench-gpu`: measures the bare link, Perdix and baselines on a GPU, and reports. Run by `cargo xtask bench-gpu`.

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use perdix_gpu_bench::error::Error;
use perdix_gpu_bench::files;
use perdix_gpu_bench::report::text::text;
use perdix_gpu_bench::results::Results;

/// Measures the bare link, Perdix and baselines on a GPU in one run, and compares them
#[derive(Debug, Parser)]
#[command(name = "bench-gpu")]
struct Arguments {
    /// A shorter run: what the targets need, and shorter sweeps
    #[arg(long)]
    quick: bool,
    /// Write all figures to this file, after every step
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write the report with its plots to this file
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Write each plot of the report as an SVG file into this folder
    #[arg(long, value_name = "FOLDER")]
    curves: Option<PathBuf>,
    /// Measure nothing: report the figures in this file, which --json has written
    #[arg(long, value_name = "FILE", conflicts_with_all = ["quick", "json", "memory", "device", "only"])]
    report: Option<PathBuf>,
    /// Measure this kind of memory only
    #[arg(long, value_enum)]
    memory: Option<MemoryArgument>,
    /// The device's number
    #[arg(long, value_name = "N", default_value_t = 0)]
    device: usize,
    /// Only the steps whose name contains this text
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// List the steps, and measure nothing
    #[arg(long)]
    list: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum MemoryArgument {
    /// Mapped pinned host memory
    Pinned,
    /// CUDA managed memory
    Managed,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(failed) => {
            eprintln!("error: {failed} step(s) could not be measured; the report says why");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Measures or reads, then reports; returns how many steps failed.
fn run(arguments: &Arguments) -> Result<usize, Error> {
    let results = match &arguments.report {
        Some(path) => files::load(path)?,
        None => match measured(arguments)? {
            Some(results) => results,
            None => return Ok(0),
        },
    };
    if let Some(path) = &arguments.html {
        files::save_report(&results, path)?;
    }
    if let Some(folder) = &arguments.curves {
        files::save_curves(&results, folder)?;
    }
    print(&text(&results));
    Ok(if arguments.report.is_some() { 0 } else { results.failures.len() })
}

#[cfg(feature = "cuda")]
fn measured(arguments: &Arguments) -> Result<Option<Results>, Error> {
    use perdix_gpu_bench::measure::{Options, measure};
    use perdix_gpu_bench::plan::{Plan, Step};
    use perdix_gpu_bench::results::Memory;

    let plan = if arguments.quick { Plan::quick() } else { Plan::full() };
    let plan = match &arguments.only {
        Some(text) => plan.only(text),
        None => plan,
    };
    if arguments.list {
        let names: Vec<String> = plan.steps.iter().map(Step::name).collect();
        print(&(names.join("\n") + "\n"));
        return Ok(None);
    }
    let memory = arguments.memory.map(|memory| match memory {
        MemoryArgument::Pinned => Memory::Pinned,
        MemoryArgument::Managed => Memory::Managed,
    });
    let command: Vec<String> = std::env::args().skip(1).collect();
    let command = format!("bench-gpu {}", command.join(" "));
    let options = Options { device: arguments.device, memory, json: arguments.json.clone(), command };
    measure(&plan, &options).map(Some)
}

#[cfg(not(feature = "cuda"))]
fn measured(_: &Arguments) -> Result<Option<Results>, Error> {
    Err(Error::NotBuilt)
}

/// Prints to standard output; a reader that has gone is no error.
fn print(text: &str) {
    let mut out = io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}
