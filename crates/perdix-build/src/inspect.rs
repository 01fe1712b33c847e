//! Reads PTX for what would not load, or would silently break a ring that the host shares.
//!
//! Refused are:
//! - functions and variables that are declared but nowhere defined: the driver would not load the PTX;
//! - non-coherent loads (`ld.global.nc`): the compiler chooses them for a `&T` kernel parameter, and they may
//!   return what the memory held long ago. Loads from the PTX's own constants (look-up tables) pass;
//! - read-modify-writes that reach the host (`.sys`): no word of a ring may be updated by both sides, and not every
//!   link carries them. Compare-exchange is the exception, because the compiler gives it the order that was asked;
//! - from `sm_70` on, read-modify-writes that name no scope. LLVM 22 writes every `fetch_add`, `swap` and `fetch_max` that
//!   way and drops the order that the source asked for, so nothing in the PTX tells a harmless Relaxed counter from a
//!   broken Release. Write `atom.relaxed.gpu...` as inline assembly (`perdix-gpu` does), or set
//!   [`Policy::allow_unscoped_atomics`] when every one of them is Relaxed and on device memory.

mod constants;
mod scan;

use std::fmt;

use constants::Constants;
use scan::{Declaration, Statement};

/// What [`inspect_with`] lets pass.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// Accept read-modify-writes without a scope. They are relaxed and reach the GPU only, whatever the source says.
    pub allow_unscoped_atomics: bool,
}

/// What a PTX file holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The PTX version, as in `6.3`.
    pub version: String,
    /// The number of the architecture it is for: 70 for `sm_70`.
    pub target: u32,
    /// The kernels that a host can launch, in the file's order.
    pub kernels: Vec<String>,
    /// The other functions that are defined.
    pub functions: Vec<String>,
}

/// Why PTX is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InspectError {
    /// The text is not PTX.
    #[error(
        "this is no PTX: it has no `.version` or no `.target sm_...` line. Give the file that the compiler wrote"
    )]
    NotPtx,
    /// Nothing in it can be launched.
    #[error("no kernel is in it: mark one `#[unsafe(no_mangle)] pub unsafe extern \"ptx-kernel\" fn`")]
    NoKernels,
    /// Something in it would not load or would break the protocol.
    #[error("{}", list(.0))]
    Refused(Vec<Finding>),
}

/// One reason to refuse PTX.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The line, from 1.
    pub line: usize,
    /// The function it is in; empty outside of functions.
    pub function: String,
    /// The instruction or declaration.
    pub text: String,
    /// What is wrong with it.
    pub fault: Fault,
}

/// What is wrong with a line of PTX.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// Declared, but not defined.
    Unresolved,
    /// A load that may return a stale value.
    NonCoherentLoad,
    /// A read-modify-write that the host can see.
    SystemAtomic,
    /// A read-modify-write that has no scope and may have lost its order.
    UnscopedAtomic,
}

impl Fault {
    const fn explain(self) -> &'static str {
        match self {
            Self::Unresolved => {
                "is not defined, and a driver would not load this: enable the feature or add the crate that defines it, or \
                 remove the call"
            }
            Self::NonCoherentLoad => {
                "may return a stale value: take a raw pointer or `&AtomicU64` instead of `&T` as kernel parameter"
            }
            Self::SystemAtomic => {
                "updates memory together with the host: give each side a word of its own, and use `.gpu` scope on device memory"
            }
            Self::UnscopedAtomic => {
                "is relaxed and reaches this GPU only, whatever order the source asks: use `atom.relaxed.gpu` (in perdix-gpu) \
                 or a compare-exchange, or allow it with `Policy::allow_unscoped_atomics`"
            }
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}", self.line)?;
        if !self.function.is_empty() {
            write!(f, ", in {}", self.function)?;
        }
        write!(f, ": `{}` {}", self.text, self.fault.explain())
    }
}

fn list(findings: &[Finding]) -> String {
    findings.iter().map(Finding::to_string).collect::<Vec<_>>().join("\n")
}

