//! Which libcuda programs are linked against, and whether one can be loaded here.

use std::env;
use std::error::Error;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::path::{Path, PathBuf};

use crate::cuda_stub;

/// The variable with which CUDA crates are told where to look.
const VARIABLE: &str = "CUDA_LIBRARY_PATH";
/// The driver's library, as programs name it.
const DRIVER: &CStr = c"libcuda.so.1";
/// Resolve no function before it is called.
const RTLD_LAZY: c_int = 1;

unsafe extern "C" {
    fn dlopen(name: *const c_char, flags: c_int) -> *mut c_void;
}

/// The folder to hand to build scripts as `CUDA_LIBRARY_PATH`: an installed CUDA, else the stub, which is made if need be.
///
/// Which one it is makes no difference to the program: all bear the same name, and the loader takes the driver's library.
pub(crate) fn provide() -> Result<PathBuf, Box<dyn Error>> {
    match installed() {
        Some(folder) => Ok(folder),
        None => Ok(cuda_stub::build()?.folder),
    }
}

fn installed() -> Option<PathBuf> {
    // The repository's cargo configuration sets the variable to the stub, which is no installation.
    let chosen = env::var_os(VARIABLE).map(PathBuf::from).filter(|folder| *folder != cuda_stub::folder());
    let roots = ["CUDA_PATH", "CUDA_ROOT"].into_iter().filter_map(env::var_os).map(PathBuf::from);
    let usual = ["/usr/local/cuda", "/opt/cuda"].map(PathBuf::from);
    chosen.into_iter().chain(roots).chain(usual).find(|folder| is_linkable(folder))
}

/// Whether there is a libcuda where CUDA crates look below the folder.
fn is_linkable(folder: &Path) -> bool {
    ["lib64/libcuda.so", "lib64/stubs/libcuda.so"].iter().any(|library| folder.join(library).exists())
}

/// Whether the loader finds the driver's library: a program linked to it does not even start otherwise.
pub(crate) fn is_loadable() -> bool {
    // SAFETY: the name ends with a NUL; NVIDIA's library and the stub may be loaded into any program.
    !unsafe { dlopen(DRIVER.as_ptr(), RTLD_LAZY) }.is_null()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_without_the_library_is_not_linked_against() {
        assert!(!is_linkable(Path::new("/nowhere/cuda")));
    }
}
