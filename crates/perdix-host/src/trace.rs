//! What happens to rings, as events and spans of the crate `tracing` with the target `perdix`;
//! nothing without the feature `tracing`.
//!
//! Never for a message: these are beginnings, ends and troubles; a trouble for every call that
//! reports it. A ring is known by its address in this process.
#![cfg_attr(not(feature = "tracing"), allow(unused_variables))]

use std::fmt::Display;
use std::time::Duration;

use perdix_core::{Fault, Ring};

/// An event about a ring: level, ring, text, fields.
macro_rules! event {
    ($level:ident, $ring:expr, $text:literal $(, $($fields:tt)*)?) => {
        #[cfg(feature = "tracing")]
        tracing::event!(
            target: "perdix",
            tracing::Level::$level,
            ring = format_args!("{:p}", $ring.address()),
            $($($fields)*,)?
            $text
        );
    };
}

/// `place`: its file, or why its memory was chosen.
pub(crate) fn made(ring: &Ring, place: &dyn Display) {
    event!(DEBUG, ring, "ring made", slots = ring.capacity(), mode = %ring.mode(), place = %place);
}

/// This process has taken a role in a ring that it shares with another.
#[cfg(target_os = "linux")]
pub(crate) fn attached(ring: &Ring, role: &'static str, file: &dyn Display) {
    event!(DEBUG, ring, "attached", role = role, file = %file);
}

/// The producer has ended the stream, or was dropped by a panic.
pub(crate) fn produced(ring: &Ring, messages: u64, panicked: bool) {
    if panicked {
        event!(ERROR, ring, "the producer panicked; the stream broke off", messages = messages);
    } else {
        event!(DEBUG, ring, "the producer ended the stream", messages = messages);
    }
}

pub(crate) fn left(ring: &Ring, messages: u64) {
    event!(DEBUG, ring, "the consumer left", messages = messages);
}

/// A producing call found nobody reading.
#[cfg(feature = "tracing")]
#[cold]
pub(crate) fn consumer_gone(ring: &Ring) {
    event!(DEBUG, ring, "the producer found the consumer gone");
}

/// A waiting call reached its limit.
#[cold]
pub(crate) fn timed_out(ring: &Ring, half: &'static str, waited: Duration) {
    event!(TRACE, ring, "timed out", half = half, waited = ?waited);
}

/// The consumer saw that its producer gave up.
#[cold]
pub(crate) fn failed(ring: &Ring, fault: Fault, first_missing: u64) {
    event!(WARN, ring, "the producer gave up", fault = %fault, first_missing = first_missing);
}

/// The consumer saw that kernels or a process ended without ending the stream.
#[cold]
pub(crate) fn lost(ring: &Ring, why: &str, first_missing: u64) {
    event!(WARN, ring, "the producer is lost", why = why, first_missing = first_missing);
}

/// The ring's memory was not freed, as kernels may still write to it.
#[cold]
pub(crate) fn leaked(ring: &Ring) {
    event!(ERROR, ring, "kernels did not end in time; the ring's memory is kept for ever");
}

/// The span of a ring's life in this process, until its memory is given back.
#[derive(Debug)]
pub(crate) struct RingSpan {
    #[cfg(feature = "tracing")]
    _span: tracing::Span,
}

impl RingSpan {
    /// Of a ring that was made or attached.
    pub(crate) fn begin(ring: &Ring) -> Self {
        Self {
            #[cfg(feature = "tracing")]
            _span: tracing::debug_span!(
                target: "perdix",
                "ring",
                ring = format_args!("{:p}", ring.address()),
                slots = ring.capacity(),
                mode = %ring.mode()
            ),
        }
    }
}

/// The span of a session's launches, from the first one until all were seen to have ended. The
/// session is known by the address of its state on the device.
#[cfg(feature = "cuda")]
#[derive(Debug, Default)]
pub(crate) struct Launches {
    #[cfg(feature = "tracing")]
    span: std::sync::Mutex<Option<tracing::Span>>,
}

#[cfg(feature = "cuda")]
impl Launches {
    /// A launch is attached to the session.
    pub(crate) fn launched(&self, session: *const perdix_core::DeviceState, is_watched: bool) {
        #[cfg(feature = "tracing")]
        {
            let span = || tracing::debug_span!(target: "perdix", "kernels", ?session);
            self.span().get_or_insert_with(span);
            tracing::debug!(target: "perdix", ?session, is_watched, "kernels launched");
        }
    }

    /// All launches of the session were seen to have ended. (A fault shows as the loss of the
    /// producer.)
    pub(crate) fn ended(&self, session: *const perdix_core::DeviceState) {
        #[cfg(feature = "tracing")]
        {
            tracing::debug!(target: "perdix", ?session, "kernels ended");
            *self.span() = None;
        }
    }

    #[cfg(feature = "tracing")]
    fn span(&self) -> std::sync::MutexGuard<'_, Option<tracing::Span>> {
        self.span.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
