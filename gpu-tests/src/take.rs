//! Kernels take what a CPU sends, send it back, and answer requests.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use libtest_mimic::{Failed, Trial};
use perdix_host::cuda::{DeviceConsumer, DeviceProducer, Mapped, Service};
use perdix_host::{CallError, ConsumeError, Consumer, Disconnected, ProduceError, Producer, Wait};
use perdix_kernels::pattern::{ALL_LENGTHS, Pattern};
use perdix_kernels::take::{ANSWER, REASON_KIND};

use crate::setup::{Case, PATIENCE, gpu, kernels};

const MIXED: Pattern = Pattern { len: ALL_LENGTHS, sentinels: 1 };
const SHORT: Pattern = Pattern { len: 16, sentinels: 0 };
const FOR_EVER: u64 = u64::MAX;

/// The kernels that send back what they take, and the threads that each wants.
const RELAYS: [(&str, u32); 3] = [("relay_thread", 1), ("relay_warp", 32), ("relay_block", 256)];

pub(crate) fn add(case: Case, trials: &mut Vec<Trial>) {
    for (kernel, threads) in RELAYS {
        let relay = Relay { kernel, threads };
        let name = |what: &str| format!("to_gpu/{kernel}/{what}");
        trials.push(case.trial(&name("every_length"), move |case| {
            [(1, 500), (4, 2000), (1024, 20_000)]
                .into_iter()
                .try_for_each(|(slots, count)| relay.sent(case, slots, 0, count))
        }));
        trials.push(case.trial(&name("numbers_wrap"), move |case| {
            [u64::MAX - 200, u64::MAX / 2 - 200]
                .into_iter()
                .try_for_each(|first| relay.sent(case, 16, first, 500))
        }));
        trials.push(case.trial(&name("chained_kernels"), move |case| relay.chained(case)));
        trials.push(case.trial(&name("backpressure"), move |case| relay.backpressure(case)));
        trials.push(case.trial(&name("time_limit"), move |case| relay.time_limit(case)));
        trials.push(case.trial(&name("gaps"), move |case| relay.gaps(case)));
        trials.push(case.trial(&name("producer_gone"), move |case| relay.producer_gone(case)));
        trials.push(case.trial(&name("consumer_gone"), move |case| relay.consumer_gone(case)));
    }
    trials.push(case.trial("to_gpu/kernel_ends_without_finish", without_finish));
    trials.push(case.trial("to_gpu/cpu_goes_on", cpu_goes_on));
    trials.push(case.trial("to_gpu/one_ring_there_a_word_back", word_back));
    trials.push(case.trial("service/calls", |case| {
        [1, 2, 64].into_iter().try_for_each(|slots| calls(case, slots, 2000))
    }));
    trials.push(case.trial("service/pipelined", pipelined));
    trials.push(case.trial("service/chained_kernels", service_chained));
    trials.push(case.trial("service/kernel_has_ended", service_ended));
    trials.push(case.trial("service/dropped", service_dropped));
}

#[derive(Clone, Copy, Debug)]
struct Relay {
    kernel: &'static str,
    threads: u32,
}

impl Relay {
    /// Starts the kernel behind those before. What it sends goes to a ring whose host end is `output`.
    fn start(self, input: &DeviceConsumer<'_>, output: &DeviceProducer<'_>, count: u64) {
        let launch = kernels().launch(self.kernel).unwrap().block(self.threads);
        let launch = launch.arg(input).arg(output).arg(count);
        // SAFETY: the kernel's parameters, and these rings are its alone.
        unsafe { launch.start() }.unwrap();
    }

    /// Everything comes back, in order, and then the end.
    fn sent(self, case: Case, slots: usize, first: u64, count: u64) -> Result<(), Failed> {
        let (mut there, mut back) = (case.buffer_from(slots, first), case.buffer(1024));
        let (mut producer, input) = there.split_gpu_consumer().unwrap();
        let (output, mut consumer) = back.split_gpu().unwrap();
        self.start(&input, &output, FOR_EVER);
        std::thread::scope(|scope| {
            let sending = scope.spawn(move || {
                (0..count).try_for_each(|id| send(&mut producer, MIXED, id)).map(|()| producer.finish())
            });
            let outcome = check(&mut consumer, MIXED, 0..count).and_then(|()| reason(&mut consumer, [1, 0]));
            // Unblocks the sender if the kernel does not take what it sends.
            drop(consumer);
            sending.join().unwrap()?;
            outcome
        })?;
        input.wait(PATIENCE)?;
        let read = input.counters().read();
        if (read.sent, read.received) == (count, count) {
            Ok(())
        } else {
            Err(format!("counted {read:?}").into())
        }
    }

