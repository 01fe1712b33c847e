//! The fake driver's controls.

use std::ffi::{CStr, CString, c_char, c_uint, c_ulong, c_void};
use std::sync::{Mutex, MutexGuard, PoisonError};

use perdix_host::cuda::sys;

use crate::kernels::{ENTRIES, run};

// SAFETY: the C library's signature.
unsafe extern "C" {
    fn dlsym(library: *mut c_void, name: *const c_char) -> *mut c_void;
}

/// What the fake driver counts.
pub(crate) const KINDS: [&str; 7] = ["context", "stream", "event", "module", "device", "managed", "pinned"];

/// Memory that the device reaches and its own.
pub(crate) const MEMORY: [&str; 3] = ["managed", "pinned", "device"];

/// The fake driver, held by one test at a time.
pub(crate) struct Fake {
    _alone: MutexGuard<'static, ()>,
}

impl Fake {
    /// Waits for the driver and takes it, with nothing left in it.
    pub(crate) fn take() -> Self {
        static ALONE: Mutex<()> = Mutex::new(());
        let fake = Self { _alone: ALONE.lock().unwrap_or_else(PoisonError::into_inner) };
        fake.end_all();
        let on_launch = control::<unsafe extern "C" fn(Callback)>(c"fake_on_launch");
        // SAFETY: the fake driver's signature.
        unsafe { on_launch(run) };
        fake
    }

    /// The calls of `call` (of any, if it is empty) from the `first`th (from 1) from now on fail `times` times.
    pub(crate) fn fail(&self, call: &str, first: usize, times: u32, code: u32) {
        let call = CString::new(call).unwrap();
        let fail = control::<unsafe extern "C" fn(*const c_char, c_uint, c_uint, c_uint)>(c"fake_fail");
        // SAFETY: the fake driver's signature; the name ends with a NUL.
        unsafe { fail(call.as_ptr(), first as u32, times, code) };
    }

    /// Forgets failures, answers, limits, calls and misuse.
    pub(crate) fn reset(&self) {
        plain(c"fake_reset");
    }

    /// Ends all contexts, and resets.
    pub(crate) fn end_all(&self) {
        plain(c"fake_end_all");
        self.reset();
    }

    /// What events answer from now on: 0, or 600 while kernels run.
    pub(crate) fn events_answer(&self, code: u32) {
        events_answer(code);
    }

    /// Whether what goes into a stream is captured into a graph.
    pub(crate) fn capture(&self, stream: sys::CUstream, is_captured: bool) {
        let capture = control::<unsafe extern "C" fn(sys::CUstream, c_uint)>(c"fake_capture");
        // SAFETY: the fake driver's signature; the stream is alive.
        unsafe { capture(stream, is_captured.into()) };
    }

    pub(crate) fn has_concurrent_managed_access(&self, has: bool) {
        with_number(c"fake_set_managed", has.into());
    }

    /// The largest block of memory that there is.
    pub(crate) fn limit_memory(&self, bytes: usize) {
        let limit = control::<unsafe extern "C" fn(usize)>(c"fake_limit_memory");
        // SAFETY: the fake driver's signature.
        unsafe { limit(bytes) };
    }

    /// The calls since the last reset.
    pub(crate) fn calls(&self) -> Vec<String> {
        let call = control::<unsafe extern "C" fn(c_uint) -> *const c_char>(c"fake_call");
        // SAFETY: the fake driver's signature.
        (0..).map_while(|index| text(unsafe { call(index) })).collect()
    }

    /// How many things of a kind are alive.
    pub(crate) fn alive(&self, kind: &str) -> u64 {
        let kind = CString::new(kind).unwrap();
        let alive = control::<unsafe extern "C" fn(*const c_char) -> c_ulong>(c"fake_alive");
        // SAFETY: the fake driver's signature; the name ends with a NUL.
        unsafe { alive(kind.as_ptr()) }
    }

    /// How many things are alive.
    pub(crate) fn all_alive(&self) -> u64 {
        KINDS.into_iter().map(|kind| self.alive(kind)).sum()
    }

    /// How many things went away with their context, instead of being freed.
    pub(crate) fn orphans(&self) -> u64 {
        let orphans = control::<unsafe extern "C" fn() -> c_ulong>(c"fake_orphans");
        // SAFETY: the fake driver's signature.
        unsafe { orphans() }
    }

    /// What a driver must not be asked, and was.
    pub(crate) fn misuse(&self) -> Option<String> {
        let misuse = control::<unsafe extern "C" fn() -> *const c_char>(c"fake_misuse");
        // SAFETY: the fake driver's signature.
        text(unsafe { misuse() })
    }

    /// Asserts that nothing is left in the driver, and that it was used as it must be.
    pub(crate) fn assert_clean(&self) {
        for kind in KINDS {
            assert_eq!(self.alive(kind), 0, "{kind}");
        }
        assert_eq!((self.orphans(), self.misuse()), (0, None));
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.end_all();
    }
}

/// [`Fake::events_answer`], from another thread.
pub(crate) fn events_answer(code: u32) {
    with_number(c"fake_events_answer", code);
}

/// Gets a kernel's name and its arguments.
type Callback = unsafe extern "C" fn(*const c_char, *mut *mut c_void);

/// A kernel has faulted: most calls fail with this from now on.
pub(crate) fn fault(code: u32) {
    with_number(c"fake_fault", code);
}

/// The PTX of the kernels that [`run`] knows, as far as the fake driver looks at it.
pub(crate) fn ptx() -> String {
    let entries: Vec<String> = ENTRIES.iter().map(|name| format!(".visible .entry {name}(\n")).collect();
    format!(".version 6.3\n.target sm_70\n{}", entries.concat())
}

fn plain(name: &CStr) {
    let function = control::<unsafe extern "C" fn()>(name);
    // SAFETY: the fake driver's signature.
    unsafe { function() };
}

fn with_number(name: &CStr, number: u32) {
    let function = control::<unsafe extern "C" fn(c_uint)>(name);
    // SAFETY: the fake driver's signature.
    unsafe { function(number) };
}

fn text(text: *const c_char) -> Option<String> {
    if text.is_null() {
        return None;
    }
    // SAFETY: the fake driver's strings end with a NUL, and live until the next call that changes them.
    Some(unsafe { CStr::from_ptr(text) }.to_str().unwrap().to_owned())
}

/// A function that only the fake driver has.
fn control<F: Copy>(name: &CStr) -> F {
    assert_eq!(size_of::<F>(), size_of::<*mut c_void>());
    // SAFETY: the name ends with a NUL; null stands for all that is loaded.
    let address = unsafe { dlsym(std::ptr::null_mut(), name.as_ptr()) };
    assert!(
        !address.is_null(),
        "this is not the fake driver: `cargo xtask cuda-fake`, then LD_LIBRARY_PATH=target/cuda-fake/lib64"
    );
    // SAFETY: the callers name the function's type; it has an address's size.
    unsafe { std::mem::transmute_copy(&address) }
}
