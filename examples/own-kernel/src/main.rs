//! Twin primes, found by a kernel of this program and counted while it runs.
//!
//! `cargo run` runs the kernel on emulated lanes; `cargo run --release --features cuda` on a GPU. An argument says up to which
//! number to look; `--ptx` prints the kernel as it was compiled.

mod run;
mod sieve;

use std::env;
use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;

use twin_primes::Found;

/// What the build script has made of the kernel crate.
const PTX: &str = include_str!(env!("PERDIX_PTX_TWIN_PRIMES"));

fn main() -> ExitCode {
    match look() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn look() -> Result<(), Box<dyn Error>> {
    let end = match env::args().nth(1).as_deref() {
        Some("--ptx") => return Ok(io::stdout().write_all(PTX.as_bytes())?),
        Some(number) => up_to(number)?,
        None => run::END,
    };
    let mut tally = Tally::default();
    run::twin_primes(end, |message| tally.add(message))?;
    tally.check(end)
}

fn up_to(number: &str) -> Result<u64, String> {
    let parsed = number.parse().ok().filter(|number| *number <= run::MOST);
    parsed.ok_or_else(|| format!("`{number}` is no number from 0 to {}", run::MOST))
}

/// What has arrived so far.
#[derive(Debug, Default)]
struct Tally {
    messages: u64,
    spoilt: u64,
    primes: Vec<u64>,
}

impl Tally {
    fn add(&mut self, message: &[u8]) {
        self.messages += 1;
        match Found::read(message) {
            Some(found) => self.primes.extend(found.primes()),
            None => self.spoilt += 1,
        }
    }

    /// Compares with the primes of a sieve, which has nothing in common with the kernel.
    fn check(mut self, end: u64) -> Result<(), Box<dyn Error>> {
        // Warps send when they have found something, so the order is theirs.
        self.primes.sort_unstable();
        let expected = sieve::twins_below(end);
        if self.spoilt > 0 || self.primes != expected {
            let (count, wanted, spoilt) = (self.primes.len(), expected.len(), self.spoilt);
            return Err(format!("{count} pairs arrived instead of {wanted}, {spoilt} messages spoilt").into());
        }
        let last = self.primes.last().map_or(0, |prime| prime + 2);
        println!(
            "{} pairs of twin primes below {end} in {} messages, the last one up to {last}: as the sieve says",
            self.primes.len(),
            self.messages
        );
        Ok(())
    }
}
