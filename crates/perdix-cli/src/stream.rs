//! `perdix stream`: real bytes through the ring, and proof that they arrived.

use std::io::{self, IsTerminal};
use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use crate::args::{RingArgs, mode_name, wait_name};
use crate::digest::{self, Digest};
use crate::error::Error;
use crate::input::Input;
use crate::output::{Output, Target};
use crate::producer::{self, Ends, Opened, Producing, SenderArgs, Setup};
use crate::progress::Progress;
use crate::receive::{ByteSink, receive};
use crate::report::{self, Table, To, byte_rate, grouped, message_rate, per_second};
use crate::stop::Stop;
use crate::transfer::{self, Transfer};

/// Streams a file through a ring from one thread, or from a kernel, to another thread, and proves that every byte arrived.
///
/// With --producer gpu the file is copied to the device, in pieces, and a kernel sends its bytes.
/// Without -o a FILE is only read and verified. Standard input is passed on to standard output, as a filter does, unless
/// that is a terminal or --json is given. The report goes to standard output, or to standard error when the bytes go there.
#[derive(Debug, Args)]
pub(crate) struct StreamArgs {
    /// What to read; - (or nothing) for standard input
    file: Option<PathBuf>,
    /// Write the bytes that arrive to this file; - for standard output
    #[arg(short, long, value_name = "OUT")]
    output: Option<PathBuf>,
    #[command(flatten)]
    sender: SenderArgs,
    #[command(flatten)]
    ring: RingArgs,
    /// Report one JSON object instead of a table
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(crate) fn run(args: &StreamArgs) -> Result<(), Error> {
    let to_terminal = io::stdout().is_terminal();
    let from_stdin = Input::is_stdin(args.file.as_deref());
    let target = Target::choose(args.output.as_deref(), from_stdin, !to_terminal && !args.json);
    // The ring first: a bad option must not create or empty the output.
    let opened = producer::open(&args.sender, &args.ring)?;
    let input = Input::open(args.file.as_deref())?;
    let output = Output::open(&target, &input)?;
    let to = if target == Target::Stdout { To::Stderr } else { To::Stdout };
    // A bar among the bytes on one terminal would spoil both.
    let wanted = !(target == Target::Stdout && to_terminal);
    let name = input.name.clone();
    let progress = Progress::bytes(input.len, wanted);
    let outcome = match opened {
        Opened::Cpu(ends) => stream(ends, input, output, &progress),
        #[cfg(feature = "cuda")]
        Opened::Gpu(ends) => stream(ends, input, output, &progress),
    };
    drop(progress);
    let (transfer, setup) = outcome?;
    let report = Report::new(args, name, &target, setup, transfer);
    if args.json {
        to.json(&report.json())?;
    } else {
        to.print(&report.table().text())?;
    }
    Ok(digest::compare(report.transfer.sent, report.transfer.received)?)
}

fn stream<P: Producing>(
    ends: Ends<P>,
    input: Input,
    output: Option<Output>,
    progress: &Progress,
) -> Result<(Transfer<Digest, Digest>, Setup), Error> {
    let Ends { producer, consumer, counters, setup } = ends;
    let stop = Stop::on_ctrl_c()?;
    let transfer = transfer::run(
        &counters,
        &stop,
        move |stop| producer.send_input(input, stop),
        move |stop| {
            let mut sink = ByteSink::new(output);
            receive(consumer, &mut sink, stop)?;
            sink.finish()
        },
        |snapshot| progress.at(snapshot),
    )?;
    Ok((transfer, setup))
}

/// What the command reports.
struct Report<'a> {
    args: &'a StreamArgs,
    input: String,
    output: Option<String>,
    setup: Setup,
    transfer: Transfer<Digest, Digest>,
}

impl<'a> Report<'a> {
    fn new(
        args: &'a StreamArgs,
        input: String,
        target: &Target,
        setup: Setup,
        transfer: Transfer<Digest, Digest>,
    ) -> Self {
        let output = match target {
            Target::Verify => None,
            Target::Stdout => Some("standard output".to_owned()),
            Target::File(path) => Some(path.display().to_string()),
        };
        Self { args, input, output, setup, transfer }
    }

    fn table(&self) -> Table {
        let Transfer { sent, received, seconds, counters } = &self.transfer;
        Table::default()
            .row("input", &self.input)
            .row("output", self.output.as_deref().unwrap_or("none, verified only"))
            .row("producer", self.setup.producer_text())
            .row("ring", self.ring())
            .row("memory", self.setup.memory_text())
            .row("messages", grouped(counters.received))
            .row("bytes", grouped(received.bytes))
            .row("seconds", format_args!("{seconds:.3}"))
            .row("rate", self.rates())
            .row("ring-full waits", grouped(counters.full))
            .row("highest fill", report::fill(&self.setup, counters))
            .row("sent", format_args!("{sent}  {}", digest::ALGORITHM))
            .row("received", format_args!("{received}  {}", digest::ALGORITHM))
            .row("identical", if sent == received { "yes" } else { "NO" })
    }

    fn ring(&self) -> String {
        let RingArgs { slots, mode, wait } = self.args.ring;
        format!("{slots} slots, {}, {}", mode_name(mode.into()), wait_name(wait))
    }

    fn rates(&self) -> String {
        let Transfer { received, seconds, counters, .. } = &self.transfer;
        let bytes = byte_rate(per_second(received.bytes, *seconds));
        format!("{bytes}, {}", message_rate(per_second(counters.received, *seconds)))
    }

    fn json(&self) -> Json<'_> {
        let Transfer { sent, received, seconds, counters } = &self.transfer;
        let ring = &self.args.ring;
        Json {
            command: "stream",
            producer: self.setup.producer,
            device: self.setup.device.as_deref(),
            memory: self.setup.memory.to_string(),
            memory_reason: self.setup.reason.as_deref(),
            input: &self.input,
            output: self.output.as_deref(),
            slots: counters.capacity,
            mode: mode_name(ring.mode.into()),
            wait: wait_name(ring.wait),
            messages: counters.received,
            bytes: received.bytes,
            seconds: *seconds,
            bytes_per_second: per_second(received.bytes, *seconds),
            messages_per_second: per_second(counters.received, *seconds),
            ring_full_waits: counters.full,
            highest_fill_slots: self.setup.knows_fill().then_some(counters.highest_fill),
            checksum_algorithm: digest::ALGORITHM,
            checksum_sent: sent.to_string(),
            checksum_received: received.to_string(),
            identical: sent == received,
        }
    }
}

/// The JSON report; its field names are stable.
#[derive(Serialize)]
struct Json<'a> {
    command: &'static str,
    producer: &'static str,
    device: Option<&'a str>,
    memory: String,
    memory_reason: Option<&'a str>,
    input: &'a str,
    output: Option<&'a str>,
    slots: u64,
    mode: &'static str,
    wait: &'static str,
    messages: u64,
    bytes: u64,
    seconds: f64,
    bytes_per_second: f64,
    messages_per_second: f64,
    ring_full_waits: u64,
    highest_fill_slots: Option<u64>,
    checksum_algorithm: &'static str,
    checksum_sent: String,
    checksum_received: String,
    identical: bool,
}
