//! The rules of the protocol as pure functions: no memory, no waiting, nothing but numbers.
//!
//! Every producer and consumer, on the CPU and on a GPU, decides with these functions. What differs
//! between them is only how they read and write the words that the functions speak of. Message
//! numbers are 64 bits wide and wrap; no argument makes a function panic.
//!
//! * [`Credit`]: which slots are free for the producer, and what a tail word may say.
//! * [`Plan`]: when a gap marker is published, and when a message is dropped.
//! * [`batch`]: the header words of messages that one sequence word publishes.
//! * [`StreamEnd`], [`Claims`]: where a stream ends, and what is missing there.
//! * [`recovery`]: where a successor goes on.

pub mod batch;
mod credit;
mod end;
mod gap;
pub mod recovery;

pub use credit::{Credit, claimants_margin, crosses_eighth, tail_interval};
pub use end::{Claims, StreamEnd, until_end};
pub use gap::{Plan, marker_and, unreported};
