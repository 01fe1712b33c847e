//! `perdix rings`: what rings there are in this user's shared memory.

use std::fmt;
use std::path::{Path, PathBuf};

use clap::Args;
use perdix_host::process::{Directory, Holder, Listed, RingState};
use serde::Serialize;

use crate::error::Error;
use crate::report::{To, grouped};

/// What `--directory` means.
pub(crate) const WHERE: &str =
    "Where the rings are, if not in $PERDIX_DIR, $XDG_RUNTIME_DIR/perdix or /dev/shm/perdix-UID";

/// Lists the rings with a name that processes of this user share, who is at either end, and what has passed through.
#[derive(Debug, Args)]
pub(crate) struct RingsArgs {
    /// Remove the rings that no process has open, with all that is left unread in them
    #[arg(long)]
    clean: bool,
    #[arg(long, value_name = "DIR", help = WHERE)]
    directory: Option<PathBuf>,
    /// Report one JSON object instead of a table
    #[arg(long)]
    json: bool,
}

/// What was found; the field names in JSON are stable.
#[derive(Debug, Serialize)]
struct Report {
    command: &'static str,
    /// Where they were looked for.
    directory: String,
    rings: Vec<Ring<State>>,
    /// Names of the rings that were removed, which are not among the others.
    removed: Vec<String>,
}

/// One ring of a report, with what `S` tells of it.
#[derive(Debug, Serialize)]
pub(crate) struct Ring<S> {
    pub(crate) name: String,
    pub(crate) bytes: u64,
    pub(crate) in_use: bool,
    /// Why this build cannot read the ring; then there is no state.
    pub(crate) unreadable: Option<String>,
    #[serde(flatten)]
    pub(crate) state: Option<S>,
}

#[derive(Debug, Serialize)]
struct State {
    slots: u64,
    mode: String,
    producer: Role,
    /// Kernels produce.
    device: bool,
    consumer: Role,
    ended: bool,
    sent: u64,
    received: u64,
    dropped: u64,
}

/// Who has a role.
#[derive(Debug, Serialize)]
pub(crate) struct Role {
    /// `none`, `here` or `gone`.
    state: &'static str,
    process: Option<u32>,
}

/// Where to look for rings.
pub(crate) struct Places(Vec<Directory>);

impl Places {
    /// The directory that was asked for, or all that this user's rings may be in.
    pub(crate) fn new(asked: Option<&Path>) -> Result<Self, Error> {
        Ok(Self(match asked {
            Some(path) => vec![Directory::at(path)?],
            None => Directory::all_of_user()?,
        }))
    }

    /// All rings, in the order of their names.
    pub(crate) fn list(&self) -> Result<Vec<Listed>, Error> {
        let mut rings = Vec::new();
        for directory in &self.0 {
            rings.extend(directory.list()?);
        }
        rings.sort_by(|a: &Listed, b| a.name.cmp(&b.name));
        Ok(rings)
    }

    fn cleanup(&self) -> Result<Vec<String>, Error> {
        let mut removed = Vec::new();
        for directory in &self.0 {
            removed.extend(directory.cleanup()?);
        }
        Ok(removed)
    }
}

impl fmt::Display for Places {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let paths: Vec<_> = self.0.iter().map(|place| place.path().display().to_string()).collect();
        f.write_str(&paths.join(" or "))
    }
}

/// Runs the command.
pub(crate) fn run(args: &RingsArgs) -> Result<(), Error> {
    let places = Places::new(args.directory.as_deref())?;
    let removed = if args.clean { places.cleanup()? } else { Vec::new() };
    let rings = places.list()?.into_iter().map(Ring::from).collect();
    let report = Report { command: "rings", directory: places.to_string(), rings, removed };
    if args.json { To::Stdout.json(&report) } else { To::Stdout.print(&report.text()) }
}

impl Report {
    fn text(&self) -> String {
        let mut lines: Vec<String> = self.removed.iter().map(|name| format!("removed {name}")).collect();
        if self.rings.is_empty() {
            lines.push(format!("no rings in {}", self.directory));
        }
        let width = self.rings.iter().map(|ring| ring.name.len()).max().unwrap_or(0);
        lines.extend(self.rings.iter().map(|ring| format!("{:width$}  {}", ring.name, ring.text())));
        lines.join("\n")
    }
}

impl Ring<State> {
    fn text(&self) -> String {
        let Some(state) = &self.state else {
            return format!(
                "{} bytes: {}",
                grouped(self.bytes),
                self.unreadable.as_deref().unwrap_or("unreadable")
            );
        };
        let State { slots, mode, producer, device, consumer, ended, sent, received, dropped } = state;
        let open = if self.in_use { "" } else { ", nobody has it open" };
        let kernels = if *device { " (kernels)" } else { "" };
        let ended = if *ended { ", stream ended" } else { "" };
        format!(
            "{} slots, {mode}; producer {}{kernels}, consumer {}; {} sent, {} received, {} dropped{ended}{open}",
            grouped(*slots),
            producer.text(),
            consumer.text(),
            grouped(*sent),
            grouped(*received),
            grouped(*dropped),
        )
    }
}

impl Role {
    fn text(&self) -> String {
        match self.process {
            Some(process) if self.state == "here" => format!("process {process}"),
            Some(process) => format!("gone (process {process})"),
            None => "none yet".into(),
        }
    }
}

impl From<Listed> for Ring<State> {
    fn from(ring: Listed) -> Self {
        let unreadable = ring.ring.as_ref().err().map(ToString::to_string);
        let state = ring.ring.ok().map(State::from);
        Self { name: ring.name, bytes: ring.bytes, in_use: ring.in_use, unreadable, state }
    }
}

impl From<RingState> for State {
    fn from(state: RingState) -> Self {
        Self {
            slots: state.capacity,
            mode: state.mode.to_string(),
            producer: state.producer.into(),
            device: state.device,
            consumer: state.consumer.into(),
            ended: state.ended,
            sent: state.counters.sent,
            received: state.counters.received,
            dropped: state.counters.dropped,
        }
    }
}

impl From<Holder> for Role {
    fn from(holder: Holder) -> Self {
        match holder {
            Holder::None => Self { state: "none", process: None },
            Holder::Here(process) => Self { state: "here", process: Some(process) },
            Holder::Gone(process) => Self { state: "gone", process: Some(process) },
        }
    }
}
