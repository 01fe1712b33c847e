//! Streams, contexts and modules that are not, or no longer, what they should be.

use std::ptr::null_mut;
use std::time::Duration;

use libtest_mimic::Failed;
use perdix_host::ConsumeError;
use perdix_host::cuda::{Gpu, GpuError, sys};
use perdix_kernels::{Ending, PTX};

use super::{FULL, WORDS, expect_lost, needed, still_works};
use crate::setup::{BLOCK, Case, PATIENCE, WARP, check_all, check_some, gpu, kernels};

const TINY: &str = ".version 6.3\n.target sm_70\n.address_size 64\n.visible .entry nothing() { ret; }\n";

/// The user's stream is destroyed as soon as the kernel was launched there and attached.
pub(super) fn foreign_stream(case: Case) -> Result<u64, Failed> {
    let endings = [None, Some(Ending::Forgets)];
    for ending in endings {
        let mut buffer = case.buffer(64);
        let (producer, mut consumer) = buffer.split_gpu()?;
        let current = gpu().enter()?;
        let mut stream = null_mut();
        // SAFETY: the pointer is valid for writing, and a context is current.
        needed("cuStreamCreate", unsafe { sys::cuStreamCreate(&mut stream, 1) })?;
        let launch = match ending {
            None => kernels()
                .launch("send_warp")?
                .arg_unattached(producer.ring())
                .arg(WORDS)
                .arg(1000_u64)
                .arg(32_u64),
            Some(ending) => {
                let launch = kernels().launch("stop_midway")?.arg_unattached(producer.ring()).arg(WORDS);
                launch.arg(0_u64).arg(1000_u64).arg(ending as u64)
            }
        };
        // SAFETY: the kernel's parameters; the stream is alive.
        unsafe { launch.block(32).start_on(stream) }?;
        // SAFETY: the stream is alive and of the ring's context.
        unsafe { producer.attach(stream) }?;
        // SAFETY: created above; what is in it runs on.
        needed("cuStreamDestroy", unsafe { sys::cuStreamDestroy_v2(stream) })?;
        drop(current);
        match ending {
            None => check_all(&mut consumer, WORDS, 1, 1000)?,
            Some(_) => {
                check_some(&mut consumer, WORDS, 0, 1000)?;
                expect_lost(consumer.next(PATIENCE), 1000, "ended without finish")?;
            }
        }
        producer.wait(PATIENCE)?;
    }
    Ok(endings.len() as u64)
}

/// The host's end, and with it the ring's own stream, is dropped while the kernel waits for room.
pub(super) fn own_stream(case: Case) -> Result<u64, Failed> {
    let mut buffer = case.buffer(64);
    let (producer, mut consumer) = buffer.split_gpu()?;
    WARP.start(&producer, WORDS, 1000);
    drop(producer);
    check_all(&mut consumer, WORDS, 1, 1000)?;
    Ok(1)
}

/// The user pops the context, or has another one current: nothing of ours minds, and the user's is current afterwards.
pub(super) fn popped(case: Case) -> Result<u64, Failed> {
    let before = current();
    let guard = gpu().enter()?;
    let mut context = null_mut();
    // SAFETY: pops what `enter` pushed.
    needed("cuCtxPopCurrent", unsafe { sys::cuCtxPopCurrent_v2(&mut context) })?;
    still_works(case)?;
    drop(guard);
    if current() != before {
        return Err("another context is current after the guard's end".into());
    }

    let other = own_context()?;
    still_works(case)?;
    let opened = Gpu::open(0)?;
    if current() != other {
        return Err("the user's context is no longer current".into());
    }
    drop(opened);
    // SAFETY: created above, current on this thread, and nothing is left in it.
    needed("cuCtxDestroy", unsafe { sys::cuCtxDestroy_v2(other) })?;
    still_works(case)?;
    if current() != before {
        return Err("another context is current at the end".into());
    }
    Ok(2)
}

