//! What has become of the kernels of one split.

use std::fmt::Debug;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use perdix_core::DeviceState;

use super::driver;
use super::error::{GpuError, check};
use super::event::Event;
use super::gpu::Gpu;
use super::memory::DeviceBytes;
use super::under_way::UnderWay;
use crate::trace::Launches;

/// One split for a GPU: its shared state in device memory, and the launches attached to it.
///
/// * Every launch is under way, has its event in `events`, is known to have ended, or has set
///   `unwatched`.
/// * `launched` and `unwatched` are never taken back.
/// * `state` and what is in `retained` go after the last kernel has ended: whoever drops a session
///   has asked [`wait`](Self::wait), or forgets it.
///
/// Public in name only: the sealed trait [`Target`](super::attach::target::Target) speaks of it.
#[derive(Debug)]
pub struct Session {
    gpu: Gpu,
    state: DeviceBytes,
    /// What else kernels need as long as they need the state: memory, and their code.
    retained: Mutex<Vec<Arc<dyn Retained>>>,
    /// One for each launch that is not known to have ended.
    events: Mutex<Vec<Event>>,
    /// Whether there ever was a launch.
    launched: AtomicBool,
    /// True if some launch has no completion event, so that its end cannot be observed.
    unwatched: AtomicBool,
    /// The launches that are not attached yet.
    under_way: UnderWay,
    /// The longest time limit that a handle carries, in nanoseconds.
    limit_ns: AtomicU64,
    /// The host's half is gone: nothing more will be launched.
    closed: AtomicBool,
    trace: Launches,
}

impl Session {
    /// A session whose producers begin with this state.
    pub(crate) fn new(gpu: &Gpu, state: DeviceState) -> Result<Self, GpuError> {
        // SAFETY: a plain struct of 8-byte words without holes, all initialised (its size is
        // asserted to be theirs).
        let bytes =
            unsafe { std::slice::from_raw_parts((&raw const state).cast::<u8>(), size_of::<DeviceState>()) };
        let state = DeviceBytes::new(gpu, bytes)?;
        Ok(Self {
            gpu: gpu.clone(),
            state,
            retained: Mutex::new(Vec::new()),
            events: Mutex::new(Vec::new()),
            launched: AtomicBool::new(false),
            unwatched: AtomicBool::new(false),
            under_way: UnderWay::default(),
            limit_ns: AtomicU64::new(0),
            closed: AtomicBool::new(false),
            trace: Launches::default(),
        })
    }

    /// The state's address in device memory.
    pub(crate) fn state_ptr(&self) -> *mut DeviceState {
        self.state.device_ptr() as *mut DeviceState
    }

    /// The device.
    pub(super) fn gpu(&self) -> &Gpu {
        &self.gpu
    }

    pub(super) fn under_way(&self) -> &UnderWay {
        &self.under_way
    }

