//! CPU to CPU, beside `rtrb`: 240-byte messages copied in one by one and read whole, and their round trip.
//!
//! A machine that drifts makes separate runs incomparable, so every sample runs both queues in turn, in short slices; the
//! median of the samples' ratios is printed after each group. Run with `cargo bench --package perdix-benches`.
#![allow(missing_docs, clippy::unwrap_used)] // a benchmark, not a library: a failure may stop it

mod queues;

use std::cell::RefCell;
use std::time::Duration;

use criterion::{
    BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main, measurement::WallTime,
};
use queues::{PerdixQueue, RtrbQueue, find_cores, round_trip, stream};

/// Messages of one slice: some milliseconds, so that both queues meet the same weather.
const SLICE: u64 = 100_000;
const ROUND_TRIPS: u64 = 10_000;

type Run = fn(u64) -> Duration;

fn compare(criterion: &mut Criterion, name: &str, slice: u64, perdix: Run, rival: Run) {
    find_cores();
    let ratios = RefCell::new(Vec::new());
    let mut group = criterion.benchmark_group(name);
    group.sample_size(20).warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(6));
    group.throughput(Throughput::Elements(slice));
    interleaved(&mut group, "perdix", slice, (perdix, rival), |own, other| {
        ratios.borrow_mut().push(other.as_secs_f64() / own.as_secs_f64());
    });
    interleaved(&mut group, "rtrb", slice, (rival, perdix), |own, other| {
        ratios.borrow_mut().push(own.as_secs_f64() / other.as_secs_f64());
    });
    group.finish();
    let mut ratios = ratios.into_inner();
    ratios.sort_by(f64::total_cmp);
    let median = ratios[ratios.len() / 2];
    println!(
        "{name}: Perdix takes 1/{median:.2} of rtrb's time (median of {} interleaved samples)\n",
        ratios.len()
    );
}

/// Runs both queues slice by slice and reports the first one's time; `note` gets both.
fn interleaved(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    slice: u64,
    (own, other): (Run, Run),
    note: impl Fn(Duration, Duration),
) {
    group.bench_function(name, |bencher| {
        bencher.iter_custom(|slices| {
            let (mut mine, mut theirs) = (Duration::ZERO, Duration::ZERO);
            for turn in 0..slices {
                if turn % 2 == 0 {
                    mine += own(slice);
                    theirs += other(slice);
                } else {
                    theirs += other(slice);
                    mine += own(slice);
                }
            }
            note(mine, theirs);
            mine
        });
    });
}

fn throughput(criterion: &mut Criterion) {
    compare(criterion, "240-byte messages one by one", SLICE, stream::<PerdixQueue>, stream::<RtrbQueue>);
}

fn latency(criterion: &mut Criterion) {
    compare(
        criterion,
        "240-byte round trip",
        ROUND_TRIPS,
        round_trip::<PerdixQueue>,
        round_trip::<RtrbQueue>,
    );
}

criterion_group!(benches, throughput, latency);
criterion_main!(benches);
