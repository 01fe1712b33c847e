//! What has become of the kernels that produce into a ring.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use cust::sys::{self, CUevent, CUresult, CUstream};
use perdix_core::DeviceState;

use super::error::{GpuError, check};
use super::gpu::Gpu;
use super::memory::DeviceBytes;

/// How long dropping a buffer waits for its kernels beyond the time limit that their producers have.
const GRACE: Duration = Duration::from_secs(2);

/// The kernels of one ring; empty until it is split for a GPU.
#[derive(Debug)]
pub(crate) struct Liveness(Mutex<Option<Arc<Session>>>);

impl Liveness {
    /// No kernels yet.
    pub(crate) fn new() -> Self {
        Self(Mutex::new(None))
    }

    /// Begins a session of device producers.
    pub(crate) fn attach(&self, session: Arc<Session>) {
        *self.lock() = Some(session);
    }

    /// Why no more messages will come although the stream has not ended; `None` while some may.
    pub(crate) fn lost(&self) -> Option<String> {
        let session = self.lock().clone()?;
        session.lost()
    }

    /// Waits until all kernels have ended and forgets them; whether there were any.
    pub(crate) fn detach(&self) -> bool {
        let Some(session) = self.lock().take() else { return false };
        // Device waits are bounded, so this is, unless a kernel spins for reasons of its own.
        while session.wait(Duration::MAX).is_err() {}
        true
    }

    /// Waits, bounded, until all kernels have ended; whether they have.
    pub(crate) fn ended_within_limit(&self) -> bool {
        let Some(session) = self.lock().take() else { return true };
        session.wait(session.limit.saturating_add(GRACE)).is_ok()
    }

    fn lock(&self) -> MutexGuard<'_, Option<Arc<Session>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One split for a GPU: its shared state in device memory, and the launches attached to it.
#[derive(Debug)]
pub(crate) struct Session {
    gpu: Gpu,
    state: DeviceBytes,
    /// What else kernels may read as long as they read the state.
    kept: Mutex<Vec<Arc<DeviceBytes>>>,
    /// One for each launch that is not known to have ended.
    events: Mutex<Vec<Event>>,
    /// Whether there ever was a launch.
    launched: AtomicBool,
    /// Held from the moment earlier pauses are forgotten until the new launch is attached: between them it looks as if a kernel
    /// had ended without `finish`.
    launching: Mutex<()>,
    /// The time limit of the device's waits.
    limit: Duration,
    /// The host's half is gone: nothing more will be launched.
    pub(crate) closed: AtomicBool,
}

impl Session {
    /// A session whose producers go on with message `head`.
    pub(crate) fn new(gpu: &Gpu, head: u64, tail: u64, limit: Duration) -> Result<Self, GpuError> {
        let state = DeviceState::new(head, tail);
        // SAFETY: a plain struct of 8-byte words without holes, all initialised (its size is asserted to be theirs).
        let bytes =
            unsafe { std::slice::from_raw_parts((&raw const state).cast::<u8>(), size_of::<DeviceState>()) };
        let state = DeviceBytes::new(gpu, bytes)?;
        Ok(Self {
            gpu: gpu.clone(),
            state,
            kept: Mutex::new(Vec::new()),
            events: Mutex::new(Vec::new()),
            launched: AtomicBool::new(false),
            launching: Mutex::new(()),
            limit,
            closed: AtomicBool::new(false),
        })
    }

    /// The state's address in device memory.
    pub(crate) fn state_ptr(&self) -> *mut DeviceState {
        self.state.device_ptr() as *mut DeviceState
    }

    /// Keeps memory as long as the state.
    pub(crate) fn keep(&self, memory: &Arc<DeviceBytes>) {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(memory));
    }

    /// Watches everything that is in `stream` now.
    ///
    /// # Safety
    /// The stream is alive and of the same context.
    pub(crate) unsafe fn attach(&self, stream: CUstream) -> Result<(), GpuError> {
        let _current = self.gpu.enter()?;
        let event = Event::new()?;
        // SAFETY: the caller's contract; the event is new.
        check("cuEventRecord", unsafe { sys::cuEventRecord(event.0, stream) })?;
        self.events().push(event);
        self.launched.store(true, Ordering::Release);
        Ok(())
    }