    /// Keeps `value` as long as the state.
    pub(crate) fn retain<T: Retained + 'static>(&self, value: &Arc<T>) {
        let mut retained = self.retained.lock().unwrap_or_else(PoisonError::into_inner);
        if !retained.iter().any(|known| std::ptr::addr_eq(Arc::as_ptr(known), Arc::as_ptr(value))) {
            retained.push(Arc::clone(value) as Arc<dyn Retained>);
        }
    }

    /// Notes that a handle with this time limit was given out.
    pub(crate) fn raise_limit(&self, limit_ns: u64) {
        self.limit_ns.fetch_max(limit_ns, Ordering::Relaxed);
    }

    /// The longest that a producer of this session waits for a free slot.
    pub(crate) fn limit(&self) -> Duration {
        Duration::from_nanos(self.limit_ns.load(Ordering::Relaxed))
    }

    /// The launch that was begun has taken place; `event`, if there is one, tells when it has
    /// ended.
    pub(super) fn launched(&self, event: Option<Event>) {
        self.trace.launched(self.state_ptr(), event.is_some());
        match event {
            Some(event) => self.events().push(event),
            // Pairs with the Acquire in `is_watched`.
            None => self.unwatched.store(true, Ordering::Release),
        }
        // Pairs with the Acquire in `why_lost`: whoever sees it sees the event too.
        self.launched.store(true, Ordering::Release);
    }

    /// Nothing more will be launched.
    pub(crate) fn close(&self) {
        // Pairs with the Acquires in `why_lost` and `ended`: whoever sees it sees the launches too.
        self.closed.store(true, Ordering::Release);
    }

    /// Whether attached launches still run; what the driver says if one has faulted.
    pub(crate) fn is_running(&self) -> Result<bool, GpuError> {
        match self.running() {
            Some(running) => running.map(|()| true),
            None if self.is_watched() => Ok(false),
            None => Err(GpuError::Unwatched),
        }
    }

    /// Waits until all attached launches have ended. A faulted kernel has ended.
    pub(crate) fn wait(&self, limit: Duration) -> Result<(), GpuError> {
        let begun = Instant::now();
        let mut pause = Duration::from_micros(20);
        loop {
            match self.outcome() {
                Outcome::Ended => return Ok(()),
                Outcome::Unknown(error) => return Err(error),
                Outcome::Running if begun.elapsed() >= limit => {
                    return Err(GpuError::StillRunning(begun.elapsed()));
                }
                Outcome::Running => std::thread::sleep(pause),
            }
            pause = (pause * 2).min(Duration::from_millis(1));
        }
    }

    /// What is known of the attached launches.
    fn outcome(&self) -> Outcome {
        match self.running() {
            Some(Ok(())) => Outcome::Running,
            Some(Err(error)) if has_ended(&error) => Outcome::Ended,
            Some(Err(error)) => Outcome::Unknown(error),
            None if self.is_watched() => Outcome::Ended,
            None => Outcome::Unknown(GpuError::Unwatched),
        }
    }

    /// Whether all launches are watched: those of which nobody knows when they have ended may run
    /// for ever.
    fn is_watched(&self) -> bool {
        // Pairs with the Release in `launched`.
        !self.unwatched.load(Ordering::Acquire)
    }

    /// `Some(Ok)` while launches run, `Some(Err)` if one has faulted, `None` if all have ended (or
    /// none was attached).
    fn running(&self) -> Option<Result<(), GpuError>> {
        let _current = match self.gpu.enter_relaxed() {
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
        let quiet = self.under_way.quiet()?;
        let why = self.why_lost()?;
        // What was seen may be a launch that began meanwhile.
        (self.under_way.quiet() == Some(quiet)).then_some(why)
    }

    /// [`lost`](Self::lost), if no launch is under way.
    fn why_lost(&self) -> Option<String> {
        match self.running() {
            Some(Ok(())) => None,
            Some(Err(error)) => Some(error.to_string()),
            None if !self.is_watched() => Some(GpuError::Unwatched.to_string()),
            // Nothing was launched yet: it may still be. Pairs with the Release in `launched`.
            None if !self.launched.load(Ordering::Acquire) => {
                // Pairs with the Release in `close`.
                self.closed.load(Ordering::Acquire).then(|| "no kernel was ever launched".into())
            }
            None => self.ended(),
        }
    }

    /// All launches have ended, and the stream has not: is that what the kernels wanted?
    fn ended(&self) -> Option<String> {
        match self.paused() {
            // Pairs with the Release in `close`.
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

/// What a session keeps for its kernels.
pub(crate) trait Retained: Debug + Send + Sync {}

impl<T: Debug + Send + Sync> Retained for T {}

/// What is known of a session's attached launches.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Outcome {
    /// All have ended, if only by a fault; or there were none.
    Ended,
    /// Some run.
    Running,
    /// Some may run for ever, and why nobody knows whether they do.
    Unknown(GpuError),
}

/// Whether an error means that no kernel of the context runs any more.
pub(super) fn has_ended(error: &GpuError) -> bool {
    matches!(error, GpuError::Driver { code, .. } if driver::is_end(*code))
}
