//! Room for a ring: whole pages, reserved before anything is written there.

use std::os::fd::AsFd;

use nix::errno::Errno;
use nix::fcntl::{FallocateFlags, fallocate};
use nix::sys::resource::{Resource, getrlimit};
use nix::unistd::{SysconfVar, ftruncate, sysconf};

use super::error::ShareError;

/// Gives a new file its length, with memory behind all of it: a lack of memory is an error here,
/// and not a signal later. Returns the length, which is at least `bytes`.
pub(super) fn reserve(fd: impl AsFd, bytes: usize, place: &str) -> Result<usize, ShareError> {
    let no_space = || ShareError::no_space(bytes, place);
    let length = bytes.checked_next_multiple_of(page()).ok_or_else(no_space)?;
    let size = i64::try_from(length).map_err(|_| no_space())?;
    // Beyond that limit the system would send SIGXFSZ, which ends the process.
    let (limit, _) = getrlimit(Resource::RLIMIT_FSIZE).map_err(ShareError::system("getrlimit", place))?;
    if length as u64 > limit {
        return Err(ShareError::NoSpace { bytes: bytes as u64, place: place.into(), limit: Some(limit) });
    }
    loop {
        match fallocate(fd.as_fd(), FallocateFlags::empty(), 0, size) {
            Ok(()) => break,
            Err(Errno::EINTR) => {}
            Err(Errno::ENOSPC | Errno::ENOMEM | Errno::EFBIG | Errno::EDQUOT) => return Err(no_space()),
            Err(other) => return Err(ShareError::system("fallocate", place)(other)),
        }
    }
    ftruncate(fd, size).map_err(ShareError::system("ftruncate", place))?;
    Ok(length)
}

/// Bytes of a page. Files are whole pages, so that what is registered with a GPU shares no page
/// with anything else.
fn page() -> usize {
    // Without an answer the largest page that Linux has on any machine with GPUs.
    let bytes = sysconf(SysconfVar::PAGE_SIZE).ok().flatten();
    bytes.and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or(1 << 16)
}
