//! `perdix demo`: a ring at work, every byte checked.

use std::time::{Duration, Instant};

use clap::Args;
use serde::Serialize;

use crate::args::{self, RingArgs, mode_name, wait_name};
use crate::error::Error;
use crate::pattern::{Pattern, Wrong};
use crate::producer::{CpuProducer, Producing, Until};
use crate::progress::Progress;
use crate::receive::{PatternSink, receive};
use crate::report::{Table, To, byte_rate, grouped, message_rate, per_second};
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
    ring: RingArgs,
    /// Report one JSON object instead of a table
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(crate) fn run(args: &DemoArgs) -> Result<(), Error> {
    let buffer = args.ring.build()?;
    let counters = buffer.counters();
    let (producer, consumer) = buffer.split();
    let stop = Stop::on_ctrl_c()?;
    let pattern = Pattern { size: args.size };
    let until = Until::Time(Instant::now() + args.seconds);
    let progress = Progress::spinner(true);
    let mut rate = LiveRate::default();
    let transfer = transfer::run(
        &counters,
        &stop,
        move |stop| CpuProducer(producer).send_pattern(pattern, until, stop),
        move |stop| {
            let mut sink = PatternSink::new(pattern, 0);
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
        To::Stdout.json(&json(args, &transfer))
    } else {
        To::Stdout.print(&table(args, &transfer).text())
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

fn table(args: &DemoArgs, transfer: &Transfer<u64, u64>) -> Table {
    let Transfer { received, seconds, counters, .. } = transfer;
    let RingArgs { slots, mode, wait } = args.ring;
    let (mode, wait, producer) = (mode_name(mode.into()), wait_name(wait), CpuProducer::NAME);
    let bytes = byte_rate(per_second(counters.received_bytes, *seconds));
    let messages = message_rate(per_second(*received, *seconds));
    Table::default()
        .row("ring", format_args!("{slots} slots, {mode}, {wait}, {producer} producer"))
        .row("messages", format_args!("{} of {} bytes", grouped(*received), args.size))
        .row("bytes", grouped(counters.received_bytes))
        .row("seconds", format_args!("{seconds:.3}"))
        .row("rate", format_args!("{bytes}, {messages}"))
        .row("ring-full waits", grouped(counters.full))
        .row("highest fill", format_args!("{} of {} slots", counters.highest_fill, counters.capacity))
        .row("verified", "every message, its order and every byte")
}

fn json(args: &DemoArgs, transfer: &Transfer<u64, u64>) -> Json {
    let Transfer { received, seconds, counters, .. } = transfer;
    Json {
        command: "demo",
        producer: CpuProducer::NAME,
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
        highest_fill_slots: counters.highest_fill,
        // Anything else is an error and prints no report.
        verified: true,
    }
}

/// The JSON report; its field names are stable.
#[derive(Serialize)]
struct Json {
    command: &'static str,
    producer: &'static str,
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
    highest_fill_slots: u64,
    verified: bool,
}
