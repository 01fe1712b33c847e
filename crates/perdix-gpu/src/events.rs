//! Events: what a kernel logs while it runs. [`event!`](crate::event) sends them,
//! `perdix_host::events` reads them.

mod draft;
mod grid;
mod lanes;
mod sink;
mod source;

pub use draft::{Draft, Value};
pub use grid::Events;
pub use lanes::{LaneEvents, LaneSink};
pub use perdix_core::events::{
    Argument, EVENT_KIND, Level, MAX_ARGUMENTS, Scope, check_site, site_bytes, site_id,
};
pub use sink::{EventSink, Waiting};
pub use source::keep;

/// Logs an event: stores the number of this place in the source and the arguments, as they are; the
/// host formats them.
///
/// `event!(sink, LEVEL, "format", arguments...)` with a level of `ERROR`, `WARN`, `INFO`, `DEBUG`
/// or `TRACE`. The sink is an [`Events`](crate::Events), for any thread by itself; a
/// [`LaneEvents`]' lanes; or any producer, called by all lanes together like its other methods. If
/// the ring is full the event is dropped and counted, unless the sink is [`Waiting`]. Its value is
/// whether it was sent: not if it was dropped, if nobody reads any more, or if the level is
/// switched off.
///
/// Arguments are integers of up to 64 bits, floats, `bool`, `char` and pointers, up to 12. The
/// format is part of what `format!` knows: `{}` or
/// `{:[<^>][+][#][0][width][.precision][?xXobeEp]}`, and `{{` for a brace. A wrong number of
/// arguments does not compile:
///
/// ```compile_fail
/// fn log(sink: &mut perdix_gpu::Events) {
///     perdix_gpu::event!(sink, INFO, "{} of {}", 1);
/// }
/// ```
/// ```
/// use perdix_gpu::emulation::{self, EmulatedRing};
/// use perdix_gpu::{Events, Mode, event, intrinsics};
///
/// perdix_gpu::kernel! {
///     /// Logs what two of its threads have found.
///     pub unsafe fn look(ring: perdix_gpu::DeviceRing) {
///         // SAFETY: the ring is for this kernel's events alone.
///         let Ok(mut events) = (unsafe { Events::new(ring) }) else { return };
///         let thread = intrinsics::thread_rank();
///         if thread % 16 == 3 {
///             event!(events, INFO, "thread {} found {:.2}", thread, thread as f32 / 8.0);
///         }
///         events.finish();
///     }
/// }
///
/// let mut ring = EmulatedRing::new(16, Mode::Fenced);
/// // SAFETY: the ring outlives the launch.
/// emulation::launch(1, 32, || unsafe { look(ring.handle()) });
/// assert_eq!(ring.received().len(), 2);
/// ```
#[macro_export]
macro_rules! event {
    ($sink:expr, $level:ident, $format:literal $(, $argument:expr)* $(,)?) => {
        // Items first: they see nothing of the arguments, and the arguments nothing of them.
        match [$($crate::events::Value::of($argument)),*] {
            values => {
                const TEXT: &::core::primitive::str = ::core::concat!(
                    "\u{1}perdix-event 1\u{1f}",
                    ::core::stringify!($level),
                    "\u{1f}",
                    ::core::line!(),
                    "\u{1f}",
                    ::core::file!(),
                    "\u{1f}",
                    ::core::module_path!(),
                    "\u{1f}",
                    $format,
                    "\u{4}",
                );
                const LEVEL: $crate::events::Level = $crate::events::Level::$level;
                const SITE: ::core::primitive::u32 = {
                    $crate::events::check_site($format, $crate::count_arguments!($($argument),*));
                    $crate::events::site_id(TEXT)
                };
                // The host looks for it in the module.
                #[used]
                static RECORD: [::core::primitive::u8; TEXT.len()] = $crate::events::site_bytes(TEXT);
                $crate::events::keep(&RECORD);
                #[allow(unused_imports)] // or the sink's own method of that name
                use $crate::events::EventSink as _;
                let draft = $crate::events::Draft::new(SITE, values);
                $sink.send_event(LEVEL, &draft)
            }
        }
    };
}

/// How many arguments there are.
#[doc(hidden)]
#[macro_export]
macro_rules! count_arguments {
    () => { 0 };
    ($first:expr $(, $rest:expr)*) => { 1 + $crate::count_arguments!($($rest),*) };
}