/// A kernel that was loaded into one context is started on a ring of another.
pub(super) fn other_context() -> Result<u64, Failed> {
    let case = Case::all().next().ok_or("no case")?;
    let context = own_context()?;
    {
        // SAFETY: the context lives until the end of this function, and nothing made with it leaves this block.
        let other = unsafe { Gpu::from_context(context) }?;
        let strangers = other.load(TINY)?;
        let mut buffer = case.buffer(64);
        let (producer, mut consumer) = buffer.split_gpu()?;
        // SAFETY: the kernel has no parameters and does nothing.
        match unsafe { strangers.launch("nothing")?.attach(&producer).start() } {
            Err(GpuError::OtherContext) => {}
            unexpected => return Err(format!("{unexpected:?}").into()),
        }
        WARP.start(&producer, FULL, 1000);
        check_all(&mut consumer, FULL, 1, 1000)?;
    }
    // SAFETY: created above, current on this thread, and nothing is left in it.
    needed("cuCtxDestroy", unsafe { sys::cuCtxDestroy_v2(context) })?;
    Ok(1)
}

/// A launch that the driver refuses comes between two kernels of one stream: the stream stays open, and goes on.
pub(super) fn refused(case: Case) -> Result<u64, Failed> {
    let mut buffer = case.buffer(64);
    let (producer, mut consumer) = buffer.split_gpu()?;
    let pause = |first: u64, threads: u32| {
        let launch = kernels().launch("stop_midway")?.block(threads).arg(&producer).arg(WORDS);
        // SAFETY: the kernel's parameters.
        unsafe { launch.arg(first).arg(100_u64).arg(Ending::Pauses as u64).start() }
    };
    let turns = 5;
    for turn in 0..turns {
        pause(turn * 100, 32)?;
        check_some(&mut consumer, WORDS, turn * 100, 100)?;
        producer.wait(PATIENCE)?;
        match pause(0, 100_000) {
            Err(GpuError::Driver { call: "cuLaunchKernel", .. }) => {}
            other => return Err(format!("a block of 100000 threads: {other:?}").into()),
        }
        match consumer.next(Duration::from_millis(50)) {
            Err(ConsumeError::TimedOut { .. }) => {}
            other => return Err(format!("after the refusal: {other:?}").into()),
        }
    }
    drop((producer, consumer));
    let (producer, mut consumer) = buffer.split_gpu()?;
    BLOCK.start(&producer, WORDS, 1000);
    check_all(&mut consumer, WORDS, 1, 1000)?;
    Ok(turns)
}

/// Texts that are no PTX, or not PTX for this device.
pub(super) fn unloadable() -> Result<u64, Failed> {
    let case = Case::all().next().ok_or("no case")?;
    let (half, _) = PTX.split_at(PTX.len() / 2 / 4 * 4);
    let external = ".version 6.3\n.target sm_70\n.address_size 64\n.extern .func nobody();\n\
                    .visible .entry calls() { call nobody; ret; }\n";
    let texts = [
        ("an empty text", String::new()),
        ("no PTX", "this is no PTX".to_owned()),
        ("half a PTX", half.to_owned()),
        ("a version to come", TINY.replace("6.3", "99.9")),
        ("a device to come", TINY.replace("sm_70", "sm_999")),
        ("a function that is not there", external.to_owned()),
    ];
    for (what, text) in &texts {
        match gpu().load(text) {
            Err(error @ GpuError::Ptx { .. }) => println!("{what}: {}", first_line(&error)),
            other => return Err(format!("{what}: {other:?}").into()),
        }
    }
    match gpu().load("a NUL \0 in it") {
        Err(GpuError::Nul) => {}
        other => return Err(format!("a NUL: {other:?}").into()),
    }
    gpu().load(TINY)?;
    still_works(case)?;
    Ok(texts.len() as u64 + 1)
}

fn first_line(error: &GpuError) -> String {
    error.to_string().lines().next().unwrap_or_default().to_owned()
}

/// A context of our own, current on this thread.
fn own_context() -> Result<sys::CUcontext, Failed> {
    let mut context = null_mut();
    // SAFETY: the pointer is valid for writing.
    needed("cuCtxCreate", unsafe { sys::cuCtxCreate_v2(&mut context, 0, gpu().raw_device()) })?;
    Ok(context)
}

fn current() -> sys::CUcontext {
    let mut context = null_mut();
    // SAFETY: the pointer is valid for writing.
    unsafe { sys::cuCtxGetCurrent(&mut context) };
    context
}
