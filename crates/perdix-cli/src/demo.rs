//! `perdix demo`: a ring at work, every byte checked.

use std::time::{Duration, Instant};

use clap::Args;
use serde::Serialize;

use crate::args::{self, RingArgs, mode_name, wait_name};
use crate::error::Error;
use crate::pattern::Wrong;
use crate::producer::{self, Ends, Opened, Producing, SenderArgs, Setup, Until};
use crate::progress::Progress;
use crate::receive::{PatternSink, receive};
use crate::report::{self, Table, To, byte_rate, grouped, message_rate, per_second};
use crate::stop::Stop;
use crate::transfer::{self, Transfer};

/// Sends generated messages through a ring for a few seconds, and checks the order and every byte.
#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// How long, in seconds
    #[arg(long, value_name = "N", default_value = "3", value_parser = args::seconds)]
    seconds: Duration,
    /// Bytes of each message, 0 to 240
    #[arg(long, value_name = "BYTES", default_value = "240", value_parser = args::size)]
    size: usize,
    #[command(flatten)]
    sender: SenderArgs,
    #[command(flatten)]
    ring: RingArgs,
    /// Report one JSON object instead of a table
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(crate) fn run(args: &DemoArgs) -> Result<(), Error> {
    match producer::open(&args.sender, &args.ring)? {
        Opened::Cpu(ends) => show(args, ends),
        #[cfg(feature = "cuda")]
        Opened::Gpu(ends) => show(args, ends),
    }
}

fn show<P: Producing>(args: &DemoArgs, ends: Ends<P>) -> Result<(), Error> {
    let Ends { producer, consumer, counters, setup } = ends;
    let stop = Stop::on_ctrl_c()?;
    let (size, until) = (args.size, Until::Time(Instant::now() + args.seconds));
    let progress = Progress::spinner(true);
    let mut rate = LiveRate::default();
    let transfer = transfer::run(
        &counters,
        &stop,
        move |stop| producer.send_pattern(size, until, stop),
        move |stop| {
            let mut sink = PatternSink::new(P::expected(size), 0);
            receive(consumer, &mut sink, stop)?;
            Ok(sink.received())
        },
        |now| rate.show(&progress, now.received, now.received_bytes),
    );
    drop(progress);
    let transfer = transfer?;
    let (sent, received) = (transfer.sent, transfer.received);
    if sent != received {
        return Err(
            Wrong { number: received, what: format!("did not arrive, though {sent} were sent") }.into()
        );
    }
    if args.json {
        To::Stdout.json(&json(args, &setup, &transfer))
    } else {
        To::Stdout.print(&table(args, &setup, &transfer).text())
    }
}

/// The rate over the last fraction of a second.
#[derive(Debug, Default)]
struct LiveRate {
    last: Option<(Instant, u64, u64)>,
}

impl LiveRate {
    const EVERY: Duration = Duration::from_millis(250);

    fn show(&mut self, progress: &Progress, messages: u64, bytes: u64) {
        let now = Instant::now();
        let (since, messages_then, bytes_then) = *self.last.get_or_insert((now, messages, bytes));
        let seconds = now.duration_since(since).as_secs_f64();
        if seconds < Self::EVERY.as_secs_f64() {
            return;
        }
        let messages_now = message_rate(per_second(messages - messages_then, seconds));
        let bytes_now = byte_rate(per_second(bytes - bytes_then, seconds));
        progress.say(format!("{} messages, {messages_now}, {bytes_now}", grouped(messages)));
        self.last = Some((now, messages, bytes));
    }
}

fn table(args: &DemoArgs, setup: &Setup, transfer: &Transfer<u64, u64>) -> Table {
    let Transfer { received, seconds, counters, .. } = transfer;
    let RingArgs { slots, mode, wait } = args.ring;
    let (mode, wait) = (mode_name(mode.into()), wait_name(wait));
    let bytes = byte_rate(per_second(counters.received_bytes, *seconds));
    let messages = message_rate(per_second(*received, *seconds));
    Table::default()
        .row("producer", setup.producer_text())
        .row("ring", format_args!("{slots} slots, {mode}, {wait}"))
        .row("memory", setup.memory_text())
        .row("messages", format_args!("{} of {} bytes", grouped(*received), args.size))
        .row("bytes", grouped(counters.received_bytes))
        .row("seconds", format_args!("{seconds:.3}"))
        .row("rate", format_args!("{bytes}, {messages}"))
        .row("ring-full waits", grouped(counters.full))
        .row("highest fill", report::fill(setup, counters))
        .row("verified", "every message, its order and every byte")
}

fn json<'a>(args: &DemoArgs, setup: &'a Setup, transfer: &Transfer<u64, u64>) -> Json<'a> {
    let Transfer { received, seconds, counters, .. } = transfer;
    Json {
        command: "demo",
        producer: setup.producer,
        device: setup.device.as_deref(),
        memory: setup.memory.to_string(),
        memory_reason: setup.reason.as_deref(),
        slots: counters.capacity,
        mode: mode_name(args.ring.mode.into()),
        wait: wait_name(args.ring.wait),
        message_bytes: args.size,
        messages: *received,
        bytes: counters.received_bytes,
        seconds: *seconds,
        bytes_per_second: per_second(counters.received_bytes, *seconds),
        messages_per_second: per_second(*received, *seconds),
        ring_full_waits: counters.full,
        highest_fill_slots: setup.knows_fill().then_some(counters.highest_fill),
        // Anything else is an error and prints no report.
        verified: true,
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
    slots: u64,
    mode: &'static str,
    wait: &'static str,
    message_bytes: usize,
    messages: u64,
    bytes: u64,
    seconds: f64,
    bytes_per_second: f64,
    messages_per_second: f64,
    ring_full_waits: u64,
    highest_fill_slots: Option<u64>,
    verified: bool,
}
