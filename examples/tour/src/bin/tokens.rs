//! A persistent kernel that emits tokens at intervals: they are read as they come, long before the kernel ends.
//!
//! The model is small: it continues a text with words that follow each other in a file.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use tour::{Outcome, Stage, start, wrong};
use tour_kernels::Corpus;

/// Let a kernel write a text, word by word
#[derive(Debug, Parser)]
struct Arguments {
    /// The text to learn from
    file: PathBuf,
    /// Words to write
    #[arg(long, default_value_t = 50)]
    count: u64,
    /// Milliseconds between two words
    #[arg(long, default_value_t = 20)]
    interval: u32,
    /// Which text
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

fn main() -> ExitCode {
    tour::exit(tokens(&Arguments::parse()))
}

fn tokens(arguments: &Arguments) -> Outcome {
    let text = fs::read_to_string(&arguments.file)
        .map_err(|error| format!("{}: {error}", arguments.file.display()))?;
    let model = Model::learn(&text).ok_or("there must be two words at least to learn from")?;
    let stage = Stage::open()?;
    let (words, places, starts) =
        (stage.upload(&model.words)?, stage.upload(&model.places)?, stage.upload(&model.starts)?);
    let corpus = Corpus { words: words.span(), places: places.span(), starts: starts.span() };
    let (producer, mut consumer) = stage.ring(64)?;
    let (seed, count, interval) =
        (arguments.seed, arguments.count, 1_000_000 * u64::from(arguments.interval));
    let begun = Instant::now();
    let kernel = start!(stage, producer, tokens[1, 1](corpus, 0_u32, seed, count, interval));

    let mut written = Vec::new();
    let mut first = None;
    let mut trouble = None;
    consumer.for_each(|message| {
        // The host's clock, as the message is here.
        first.get_or_insert_with(|| begun.elapsed());
        match message.get(..4).and_then(|bytes| bytes.try_into().ok()).map(u32::from_le_bytes) {
            Some(word) => {
                written.push(word);
                print!("{} ", model.names.get(word as usize).copied().unwrap_or("?"));
                trouble = io::stdout().flush().err();
            }
            None => trouble = Some(io::Error::other("a message is too short for a token")),
        }
    })?;
    println!();
    let whole = begun.elapsed();
    kernel.wait()?;
    if let Some(error) = trouble {
        return Err(error.into());
    }
    if written != model.continue_text(0, seed, count) {
        return Err(wrong("this is not the text that the model makes"));
    }
    report(&written, first, whole, interval)
}

/// Says when the tokens came, and whether they came live.
fn report(written: &[u32], first: Option<Duration>, whole: Duration, interval: u64) -> Outcome {
    let Some(first) = first else { return Err(wrong("no token came")) };
    println!(
        "{} tokens: the first after {first:.1?}, the last after {whole:.1?}; the text is the model's",
        written.len()
    );
    // What the kernel waits for between its first and its last token.
    let least = Duration::from_nanos(interval * (written.len() as u64 - 1));
    if whole - first < least / 2 {
        return Err(wrong(format!(
            "the kernel takes {least:.1?} from the first to the last: they did not come live"
        )));
    }
    Ok(())
}

/// What the words of a text are, and where they stand.
struct Model<'t> {
    names: Vec<&'t str>,
    words: Vec<u32>,
    places: Vec<u32>,
    starts: Vec<u32>,
}

impl<'t> Model<'t> {
    fn learn(text: &'t str) -> Option<Self> {
        let mut numbers: BTreeMap<&str, u32> = BTreeMap::new();
        let (mut names, mut words) = (Vec::new(), Vec::new());
        for word in text.split_whitespace() {
            let number = *numbers.entry(word).or_insert_with(|| {
                names.push(word);
                names.len() as u32 - 1
            });
            words.push(number);
        }
        let mut at = vec![Vec::new(); names.len()];
        // Nothing follows the last word.
        for (place, word) in words.iter().enumerate().take(words.len().checked_sub(1)?) {
            at[*word as usize].push(place as u32);
        }
        let mut starts = vec![0];
        for places in &at {
            starts.push(starts.last()? + places.len() as u32);
        }
        (words.len() > 1).then(|| Self { names, words, places: at.concat(), starts })
    }

    /// The answer by other means: the words that followed, looked up in the text itself.
    fn continue_text(&self, first: u32, seed: u64, count: u64) -> Vec<u32> {
        let (mut word, mut state, mut text) = (first, seed, Vec::new());
        for _ in 0..count {
            let followers: Vec<u32> =
                self.words.windows(2).filter(|pair| pair[0] == word).map(|pair| pair[1]).collect();
            if followers.is_empty() {
                break;
            }
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            word = followers[(state >> 33) as usize % followers.len()];
            text.push(word);
        }
        text
    }
}
