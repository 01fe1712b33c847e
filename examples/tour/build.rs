//! Compiles the kernel crate to PTX.

use perdix_build::Kernels;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    Kernels::new("kernels").build()?;
    Ok(())
}