    /// Kernels one after the other in the same stream, each of which takes a part and pauses.
    fn chained(self, case: Case) -> Result<(), Failed> {
        let (mut there, mut back) = (case.buffer(64), case.buffer(256));
        let (mut producer, input) = there.split_gpu_consumer().unwrap();
        let (output, mut consumer) = back.split_gpu().unwrap();
        (0..8).for_each(|_| self.start(&input, &output, 100));
        self.start(&input, &output, FOR_EVER);
        for id in 0..1000 {
            send(&mut producer, MIXED, id)?;
            check(&mut consumer, MIXED, id..id + 1)?;
        }
        producer.finish();
        reason(&mut consumer, [1, 0])
    }

    /// The kernel cannot get rid of what it takes for a while, so the CPU's ring is full; nothing is lost.
    fn backpressure(self, case: Case) -> Result<(), Failed> {
        let (mut there, mut back) = (case.buffer(16), case.buffer(16));
        let (mut producer, input) = there.split_gpu_consumer().unwrap();
        let (output, mut consumer) = back.split_gpu().unwrap();
        self.start(&input, &output, FOR_EVER);
        let mut sent = 0;
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_millis(50) {
            match producer.message(&bytes(SHORT, sent)).kind(SHORT.kind(sent)).wait(Wait::No).send() {
                Ok(()) => sent += 1,
                Err(ProduceError::Full { .. }) => std::hint::spin_loop(),
                Err(error) => return Err(error.into()),
            }
        }
        if !(28..=33).contains(&sent) {
            return Err(format!("{sent} messages went into two rings of 16").into());
        }
        check(&mut consumer, SHORT, 0..sent)?;
        producer.finish();
        reason(&mut consumer, [1, 0])
    }

    /// The CPU sends no more: the kernel gives up in time, and says so.
    fn time_limit(self, case: Case) -> Result<(), Failed> {
        let (mut there, mut back) = (case.buffer(16), case.buffer(16));
        let (mut producer, mut input) = there.split_gpu_consumer().unwrap();
        let (output, mut consumer) = back.split_gpu().unwrap();
        input.set_limit(Duration::from_millis(50));
        send(&mut producer, SHORT, 0)?;
        let begun = Instant::now();
        self.start(&input, &output, FOR_EVER);
        check(&mut consumer, SHORT, 0..1)?;
        reason(&mut consumer, [4, 0])?;
        input.wait(PATIENCE)?;
        if producer.status().is_ok() {
            return Err("the kernel has ended, and the producer is not told".into());
        }
        match begun.elapsed() {
            time if time < Duration::from_millis(45) => Err(format!("it gave up after {time:?}").into()),
            _ => Ok(()),
        }
    }

    /// What the CPU dropped is told in its place.
    fn gaps(self, case: Case) -> Result<(), Failed> {
        let (mut there, mut back) = (case.buffer(4), case.buffer(16));
        let (mut producer, input) = there.split_gpu_consumer().unwrap();
        let (output, mut consumer) = back.split_gpu().unwrap();
        (0..4).try_for_each(|id| send(&mut producer, SHORT, id))?;
        for _ in 0..3 {
            producer.message(b"dropped").send_or_drop()?;
        }
        self.start(&input, &output, FOR_EVER);
        check(&mut consumer, SHORT, 0..4)?;
        send(&mut producer, SHORT, 4)?;
        says(&mut consumer, [3, 3])?;
        check(&mut consumer, SHORT, 4..5)?;
        producer.finish();
        reason(&mut consumer, [1, 0])
    }

    /// The producer's thread panics: the kernel is told, and ends.
    fn producer_gone(self, case: Case) -> Result<(), Failed> {
        let (mut there, mut back) = (case.buffer(16), case.buffer(16));
        let (mut producer, input) = there.split_gpu_consumer().unwrap();
        let (output, mut consumer) = back.split_gpu().unwrap();
        self.start(&input, &output, FOR_EVER);
        send(&mut producer, SHORT, 0)?;
        check(&mut consumer, SHORT, 0..1)?;
        let panicked = std::thread::scope(|scope| {
            scope
                .spawn(move || {
                    let _producer = producer;
                    // Without a backtrace.
                    std::panic::resume_unwind(Box::new("on purpose"))
                })
                .join()
        });
        if panicked.is_ok() {
            return Err("the thread did not panic".into());
        }
        reason(&mut consumer, [2, perdix_host::Fault::Panicked as u64])?;
        input.wait(PATIENCE).map_err(Into::into)
    }

