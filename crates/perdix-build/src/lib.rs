//! Compiles a Rust kernel crate to PTX from a build script, with nothing but rustc and its library source.
//!
//! The kernel crate is an ordinary `#![no_std]` library whose kernels are `extern "ptx-kernel"` functions. No CUDA
//! toolkit, linker or LLVM tool takes part, and the machine that builds needs no GPU. In `build.rs`:
//!
//! ```no_run
//! use perdix_build::{Arch, Kernels};
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     Kernels::new("../kernels").arch(Arch::Sm70).build()?;
//!     Ok(())
//! }
//! ```
//!
//! and in the program, when the kernel crate's package is called `my-kernels`:
//!
//! ```ignore
//! const PTX: &str = include_str!(env!("PERDIX_PTX_MY_KERNELS"));
//! ```
//!
//! `examples/own-kernel` in the Perdix repository is such a program. Every build ends with [`inspect()`], which refuses PTX that would not load or would break the ring's protocol.
//! Where the compiler comes from is told in [`toolchain`]; `cargo xtask setup` in the Perdix repository fetches one.
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod header;
pub mod inspect;
pub mod ptxas;
pub mod toolchain;

mod arch;
mod error;
mod kernels;

pub use arch::{Arch, ParseArchError};
pub use error::BuildError;
pub use header::Header;
pub use inspect::{InspectError, Policy, Report, inspect};
pub use kernels::{Kernels, Output};
pub use toolchain::Toolchain;
