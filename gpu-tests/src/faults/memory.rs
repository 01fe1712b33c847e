//! No memory.

use libtest_mimic::Failed;
use perdix_host::MemoryKind;
use perdix_host::cuda::{GpuError, Mapped, sys};

use super::{needed, still_works};
use crate::setup::{Case, gpu};

/// More than any process can address.
const TOO_MUCH: usize = 1 << 47;

/// Managed and pinned memory are refused, and there is some afterwards.
pub(super) fn host() -> Result<u64, Failed> {
    let kinds = [MemoryKind::Managed, MemoryKind::Pinned];
    for kind in kinds {
        match Mapped::new(gpu(), kind, TOO_MUCH) {
            Err(error @ (GpuError::OutOfMemory { .. } | GpuError::Driver { .. })) => {
                println!("{kind}: {error}");
            }
            other => return Err(format!("{TOO_MUCH} bytes of {kind} memory: {other:?}").into()),
        }
    }
    Case::all().try_for_each(still_works)?;
    Ok(kinds.len() as u64)
}

/// The device's memory is full when a ring is split for it; once there is room, the same buffer works.
pub(super) fn device(case: Case) -> Result<u64, Failed> {
    let mut buffer = case.buffer(64);
    let current = gpu().enter()?;
    let taken = take_all();
    let result = buffer.split_gpu().map(drop);
    for memory in &taken {
        // SAFETY: allocated below, used by nobody.
        needed("cuMemFree", unsafe { sys::cuMemFree_v2(*memory) })?;
    }
    drop(current);
    match result {
        Err(error @ GpuError::OutOfMemory { call: "cuMemAlloc", .. }) => println!("{error}"),
        other => return Err(format!("{} blocks taken, and yet: {other:?}", taken.len()).into()),
    }
    buffer.split_gpu()?;
    still_works(case)?;
    Ok(1)
}

/// All memory that the device still gives, in blocks from 64 GiB down to the smallest.
fn take_all() -> Vec<sys::CUdeviceptr> {
    let mut taken = Vec::new();
    let mut bytes = 1_usize << 36;
    while bytes > 0 && taken.len() < 1 << 20 {
        let mut memory = 0;
        // SAFETY: the pointer is valid for writing.
        match unsafe { sys::cuMemAlloc_v2(&mut memory, bytes) } {
            sys::CUresult::CUDA_SUCCESS => taken.push(memory),
            _ => bytes /= 2,
        }
    }
    taken
}