    /// Nobody reads what comes back: the kernel ends, and the CPU that sends notices.
    fn consumer_gone(self, case: Case) -> Result<(), Failed> {
        let (mut there, mut back) = (case.buffer(16), case.buffer(16));
        let (mut producer, input) = there.split_gpu_consumer().unwrap();
        let (output, consumer) = back.split_gpu().unwrap();
        self.start(&input, &output, FOR_EVER);
        drop(consumer);
        match (0..1000).try_for_each(|id| send(&mut producer, SHORT, id)) {
            Err(error) if matches!(error.0, ProduceError::ConsumerGone) => {}
            other => return Err(format!("{other:?}").into()),
        }
        input.wait(PATIENCE)?;
        output.wait(PATIENCE).map_err(Into::into)
    }
}

/// Why a message was not sent.
#[derive(Debug)]
struct NotSent(ProduceError, u64);

impl std::fmt::Display for NotSent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "message {} was not sent: {}", self.1, self.0)
    }
}

fn bytes(pattern: Pattern, id: u64) -> Vec<u8> {
    let mut bytes: Vec<u8> = (0..30).flat_map(|i| pattern.word(id, i).to_le_bytes()).collect();
    bytes.truncate(pattern.len(id));
    bytes
}

fn send(producer: &mut Producer<'_>, pattern: Pattern, id: u64) -> Result<(), NotSent> {
    producer.message(&bytes(pattern, id)).kind(pattern.kind(id)).send().map_err(|error| NotSent(error, id))
}

fn check(consumer: &mut Consumer<'_>, pattern: Pattern, ids: std::ops::Range<u64>) -> Result<(), Failed> {
    for id in ids {
        let message = consumer.next(PATIENCE).map_err(|error| format!("message {id}: {error}"))?;
        if !pattern.matches(id, message.kind(), &message) {
            return Err(format!("message {id} is {:#x} {message:?}", message.kind()).into());
        }
    }
    Ok(())
}

/// The next message says why the kernel took none.
fn says(consumer: &mut Consumer<'_>, expected: [u64; 2]) -> Result<(), Failed> {
    let message = consumer.next(PATIENCE)?;
    let words = expected.map(u64::to_le_bytes).concat();
    if message.kind() == REASON_KIND && message[..] == words[..] {
        return Ok(());
    }
    Err(format!("not the reason {expected:?}: {:#x} {message:?}", message.kind()).into())
}

/// The last message says why the kernel stopped, and then the stream ends.
fn reason(consumer: &mut Consumer<'_>, expected: [u64; 2]) -> Result<(), Failed> {
    says(consumer, expected)?;
    match consumer.next(PATIENCE) {
        Err(ConsumeError::EndOfStream) => Ok(()),
        other => Err(format!("after the last message: {other:?}").into()),
    }
}

/// A kernel that takes nothing and says nothing: a producer that waits is told.
fn without_finish(case: Case) -> Result<(), Failed> {
    let (mut there, mut scratch) = (case.buffer(4), case.buffer(4));
    let (mut producer, input) = there.split_gpu_consumer().unwrap();
    let (other, _consumer) = scratch.split_gpu().unwrap();
    let launch = kernels().launch("send_thread").unwrap().attach(&input);
    let launch = launch.arg(&other).arg(SHORT).arg(0_u64).arg(1_u64);
    // SAFETY: the kernel's parameters; it uses the other ring alone.
    unsafe { launch.start() }.unwrap();
    match (0..5).try_for_each(|id| send(&mut producer, SHORT, id)) {
        Err(NotSent(ProduceError::ConsumerLost, 4)) => {}
        other => return Err(format!("{other:?}").into()),
    }
    match producer.status() {
        Err(Disconnected::Lost { why }) if why.contains("without finish") => Ok(()),
        other => Err(format!("lost because of {other:?}").into()),
    }
}

/// After a kernel a CPU consumer takes over, and after that a kernel again.
fn cpu_goes_on(case: Case) -> Result<(), Failed> {
    let (mut there, mut back) = (case.buffer(16), case.buffer(256));
    let warp = Relay { kernel: "relay_warp", threads: 32 };
    let mut next = 0;
    for _ in 0..3 {
        {
            let (mut producer, input) = there.split_gpu_consumer().unwrap();
            let (output, mut consumer) = back.split_gpu().unwrap();
            warp.start(&input, &output, 5);
            (next..next + 10).try_for_each(|id| send(&mut producer, MIXED, id))?;
            check(&mut consumer, MIXED, next..next + 5)?;
            input.wait(PATIENCE)?;
        }
        let (_producer, mut consumer) = there.split_mut();
        check(&mut consumer, MIXED, next + 5..next + 10)?;
        next += 10;
    }
    Ok(())
}

