//! Events: what a kernel logs, as the device sends it and the host reads it. [`docs/events.md`] is the specification.
//!
//! A device sends no text: only the number of the *site*, the place in the source that the event comes from, and the raw arguments. The
//! site's level, place and format lie as text in the kernel's module, where the host finds them.
//!
//! [`docs/events.md`]: https://github.com/perdix-gpu/perdix/blob/main/docs/events.md

mod format;
mod record;
mod site;

pub use format::{Align, Malformed, Piece, Spec, Style, count_arguments, next_piece};
pub use record::{Argument, ArgumentType, Head, HeadError, MAX_ARGUMENTS, Place, Scope, types_of};
pub use site::{Level, SITE_END, SITE_FIELD, SITE_MAGIC, check_site, site_bytes, site_id};

/// The kind of messages that hold events: one or more records, one behind the other.
pub const EVENT_KIND: u16 = crate::typed::FIRST_RESERVED_KIND;
