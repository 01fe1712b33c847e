//! One consumer per granularity: messages that a CPU sends into a kernel while it runs.

mod block;
mod error;
mod input;
mod message;
mod thread;
mod warp;

pub use block::BlockConsumer;
pub use error::ConsumeError;
pub use message::{Received, WarpMessage};
pub use thread::ThreadConsumer;
pub use warp::WarpConsumer;
