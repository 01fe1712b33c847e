//! Every call to the driver fails once, each by itself.

use std::error::Error;
use std::time::{Duration, Instant};

use perdix_host::cuda::{DeviceProducer, Gpu, Kernels};
use perdix_host::{Buffer, Builder, ConsumeError, Consumer, MemoryKind, Mode, ShardedConsumer, Shards};

use crate::driver::{Fake, ptx};
use crate::kernels::{BLOCKS, MIXED};

/// Messages of each kernel.
const COUNT: u64 = 3;

const PATIENCE: Duration = Duration::from_secs(2);

/// The calls that take something away: if one fails, that thing stays, and goes with its context.
const TEARDOWN: [&str; 6] = [
    "cuMemFree_v2",
    "cuMemFreeHost",
    "cuStreamDestroy_v2",
    "cuEventDestroy_v2",
    "cuModuleUnload",
    // What cannot enter its context to free itself stays too.
    "cuCtxPushCurrent_v2",
];

type Outcome = Result<(), Box<dyn Error>>;

/// One variant of the way from the device to the drop of everything.
#[derive(Clone, Copy, Debug)]
struct Way {
    memory: Option<MemoryKind>,
    mode: Mode,
}

#[test]
#[ignore = "needs the fake driver"]
fn every_call_fails_once() {
    let fake = Fake::take();
    let mut injected = 0;
    // 4242 is no result that anybody knows, 700 is a fault of the context, 2 is a lack of memory.
    let ways = [
        (Way { memory: None, mode: Mode::Fenced }, [999, 700]),
        (Way { memory: Some(MemoryKind::Pinned), mode: Mode::FenceFree }, [2, 4242]),
    ];
    for (way, codes) in ways {
        for code in codes {
            fake.end_all();
            way.go().unwrap();
            fake.assert_clean();
            // How often a wait looks differs from run to run, and so do the calls' places.
            for index in 1..=fake.calls().len() {
                injected += u64::from(one_fails(&fake, way, index, code));
            }
        }
    }
    println!("{injected} driver calls failed on purpose");
    assert!(injected > 500, "the way is shorter than it was");
}

/// Has one call fail; whether the way had so many.
fn one_fails(fake: &Fake, way: Way, index: usize, code: u32) -> bool {
    fake.end_all();
    fake.fail("", index, 1, code);
    let begun = Instant::now();
    let outcome = way.go();
    let calls = fake.calls();
    let Some(call) = calls.get(index - 1).map(String::as_str) else { return false };
    let what = format!("call {index}, {call}, fails with {code} on {way:?}");
    assert!(begun.elapsed() < Duration::from_secs(6), "{what}: it took {:?}", begun.elapsed());
    assert_eq!(fake.misuse(), None, "{what}");
    if let Err(error) = &outcome {
        let error = error.to_string();
        assert!(names(&error, call, code), "{what}: {error}");
    } else {
        assert!(is_tolerated(call), "{what}, and nobody is told");
    }
    let left =
        ["context", "stream", "event", "module", "device", "managed", "pinned"].map(|kind| fake.alive(kind));
    match (call, left) {
        ("cuDevicePrimaryCtxRelease_v2", [1, 0, 0, 0, 0, 0, 0]) => {}
        // The kernel was launched, and when it ends nobody knows: its code, ring, state (a set's handles too, those of earlier limits as
        // well), and the context with the stream for copies are left to it.
        ("cuEventRecord", [1, 1, 0, 1, 1 | 3, 1, 0] | [1, 1, 0, 1, 1 | 3, 0, 1]) => {}
        (_, [0, 0, 0, 0, 0, 0, 0]) => {}
        _ => panic!("{what}: alive afterwards: {left:?}"),
    }
    let orphans = u64::from(outcome.is_ok() && TEARDOWN.contains(&call));
    assert!(fake.orphans() <= orphans, "{what}: {} were not freed", fake.orphans());
    fake.end_all();
    way.go().unwrap_or_else(|error| panic!("the next attempt after {what}: {error}"));
    fake.assert_clean();
    true
}

/// Whether an error's text says which call failed, and how.
fn names(error: &str, call: &str, code: u32) -> bool {
    let name = call.trim_end_matches("_v2");
    let name = if name == "cuEventQuery" { "the kernel" } else { name };
    let is_memory = ["cuMemAlloc", "cuMemAllocManaged", "cuMemHostAlloc"].contains(&name);
    let says = if code == 2 && is_memory { "no memory: ".into() } else { format!("({code})") };
    error.contains(name) && error.contains(&says)
}

/// The calls whose failure hurts nobody: the end of things, and questions that are asked again.
fn is_tolerated(call: &str) -> bool {
    TEARDOWN.contains(&call)
        || ["cuCtxPopCurrent_v2", "cuDevicePrimaryCtxRelease_v2", "cuEventQuery"].contains(&call)
}

impl Way {
    /// From `Gpu::open` to the drop of everything.
    fn go(self) -> Outcome {
        let gpu = Gpu::open(0)?;
        let kernels = gpu.load(&ptx())?;
        let mut buffer = self.builder(&gpu).build()?;
        {
            let (mut producer, mut consumer) = buffer.split_gpu()?;
            producer.set_limit(Duration::from_millis(500));
            // Two kernels of one stream; the second ends it.
            for (first, last) in [(0, 0), (COUNT, 1)] {
                launch(&kernels, &producer, first, last)?;
                check(&mut consumer, first, COUNT)?;
                producer.wait(PATIENCE)?;
                producer.is_running()?;
                if last == 0 {
                    // It looks for a kernel that is lost.
                    match consumer.next(Duration::from_millis(1)) {
                        Err(ConsumeError::TimedOut { .. }) => {}
                        other => return Err(format!("while paused: {other:?}").into()),
                    }
                }
            }
            match consumer.next(PATIENCE) {
                Err(ConsumeError::EndOfStream) => {}
                other => return Err(format!("at the end: {other:?}").into()),
            }
        }
        let mut shards = Shards::builder(BLOCKS as usize).ring(self.builder(&gpu)).build()?;
        let (mut device, consumers) = shards.split_gpu()?;
        device.set_limit(Duration::from_millis(500))?;
        let launch = kernels.launch("send_shards_block")?.grid(BLOCKS).block(32).arg(&device).arg(MIXED);
        // SAFETY: the kernel's parameters.
        unsafe { launch.arg(COUNT).arg(COUNT).start() }?;
        match ShardedConsumer::new(consumers).for_each(|_, _| ())? {
            count if count == COUNT * u64::from(BLOCKS) => Ok(()),
            other => Err(format!("{other} messages of both rings").into()),
        }
    }

    fn builder(self, gpu: &Gpu) -> Builder {
        let builder = Buffer::builder().slots(64).mode(self.mode).gpu(gpu);
        match self.memory {
            Some(kind) => builder.memory(kind),
            None => builder,
        }
    }
}

fn launch(kernels: &Kernels, producer: &DeviceProducer<'_>, first: u64, last: u64) -> Outcome {
    let launch = kernels.launch("continue_block")?.block(32).arg(producer).arg(MIXED);
    // SAFETY: the kernel's parameters.
    Ok(unsafe { launch.arg(first).arg(COUNT).arg(last).start() }?)
}

fn check(consumer: &mut Consumer<'_>, first: u64, count: u64) -> Outcome {
    for id in first..first + count {
        let message = consumer.next(PATIENCE)?;
        if !MIXED.matches(id, message.kind(), &message) {
            return Err(format!("message {id} is {message:?}").into());
        }
    }
    Ok(())
}
