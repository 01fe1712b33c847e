//! Kernels, on emulated lanes, for the fake driver to run.

use std::ffi::{CStr, c_char, c_void};

use perdix_gpu::emulation;
use perdix_host::cuda::{DeviceRing, DeviceRings};
use perdix_kernels::pattern::{ALL_LENGTHS, Pattern};
use perdix_kernels::{continue_block, send_shards_block, stop_midway};

use crate::driver::fault;

pub(crate) const MIXED: Pattern = Pattern { len: ALL_LENGTHS, sentinels: 1 };

/// The kernels that there are.
pub(crate) const ENTRIES: [&str; 3] = ["continue_block", "stop_midway", "send_shards_block"];

/// Blocks of `send_shards_block`: as many as the tests have rings.
pub(crate) const BLOCKS: u32 = 2;

/// Runs a kernel to its end. Called by the fake driver at each launch.
pub(crate) unsafe extern "C" fn run(name: *const c_char, arguments: *mut *mut c_void) {
    // SAFETY: the driver passes a name that ends with a NUL.
    let name = unsafe { CStr::from_ptr(name) }.to_str().unwrap_or_default();
    let arguments = Arguments(arguments);
    let ended = match name {
        "continue_block" => {
            let ring: DeviceRing = arguments.get(0);
            let [first, count, last] = [2, 3, 4].map(|index| arguments.get::<u64>(index));
            // SAFETY: one block, and the ring outlives the launch.
            emulation::launch(1, 32, || unsafe { continue_block(ring, MIXED, first, count, last) })
        }
        "stop_midway" => {
            let ring: DeviceRing = arguments.get(0);
            let [first, count, ending] = [2, 3, 4].map(|index| arguments.get::<u64>(index));
            // SAFETY: one warp, and the ring outlives the launch.
            emulation::launch(1, 32, || unsafe { stop_midway(ring, MIXED, first, count, ending) })
        }
        _ => {
            let rings: DeviceRings = arguments.get(0);
            let [count, batch] = [2, 3].map(|index| arguments.get::<u64>(index));
            // SAFETY: the rings outlive the launch.
            emulation::launch(BLOCKS, 32, || unsafe { send_shards_block(rings, MIXED, count, batch) })
        }
    };
    if !ended {
        fault(719);
    }
}

#[derive(Clone, Copy)]
struct Arguments(*mut *mut c_void);

impl Arguments {
    /// The argument of this index, which has the type that the kernel declares.
    fn get<T: Copy>(self, index: usize) -> T {
        // SAFETY: the launch passes as many as the kernel declares.
        let place = unsafe { self.0.add(index) };
        // SAFETY: as above.
        let argument = unsafe { place.read() };
        // SAFETY: as above, each of its type.
        unsafe { argument.cast::<T>().read() }
    }
}
