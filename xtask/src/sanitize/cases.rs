//! Which tests run under which tool.

use super::Tool::{self, Address, Memcheck, Thread};

/// Some tests of a package.
#[derive(Clone, Copy, Debug)]
pub(super) struct Case {
    pub(super) package: &'static str,
    /// The test programs.
    pub(super) tests: &'static [&'static str],
    /// Arguments for each of them: parts of names, and others.
    pub(super) arguments: &'static [&'static str],
    tools: &'static [Tool],
    /// Whether they are part of the short form.
    short: bool,
}

/// All cases. What loom explores is left out: it schedules its threads itself. The short form keeps to
/// the host crate, which runs the others' code: they are built with the fuzz targets under AddressSanitizer too.
pub(super) const CASES: [Case; 9] = [
    Case {
        package: "perdix-core",
        tests: &["attach", "batches", "hostile", "model", "safe_api", "threads", "unordered"],
        arguments: &[],
        tools: &[Address],
        short: false,
    },
    Case {
        package: "perdix-core",
        tests: &["safe_api", "threads"],
        arguments: &[],
        tools: &[Thread],
        short: false,
    },
    Case {
        package: "perdix-core",
        tests: &["attach", "batches"],
        arguments: &[],
        tools: &[Memcheck],
        short: false,
    },
    Case {
        package: "perdix-gpu",
        tests: &["lanes", "safe_api"],
        arguments: &[],
        tools: &[Address],
        short: false,
    },
    Case {
        package: "perdix-host",
        tests: &["api", "large", "memory", "records", "safe_api"],
        arguments: &[],
        tools: &[Address],
        short: true,
    },
    Case {
        package: "perdix-host",
        tests: &["forgotten", "model", "shards", "threads"],
        arguments: &[],
        tools: &[Address],
        short: false,
    },
    Case {
        package: "perdix-host",
        tests: &["api", "large", "safe_api", "shards", "threads"],
        arguments: &["--skip", "the_end_never", "--skip", "ten_million"],
        tools: &[Thread],
        short: true,
    },
    Case {
        package: "perdix-host",
        tests: &["threads"],
        arguments: &["the_end_never", "ten_million"],
        tools: &[Thread],
        short: false,
    },
    Case {
        package: "perdix-host",
        tests: &["api"],
        arguments: &["--test-threads=1"],
        tools: &[Memcheck],
        short: true,
    },
];

impl Case {
    pub(super) fn is_for(&self, tool: Tool, short: bool) -> bool {
        self.tools.contains(&tool) && (self.short || !short)
    }

    pub(super) fn title(&self) -> String {
        let some = if self.arguments.is_empty() { "" } else { ", some" };
        format!("{}: {}{some}", self.package, self.tests.join(", "))
    }
}
