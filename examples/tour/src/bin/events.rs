//! A kernel that logs: any thread says something, the host prints it while the kernel runs.

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use perdix_host::events::{Event, EventReader, Level};
use tour::{Outcome, Stage, start, wrong};

/// Let a kernel look for bytes that are not ASCII, and say where they are
#[derive(Debug, Parser)]
struct Arguments {
    /// The text to look at
    file: PathBuf,
    /// Say how many, and not which
    #[arg(short)]
    quiet: bool,
}

fn main() -> ExitCode {
    tour::exit(inspect(&Arguments::parse()))
}

fn inspect(arguments: &Arguments) -> Outcome {
    let text = fs::read(&arguments.file).map_err(|error| format!("{}: {error}", arguments.file.display()))?;
    let stage = Stage::open()?;
    let sites = stage.sites()?;
    let (blocks, threads) = if stage.is_fast() { (64, 128) } else { (2, 32) };
    let uploaded = stage.upload(&text)?;
    let span = uploaded.span();
    let (producer, mut consumer) = stage.ring(32768)?;
    let kernel = start!(stage, producer, inspect[blocks, threads](span));

    let (mut noticed, mut announced) = (Vec::new(), 0);
    EventReader::new(&sites).for_each(&mut consumer, |event| {
        if !arguments.quiet {
            print(&event);
        }
        match event.level() {
            Level::Warn => noticed.extend(event.arguments().last().and_then(|offset| offset.as_u64())),
            _ => announced += 1,
        }
    })?;
    kernel.wait()?;

    noticed.sort_unstable();
    // The answer by other means.
    let expected: Vec<u64> =
        (0..).zip(&text).filter(|(_, byte)| !byte.is_ascii()).map(|(at, _)| at).collect();
    if noticed != expected || announced != 1 {
        let (count, wanted) = (noticed.len(), expected.len());
        return Err(wrong(format!(
            "{count} bytes were noticed instead of {wanted}, {announced} announcements"
        )));
    }
    println!(
        "{} bytes are not ASCII, each told of by the thread that found it: as on the CPU",
        expected.len()
    );
    Ok(())
}

fn print(event: &Event<'_>) {
    let (level, block, thread) = (event.level(), event.block(), event.thread());
    println!("{level:5} block {block} thread {thread}: {event}");
}
