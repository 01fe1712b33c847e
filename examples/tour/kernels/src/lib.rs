//! The tour's kernels. Each is compiled twice: to PTX, and for the host, whose emulated lanes run the same code.
#![cfg_attr(target_arch = "nvptx64", no_std, feature(abi_ptx))]

mod energy;
mod grep;
mod hello;
mod inspect;
mod primes;
mod span;
mod tokens;

pub use energy::energy;
pub use grep::grep;
pub use hello::hello;
pub use inspect::inspect;
pub use primes::{Count, PIECE, primes};
pub use span::Span;
pub use tokens::{Corpus, next_word, tokens};
