//! One consumer, several rings: on each GPU of the machine its own, at least two.
//!
//! The kernels share the work of counting primes; whoever is done sends.

use std::process::ExitCode;

use clap::Parser;
use perdix_host::ShardedConsumer;
use tour::{Outcome, Stage, start, wrong};
use tour_kernels::{Count, PIECE};

/// Count primes on all GPUs
#[derive(Debug, Parser)]
struct Arguments {
    /// Up to which number; 30 million on a GPU, 60 000 on emulated lanes unless set
    #[arg(value_parser = clap::value_parser!(u64).range(1..=1_000_000_000))]
    end: Option<u64>,
}

fn main() -> ExitCode {
    tour::exit(count(&Arguments::parse()))
}

fn count(arguments: &Arguments) -> Outcome {
    let stages = Stage::open_all()?;
    let fast = stages.iter().all(Stage::is_fast);
    let pieces = arguments.end.unwrap_or(if fast { 30_000_000 } else { 60_000 }).div_ceil(PIECE);
    let (blocks, threads) = if fast { (64, 128) } else { (1, 64) };
    let rings = stages.len().max(2);
    let (mut kernels, mut consumers) = (Vec::new(), Vec::new());
    for (ring, stage) in stages.iter().cycle().take(rings).enumerate() {
        let (producer, consumer) = stage.ring(1024)?;
        let (first, stride) = (ring as u64, rings as u64);
        kernels.push(start!(stage, producer, primes[blocks, threads](first, stride, pieces)));
        consumers.push(consumer);
    }

    let mut consumer = ShardedConsumer::new(consumers);
    let mut counts = vec![None; pieces as usize];
    let (mut from, mut spoilt) = (vec![0_u64; rings], 0);
    consumer.for_each(|ring, message| {
        let count = Count::read(message.bytes());
        match count.and_then(|count| Some((counts.get_mut(count.piece as usize)?, count.primes))) {
            Some((place @ None, primes)) => *place = Some(primes),
            _ => spoilt += 1,
        }
        from[ring] += 1;
    })?;
    kernels.into_iter().try_for_each(tour::Running::wait)?;

    let expected = sieve(pieces * PIECE);
    let total: u64 = counts.iter().flatten().sum();
    for (ring, messages) in from.iter().enumerate() {
        println!("ring {ring} of {} GPUs: {messages} messages", stages.len());
    }
    if spoilt > 0 || counts.contains(&None) || total != expected {
        return Err(wrong(format!(
            "{total} primes instead of {expected}, {spoilt} messages spoilt or repeated"
        )));
    }
    println!("{total} primes below {}: as the sieve says", pieces * PIECE);
    Ok(())
}

/// The answer by other means: how many primes there are below `end`, by the sieve of Eratosthenes.
fn sieve(end: u64) -> u64 {
    let mut composite = vec![false; end as usize];
    let mut primes = 0;
    for number in 2..end as usize {
        if !composite[number] {
            primes += 1;
            composite
                .iter_mut()
                .skip(number * number)
                .step_by(number)
                .for_each(|composite| *composite = true);
        }
    }
    primes
}
