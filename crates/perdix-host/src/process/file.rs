//! A ring's file: open, checked, with room for all of it.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;

use nix::errno::Errno;
use nix::fcntl::{AtFlags, FallocateFlags, FcntlArg, OFlag, SealFlag, fallocate, fcntl, open};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::stat::{FileStat, Mode, SFlag, fstat, fstatat};
use nix::unistd::{UnlinkatFlags, ftruncate, geteuid, unlinkat};

use super::directory::Directory;
use super::error::ShareError;
use super::lock::{Byte, Lock, try_lock};
use super::name::Name;

/// Files are whole pages, so that what is registered with a GPU shares no page with anything else.
const PAGE: usize = 4096;

/// Seals that keep anybody from shrinking the file under our mapping (or growing it, or lifting the seals).
const SEALS: SealFlag = SealFlag::F_SEAL_SHRINK.union(SealFlag::F_SEAL_GROW).union(SealFlag::F_SEAL_SEAL);

/// A ring's file with an open file description of its own, to which its locks belong.
#[derive(Debug)]
pub(super) struct RingFile {
    fd: OwnedFd,
    /// Where its name is, if it has one.
    place: Option<(Directory, Name)>,
}

impl AsFd for RingFile {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl RingFile {
    pub(super) fn new(fd: OwnedFd, place: Option<(Directory, Name)>) -> Self {
        Self { fd, place }
    }

    /// A new file without a name, sealed, of at least `bytes` bytes, which are reserved; and its length.
    pub(super) fn anonymous(bytes: usize) -> Result<(Self, usize), ShareError> {
        let place = "memory";
        // A memory file takes what there is and more: the whole machine is too much in any case.
        let all = nix::sys::sysinfo::sysinfo().map_or(u64::MAX, |system| system.ram_total());
        if bytes as u64 > all {
            return Err(ShareError::NoSpace { bytes: bytes as u64, place: place.into() });
        }
        let flags = MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING;
        let fd = memfd_create("perdix", flags).map_err(ShareError::system("memfd_create", place))?;
        let length = reserve(&fd, bytes, place)?;
        fcntl(&fd, FcntlArg::F_ADD_SEALS(SEALS)).map_err(ShareError::system("F_ADD_SEALS", place))?;
        Ok((Self::new(fd, None), length))
    }

    /// The file of a descriptor that somebody passed, which is either sealed or ours alone.
    pub(super) fn passed(fd: &OwnedFd) -> Result<Self, ShareError> {
        let file = Self::new(reopen(fd)?, None);
        let state = file.stat()?;
        check_kind(&state, &file.to_string())?;
        let seals = fcntl(&file, FcntlArg::F_GET_SEALS).map_or(0, |seals| seals);
        if seals & SealFlag::F_SEAL_SHRINK.bits() != 0 {
            return Ok(file);
        }
        match check_owner(&state, &file.to_string()) {
            Ok(()) => Ok(file),
            Err(_) => Err(ShareError::NotSealed),
        }
    }

    /// Another open file description of the same file: nobody's locks depend on what becomes of it.
    pub(super) fn another(&self) -> Result<OwnedFd, ShareError> {
        reopen(&self.fd)
    }

    pub(super) fn stat(&self) -> Result<FileStat, ShareError> {
        fstat(&self.fd).map_err(ShareError::system("fstat", self.to_string()))
    }

    /// Takes the file's name away if nobody has it open but this description. Whether it had a name and has none now.
    pub(super) fn remove_if_unused(&self) -> Result<bool, Errno> {
        Ok(try_lock(self, Byte::Open, Lock::Alone)? && self.unlink()?)
    }

    /// Takes the file's name away, whoever has it open: nobody needs it any more. This description is known to hold the shared lock.
    pub(super) fn remove(&self) -> Result<(), Errno> {
        // The shared lock keeps away who would replace the ring; this one, others who do the same.
        if try_lock(self, Byte::Name, Lock::Alone)? {
            self.unlink()?;
        }
        Ok(())
    }

    /// Takes the name away if it is (still) this file's. Nobody else does so meanwhile.
    fn unlink(&self) -> Result<bool, Errno> {
        let Some((directory, name)) = &self.place else { return Ok(false) };
        let ours = fstat(&self.fd)?;
        let named = match fstatat(directory, name.as_str(), AtFlags::AT_SYMLINK_NOFOLLOW) {
            Err(Errno::ENOENT) => return Ok(false),
            other => other?,
        };
        if (ours.st_dev, ours.st_ino) != (named.st_dev, named.st_ino) {
            return Ok(false);
        }
        unlinkat(directory, name.as_str(), UnlinkatFlags::NoRemoveDir)?;
        Ok(true)
    }
}

impl std::fmt::Display for RingFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.place {
            Some((directory, name)) => write!(f, "{}", directory.path().join(name.as_str()).display()),
            None => f.write_str("the descriptor's file"),
        }
    }
}

/// Gives a new file its length, with memory behind all of it: a lack of memory is an error here, and not a signal later.
pub(super) fn reserve(fd: &OwnedFd, bytes: usize, place: &str) -> Result<usize, ShareError> {
    let no_space = || ShareError::NoSpace { bytes: bytes as u64, place: place.into() };
    let length = bytes.checked_next_multiple_of(PAGE).ok_or_else(no_space)?;
    let size = i64::try_from(length).map_err(|_| no_space())?;
    loop {
        match fallocate(fd, FallocateFlags::empty(), 0, size) {
            Ok(()) => break,
            Err(Errno::EINTR) => {}
            Err(Errno::ENOSPC | Errno::ENOMEM | Errno::EFBIG | Errno::EDQUOT) => return Err(no_space()),
            Err(other) => return Err(ShareError::system("fallocate", place)(other)),
        }
    }
    ftruncate(fd, size).map_err(ShareError::system("ftruncate", place))?;
    Ok(length)
}

/// Opens what a descriptor refers to once more.
fn reopen(fd: &OwnedFd) -> Result<OwnedFd, ShareError> {
    let path = PathBuf::from(format!("/proc/self/fd/{}", fd.as_raw_fd()));
    open(&path, OFlag::O_RDWR | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK, Mode::empty())
        .map_err(ShareError::system("open", path.display().to_string()))
}

/// Rings are regular files.
pub(super) fn check_kind(state: &FileStat, what: &str) -> Result<(), ShareError> {
    let kind = SFlag::from_bits_truncate(state.st_mode) & SFlag::S_IFMT;
    if kind == SFlag::S_IFREG { Ok(()) } else { Err(ShareError::NotAFile { what: what.into() }) }
}

/// Rings belong to the user of this process, and nobody else may do anything with them.
pub(super) fn check_owner(state: &FileStat, what: &str) -> Result<(), ShareError> {
    let user = geteuid().as_raw();
    if state.st_uid != user {
        return Err(ShareError::Owner { what: what.into(), owner: state.st_uid, user });
    }
    let mode = state.st_mode & 0o7777;
    if mode & 0o077 != 0 {
        return Err(ShareError::Mode { what: what.into(), mode });
    }
    Ok(())
}