    /// Waits until all attached launches have ended. A faulted kernel has ended.
    pub(crate) fn wait(&self, limit: Duration) -> Result<(), GpuError> {
        let begun = Instant::now();
        let mut pause = Duration::from_micros(20);
        while self.running() == Some(Ok(())) {
            if begun.elapsed() >= limit {
                return Err(GpuError::StillRunning(begun.elapsed()));
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(1));
        }
        Ok(())
    }

    /// `Some(Ok)` while launches run, `Some(Err)` if one has faulted, `None` if all have ended (or none was attached).
    pub(crate) fn running(&self) -> Option<Result<(), GpuError>> {
        let Ok(_current) = self.gpu.enter() else {
            return Some(Err(GpuError::Driver {
                call: "cuCtxPushCurrent",
                code: 0,
                name: "the context is gone".into(),
                text: "its kernels have ended with it".into(),
            }));
        };
        let mut events = self.events();
        while let Some(event) = events.last() {
            // SAFETY: the event is alive.
            match unsafe { sys::cuEventQuery(event.0) } {
                // Those that are over need not be asked again.
                CUresult::CUDA_SUCCESS => drop(events.pop()),
                CUresult::CUDA_ERROR_NOT_READY => return Some(Ok(())),
                other => return check("the kernel", other).err().map(Err),
            }
        }
        None
    }

    /// Why no more messages will come although the stream has not ended; `None` while some may.
    pub(crate) fn lost(&self) -> Option<String> {
        // Not waited for: a launch may itself have to wait for kernels that wait for the consumer.
        let _no_launch = match self.launching.try_lock() {
            Ok(guard) => guard,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return None,
        };
        match self.running() {
            Some(Ok(())) => None,
            Some(Err(error)) => Some(error.to_string()),
            // Nothing was launched yet: it may still be.
            None if !self.launched.load(Ordering::Acquire) => {
                self.closed.load(Ordering::Acquire).then(|| "no kernel was ever launched".into())
            }
            None => self.ended(),
        }
    }

    /// All launches have ended, and the stream has not: is that what the kernels wanted?
    fn ended(&self) -> Option<String> {
        if self.paused() && !self.closed.load(Ordering::Acquire) {
            return None;
        }
        Some(
            if self.paused() {
                "the kernel paused, and no other will go on"
            } else {
                "the kernel ended without finish"
            }
            .into(),
        )
    }

    /// Forgets that earlier kernels paused, unless one still runs and may yet. The guard is to be kept until the launch is attached.
    pub(crate) fn expect_more(&self) -> Result<MutexGuard<'_, ()>, GpuError> {
        let launching = self.launching.lock().unwrap_or_else(PoisonError::into_inner);
        if self.running().is_none() && self.paused() {
            self.state.write_at(std::mem::offset_of!(DeviceState, paused), &[0; 8])?;
        }
        Ok(launching)
    }

    /// Whether the kernels left the stream open for a later one.
    fn paused(&self) -> bool {
        let mut bytes = [0; size_of::<DeviceState>()];
        let offset = std::mem::offset_of!(DeviceState, paused);
        if self.state.read(&mut bytes).is_err() {
            return false;
        }
        bytes.get(offset..offset + 8).is_some_and(|word| word.iter().any(|byte| *byte != 0))
    }

    fn events(&self) -> MutexGuard<'_, Vec<Event>> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // Destroying events needs the context.
        if let Ok(_current) = self.gpu.enter() {
            self.events().clear();
        } else {
            self.events().drain(..).for_each(std::mem::forget);
        }
    }
}

#[derive(Debug)]
struct Event(CUevent);

// SAFETY: events may be used from any thread with their context current.
unsafe impl Send for Event {}

impl Event {
    fn new() -> Result<Self, GpuError> {
        let mut event = std::ptr::null_mut();
        let flags = sys::CUevent_flags_enum::CU_EVENT_DISABLE_TIMING as u32;
        // SAFETY: the pointer is valid for writing, and a context is current.
        check("cuEventCreate", unsafe { sys::cuEventCreate(&mut event, flags) })?;
        Ok(Self(event))
    }
}

impl Drop for Event {
    fn drop(&mut self) {
        // SAFETY: created once; the driver keeps what a pending event needs.
        unsafe { sys::cuEventDestroy_v2(self.0) };
    }
}