/// The kernel tells by a bare word how many messages it has taken.
fn word_back(case: Case) -> Result<(), Failed> {
    let mut there = case.buffer(256);
    let reply = Mapped::new(gpu(), case.memory, 8).unwrap();
    let (mut producer, input) = there.split_gpu_consumer().unwrap();
    let launch = kernels().launch("take_and_tell").unwrap().block(32);
    // SAFETY: the kernel's parameters; the word lives until the kernel has ended, below.
    unsafe { launch.arg(&input).arg(reply.device_ptr()).start() }.unwrap();
    // SAFETY: aligned, initialised, and only accessed atomically.
    let word = unsafe { AtomicU64::from_ptr(reply.as_ptr().cast()) };
    let outcome = (0..5000).try_for_each(|id| {
        send(&mut producer, MIXED, id).map_err(|error| error.to_string())?;
        let begun = Instant::now();
        while word.load(Ordering::Acquire) != id + 1 {
            if begun.elapsed() > PATIENCE {
                return Err(format!(
                    "message {id} was not taken; the word is {}",
                    word.load(Ordering::Relaxed)
                ));
            }
        }
        Ok(())
    });
    producer.finish();
    input.wait(PATIENCE)?;
    outcome.map_err(Into::into)
}

fn service(case: Case, slots: usize) -> Service {
    Service::with(case.builder(slots), case.builder(slots)).unwrap()
}

fn serve(service: &Service, count: u64) {
    let launch = kernels().launch("serve").unwrap().block(32).arg(service).arg(count);
    // SAFETY: the kernel's parameters.
    unsafe { launch.start() }.unwrap();
}

/// What the kernel answers to a request.
fn answer(request: &[u8]) -> Vec<u8> {
    let word = |chunk: &[u8]| {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        u64::from_le_bytes(word).wrapping_add(ANSWER).to_le_bytes()
    };
    let mut bytes: Vec<u8> = request.chunks(8).flat_map(word).collect();
    bytes.truncate(request.len());
    bytes
}

fn calls(case: Case, slots: usize, count: u64) -> Result<(), Failed> {
    let mut service = service(case, slots);
    serve(&service, FOR_EVER);
    for id in 0..count {
        let request = bytes(MIXED, id);
        let response = service.client().request(&request).kind(id as u16).call()?;
        if response[..] != answer(&request)[..] || response.id() != id {
            return Err(format!("the answer to {id} is {response:?}").into());
        }
    }
    service.finish(PATIENCE).map_err(Into::into)
}

/// As many open requests as there can be, all the time.
fn pipelined(case: Case) -> Result<(), Failed> {
    let mut service = service(case, 64);
    serve(&service, FOR_EVER);
    let (mut asked, mut answered) = (0, 0);
    while answered < 50_000 {
        match service.client().send(&bytes(MIXED, asked)) {
            Ok(id) if id == asked => asked += 1,
            Ok(id) => return Err(format!("request {asked} has id {id}").into()),
            Err(CallError::TooMany { limit: 64 }) => {
                let response = service.client().receive(PATIENCE)?;
                if response[..] != answer(&bytes(MIXED, answered))[..] || response.id() != answered {
                    return Err(format!("the answer to {answered} is {response:?}").into());
                }
                answered += 1;
            }
            Err(error) => return Err(error.into()),
        }
    }
    service.finish(PATIENCE).map_err(Into::into)
}

fn service_chained(case: Case) -> Result<(), Failed> {
    let mut service = service(case, 16);
    (0..20).for_each(|_| serve(&service, 50));
    for id in 0..1000 {
        let request = bytes(MIXED, id);
        let response = service.client().call(&request)?;
        if response[..] != answer(&request)[..] {
            return Err(format!("the answer to {id} is {response:?}").into());
        }
    }
    service.finish(PATIENCE).map_err(Into::into)
}

/// The kernel has given up, as no request came: a call says so, rather than wait.
fn service_ended(case: Case) -> Result<(), Failed> {
    let mut service = service(case, 16);
    service.set_device_limit(Duration::from_millis(20));
    serve(&service, FOR_EVER);
    service.responses().wait(PATIENCE)?;
    let begun = Instant::now();
    match service.client().call(b"anybody?") {
        Err(CallError::Response(ConsumeError::EndOfStream)) if begun.elapsed() < Duration::from_secs(5) => {}
        other => return Err(format!("{other:?} after {:?}", begun.elapsed()).into()),
    }
    if service.is_running()? { Err("it still runs".into()) } else { Ok(()) }
}

/// Dropping the service ends its kernel, which waits for a request, long before its time limit.
fn service_dropped(case: Case) -> Result<(), Failed> {
    let mut service = service(case, 16);
    serve(&service, FOR_EVER);
    drop(service.client().call(b"one")?);
    let begun = Instant::now();
    drop(service);
    match begun.elapsed() {
        time if time > Duration::from_secs(5) => Err(format!("that took {time:?}").into()),
        _ => Ok(()),
    }
}
