//! A write beyond its memory, on purpose: shows that a tool which should see it does.

use libtest_mimic::{Failed, Trial};
use perdix_host::MemoryKind;
use perdix_host::cuda::{DeviceBytes, Mapped};

use crate::setup::{Case, PATIENCE, gpu, kernels};

/// Only a process that has this variable set runs these.
pub(crate) const VARIABLE: &str = "PERDIX_STRAY";

/// The bytes that the kernel is told of, and those that there are. The driver hands out whole units of 512 bytes at least, so that the
/// rest harms nobody.
const TOLD: u64 = 4096;
const ALLOCATED: usize = 4096 - 256;

pub(crate) fn add(trials: &mut Vec<Trial>) {
    for kind in [MemoryKind::Managed, MemoryKind::Pinned] {
        trials.push(Trial::test(format!("stray/{kind}"), move || {
            let memory = Mapped::new(gpu(), kind, ALLOCATED)?;
            write_to(memory.device_ptr())
        }));
    }
    trials.push(Trial::test("stray/device", || {
        let memory = DeviceBytes::new(gpu(), &[0; ALLOCATED])?;
        write_to(memory.device_ptr())
    }));
}

/// Lets a kernel write `TOLD` bytes from `address` on.
fn write_to(address: u64) -> Result<(), Failed> {
    let mut buffer = Case::all().next().ok_or("no case")?.buffer(8);
    let (producer, _consumer) = buffer.split_gpu()?;
    let launch = kernels().launch("bare_writes")?.block(32).attach(&producer);
    let launch = launch.arg(address).arg(TOLD / 16).arg(1_u64);
    // SAFETY: the kernel's parameters; that it writes further than it should is the purpose, and ends in memory of the driver's.
    unsafe { launch.start() }?;
    producer.wait(PATIENCE)?;
    Ok(())
}
