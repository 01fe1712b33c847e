//! `grep -F` on a GPU: matches stream out of the kernel as they are found.
//!
//! `grep NEEDLE FILE` prints them at once, in the order in which they come; `-c` counts the lines that match and `-b` lists the
//! offsets in bytes, both as `grep -F -c` and `grep -F -o -b` do. `--check` runs those and compares.

use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use clap::Parser;
use perdix_host::Consumer;
use tour::{Outcome, Stage, start, wrong};

/// Search a text in a kernel
#[derive(Debug, Parser)]
struct Arguments {
    /// What to look for: bytes, no pattern
    needle: String,
    /// Where to look
    file: PathBuf,
    /// Print how many lines match
    #[arg(short)]
    count: bool,
    /// Print the offset of each match, in order
    #[arg(short)]
    byte_offset: bool,
    /// Compare with what the system's grep says
    #[arg(long)]
    check: bool,
}

fn main() -> ExitCode {
    tour::exit(grep(&Arguments::parse()))
}

fn grep(arguments: &Arguments) -> Outcome {
    if arguments.needle.is_empty() || arguments.needle.contains('\n') {
        return Err("the needle must be neither empty nor longer than a line".into());
    }
    let text = fs::read(&arguments.file).map_err(|error| format!("{}: {error}", arguments.file.display()))?;
    let stage = Stage::open()?;
    let (producer, mut consumer) = stage.ring(4096)?;
    let (haystack, needle) = (stage.upload(&text)?, stage.upload(arguments.needle.as_bytes())?);
    let (blocks, threads) = if stage.is_fast() { (128, 256) } else { (2, 32) };
    let (haystack_there, needle_there) = (haystack.span(), needle.span());
    let kernel = start!(stage, producer, grep[blocks, threads](haystack_there, needle_there));
    let live = !(arguments.count || arguments.byte_offset || arguments.check);
    let offsets = receive(&mut consumer, &text, live)?;
    kernel.wait()?;

    let matches = Matches::new(&text, arguments.needle.len(), offsets);
    if arguments.count {
        println!("{}", matches.lines);
    }
    if arguments.byte_offset {
        matches.offsets.iter().for_each(|offset| println!("{offset}:{}", arguments.needle));
    }
    if arguments.check { check(arguments, &matches) } else { Ok(()) }
}

/// All offsets, as they come; printed with their lines at once if `live`.
fn receive(consumer: &mut Consumer<'_>, text: &[u8], live: bool) -> Outcome<Vec<usize>> {
    let (mut offsets, mut out) = (Vec::new(), io::stdout().lock());
    let mut printed = Ok(());
    consumer.for_each_record::<u64>(1, |&offset| {
        let offset = offset as usize;
        offsets.push(offset);
        if live && printed.is_ok() {
            printed = print_line(&mut out, text, offset);
        }
    })?;
    printed?;
    Ok(offsets)
}

fn print_line(out: &mut impl Write, text: &[u8], offset: usize) -> io::Result<()> {
    let (before, after) = text.split_at(offset.min(text.len()));
    let start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let end = after.iter().position(|byte| *byte == b'\n').map_or(text.len(), |at| offset + at);
    write!(out, "{offset}:")?;
    out.write_all(text.get(start..end).unwrap_or_default())?;
    out.write_all(b"\n")
}

/// The matches as grep counts them.
struct Matches {
    /// Where they begin, in order; one that overlaps the one before does not count.
    offsets: Vec<usize>,
    /// Lines with a match.
    lines: usize,
}

impl Matches {
    fn new(text: &[u8], len: usize, mut found: Vec<usize>) -> Self {
        found.sort_unstable();
        let mut offsets = Vec::new();
        let (mut free, mut lines, mut line_end) = (0, 0, 0);
        for offset in found {
            if offset < free {
                continue;
            }
            free = offset + len;
            if lines == 0 || offset > line_end {
                lines += 1;
                let rest = text.get(offset..).unwrap_or_default();
                line_end = rest.iter().position(|byte| *byte == b'\n').map_or(text.len(), |at| offset + at);
            }
            offsets.push(offset);
        }
        Self { offsets, lines }
    }
}

/// The answer by other means: the system's own grep.
fn check(arguments: &Arguments, matches: &Matches) -> Outcome {
    let run = |options: &[&str]| -> Outcome<String> {
        let mut command = Command::new("grep");
        command.args(["-F", "-a"]).args(options).arg("--").arg(&arguments.needle).arg(&arguments.file);
        let output = command.env("LC_ALL", "C").output().map_err(|error| format!("grep: {error}"))?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let lines: usize = run(&["-c"])?.trim().parse()?;
    let listed = run(&["-o", "-b"])?;
    let offsets: Vec<usize> =
        listed.lines().filter_map(|line| line.split(':').next()?.parse().ok()).collect();
    if matches.lines != lines || matches.offsets != offsets {
        let (ours, theirs) = (matches.offsets.len(), offsets.len());
        return Err(wrong(format!(
            "{ours} matches in {} lines, but grep finds {theirs} in {lines}",
            matches.lines
        )));
    }
    println!("{} matches in {lines} lines: as grep says", offsets.len());
    Ok(())
}
