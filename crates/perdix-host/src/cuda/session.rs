//! What has become of the kernels of one split.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use cust::sys::CUstream;
use perdix_core::DeviceState;

use super::driver;
use super::error::{GpuError, check};
use super::event::Event;
use super::gpu::Gpu;
use super::launching::Launching;
use super::memory::DeviceBytes;
use crate::trace::Launches;

/// One split for a GPU: its shared state in device memory, and the launches attached to it. Public in name only: the sealed trait
/// [`Life`](super::attach::life::Life) speaks of it.
#[derive(Debug)]
pub struct Session {
    gpu: Gpu,
    state: DeviceBytes,
    /// What else kernels may read as long as they read the state.
    kept: Mutex<Vec<Arc<DeviceBytes>>>,
    /// One for each launch that is not known to have ended.
    events: Mutex<Vec<Event>>,
    /// Whether there ever was a launch.
    launched: AtomicBool,
    /// Whether there was a launch that no event watches: when it has ended, nobody knows.
    unwatched: AtomicBool,
    /// Held from before a launch until it is attached: between them it may look as if a kernel had ended without `finish`, as the
    /// new one forgets that earlier ones paused.
    launching: Mutex<()>,
    /// The longest time limit that a handle carries, in nanoseconds.
    limit_ns: AtomicU64,
    /// The host's half is gone: nothing more will be launched.
    closed: AtomicBool,
    trace: Launches,
}

impl Session {
    /// A session whose producers begin with this state.
    pub(crate) fn new(gpu: &Gpu, state: DeviceState) -> Result<Self, GpuError> {
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
            unwatched: AtomicBool::new(false),
            launching: Mutex::new(()),
            limit_ns: AtomicU64::new(0),
            closed: AtomicBool::new(false),
            trace: Launches::default(),
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

    /// Notes that a handle with this time limit was given out.
    pub(crate) fn allow(&self, limit_ns: u64) {
        self.limit_ns.fetch_max(limit_ns, Ordering::Relaxed);
    }

    /// The longest that a producer of this session waits for a free slot.
    pub(crate) fn limit(&self) -> Duration {
        Duration::from_nanos(self.limit_ns.load(Ordering::Relaxed))
    }

    /// Watches everything that is in `stream` now: the launch has taken place already.
    ///
    /// # Safety
    /// The stream is alive and of the same context.
    pub(crate) unsafe fn attach(&self, stream: CUstream) -> Result<(), GpuError> {
        let watch = || {
            let _current = self.gpu.enter()?;
            let event = Event::new(&self.gpu)?;
            // SAFETY: the caller's contract.
            match unsafe { event.record(stream) } {
                Ok(()) => Ok((event, Ok(()))),
                // As for a launch of our own.
                Err(error) if has_ended(&error) => Ok((event, Err(error))),
                Err(error) => Err(error),
            }
        };
        match watch() {
            Ok((event, result)) => {
                self.trace.launched(self.state_ptr(), true);
                self.events().push(event);
                self.launched.store(true, Ordering::Release);
                result
            }
            Err(error) => {
                self.trace.launched(self.state_ptr(), false);
                self.unwatched.store(true, Ordering::Release);
                Err(error)
            }
        }
    }

    /// Prepares a launch: what can fail is done before it.
    pub(crate) fn expect_more(&self) -> Result<Launching<'_>, GpuError> {
        let guard = self.launching.lock().unwrap_or_else(PoisonError::into_inner);
        let event = Event::new(&self.gpu)?;
        Ok(Launching::new(self, guard, event))
    }

    /// The launch that was expected has taken place; `event`, if there is one, tells when it has ended.
    pub(super) fn launched(&self, event: Option<Event>) {
        self.trace.launched(self.state_ptr(), event.is_some());
        match event {
            Some(event) => self.events().push(event),
            None => self.unwatched.store(true, Ordering::Release),
        }
        self.launched.store(true, Ordering::Release);
    }

    /// Nothing more will be launched.
    pub(crate) fn close(&self) {
        // Pairs with the Acquires in `lost` and `ended`: whoever sees it sees the launches too.
        self.closed.store(true, Ordering::Release);
    }

    /// Whether attached launches still run; what the driver says if one has faulted.
    pub(crate) fn is_running(&self) -> Result<bool, GpuError> {
        self.running().transpose().map(|running| running.is_some())
    }

    /// Waits until all attached launches have ended. A faulted kernel has ended.
    pub(crate) fn wait(&self, limit: Duration) -> Result<(), GpuError> {
        let begun = Instant::now();
        let mut pause = Duration::from_micros(20);
        loop {
            match self.running() {
                None => return Ok(()),
                Some(Err(error)) => return if has_ended(&error) { Ok(()) } else { Err(error) },
                Some(Ok(())) if begun.elapsed() >= limit => {
                    return Err(GpuError::StillRunning(begun.elapsed()));
                }
                Some(Ok(())) => std::thread::sleep(pause),
            }
            pause = (pause * 2).min(Duration::from_millis(1));
        }
    }

    /// Whether all launches are watched: those of which nobody knows when they have ended may run for ever.
    pub(crate) fn is_watched(&self) -> bool {
        !self.unwatched.load(Ordering::Acquire)
    }

    /// `Some(Ok)` while launches run, `Some(Err)` if one has faulted, `None` if all have ended (or none was attached).
    pub(crate) fn running(&self) -> Option<Result<(), GpuError>> {
        let _current = match self.gpu.enter() {
            Ok(current) => current,
            Err(error) => return Some(Err(error)),
        };
        let mut events = self.events();
        while let Some(event) = events.last() {
            match event.query() {
                // Those that are over need not be asked again.
                driver::SUCCESS => {
                    drop(events.pop());
                    if events.is_empty() {
                        self.trace.ended(self.state_ptr());
                    }
                }
                driver::NOT_READY => return Some(Ok(())),
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
            None if !self.is_watched() => Some(
                "a launch could not be attached to the ring, so nobody knows whether it still runs".into(),
            ),
            // Nothing was launched yet: it may still be.
            None if !self.launched.load(Ordering::Acquire) => {
                self.closed.load(Ordering::Acquire).then(|| "no kernel was ever launched".into())
            }
            None => self.ended(),
        }
    }

    /// All launches have ended, and the stream has not: is that what the kernels wanted?
    fn ended(&self) -> Option<String> {
        match self.paused() {
            Ok(true) if !self.closed.load(Ordering::Acquire) => None,
            Ok(true) => Some("the kernel paused, and no other will go on".into()),
            Ok(false) => Some("the kernel ended without finish".into()),
            Err(error) => Some(format!("the kernel ended, and whether it paused cannot be read: {error}")),
        }
    }

    /// Whether the last kernel that produced left the stream open for a later one.
    fn paused(&self) -> Result<bool, GpuError> {
        let mut bytes = [0; size_of::<DeviceState>()];
        self.state.read(&mut bytes)?;
        let offset = std::mem::offset_of!(DeviceState, paused);
        Ok(bytes.get(offset..offset + 8).is_some_and(|word| word.iter().any(|byte| *byte != 0)))
    }

    fn events(&self) -> MutexGuard<'_, Vec<Event>> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether an error means that no kernel of the context runs any more.
pub(super) fn has_ended(error: &GpuError) -> bool {
    matches!(error, GpuError::Driver { code, .. } if driver::is_end(*code))
}