/// Inspects PTX by the default [`Policy`].
///
/// # Errors
/// [`InspectError`], with every finding, its line and its remedy.
pub fn inspect(ptx: &str) -> Result<Report, InspectError> {
    inspect_with(ptx, Policy::default())
}

/// Inspects PTX.
///
/// # Errors
/// [`InspectError`], with every finding, its line and its remedy.
pub fn inspect_with(ptx: &str, policy: Policy) -> Result<Report, InspectError> {
    let mut report = Report { version: String::new(), target: 0, kernels: Vec::new(), functions: Vec::new() };
    let mut function = String::new();
    let mut declared: Vec<(usize, String)> = Vec::new();
    let mut constants = Constants::default();
    let mut findings = Vec::new();

    for (line, statement) in scan::statements(ptx) {
        match statement {
            Statement::Version(version) => report.version = version.to_owned(),
            Statement::Target(number) => report.target = number,
            Statement::Declaration(Declaration::Kernel(name)) => {
                report.kernels.push(name.to_owned());
                name.clone_into(&mut function);
                constants.enter_function();
            }
            Statement::Declaration(Declaration::Function(name)) => {
                report.functions.push(name.to_owned());
                name.clone_into(&mut function);
                constants.enter_function();
            }
            Statement::Declaration(Declaration::Variable(name)) => constants.add(name),
            Statement::Declaration(Declaration::Extern(name)) => declared.push((line, name.to_owned())),
            Statement::Instruction(text) => {
                let opcode = opcode(text);
                constants.follow(opcode, text);
                let fault = judge(opcode, report.target, policy);
                let is_harmless = fault == Some(Fault::NonCoherentLoad) && constants.covers(text);
                if let Some(fault) = fault.filter(|_| !is_harmless) {
                    findings.push(Finding {
                        line,
                        function: function.clone(),
                        text: text.replace('\t', ""),
                        fault,
                    });
                }
            }
        }
    }
    if report.version.is_empty() || report.target == 0 {
        return Err(InspectError::NotPtx);
    }
    declared
        .retain(|(_, name)| !is_provided(name) && !report.functions.contains(name) && !constants.has(name));
    findings.extend(declared.into_iter().map(|(line, text)| Finding {
        line,
        function: String::new(),
        text,
        fault: Fault::Unresolved,
    }));
    findings.sort_by_key(|finding| finding.line);
    if !findings.is_empty() {
        return Err(InspectError::Refused(findings));
    }
    if report.kernels.is_empty() {
        return Err(InspectError::NoKernels);
    }
    report.functions.dedup();
    Ok(report)
}

/// The functions that the driver itself defines.
fn is_provided(name: &str) -> bool {
    matches!(name, "vprintf" | "malloc" | "free" | "__assertfail")
}

fn opcode(text: &str) -> &str {
    let text = if text.starts_with('@') {
        text.split_once(char::is_whitespace).map_or("", |(_, rest)| rest)
    } else {
        text
    };
    text.split_whitespace().next().unwrap_or_default()
}

fn judge(opcode: &str, target: u32, policy: Policy) -> Option<Fault> {
    let mut parts = opcode.split('.');
    let operation = parts.next()?;
    let has = |wanted: &str| opcode.split('.').any(|part| part == wanted);
    match operation {
        "ld" if has("nc") => Some(Fault::NonCoherentLoad),
        // Shared memory belongs to one block: its scope does not matter.
        "atom" | "red" if has("cas") || has("shared") || has("shared::cta") => None,
        "atom" | "red" if has("sys") => Some(Fault::SystemAtomic),
        "atom" | "red" if has("gpu") || has("cta") || has("cluster") => None,
        // Older PTX cannot say `.relaxed`, so there a bare read-modify-write is the only form there is.
        "atom" | "red" if target >= 70 && !policy.allow_unscoped_atomics => Some(Fault::UnscopedAtomic),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
