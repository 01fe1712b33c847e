//! A ring's file: open and checked.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::Arc;

use nix::errno::Errno;
use nix::fcntl::{AtFlags, FcntlArg, OFlag, SealFlag, fcntl, open, openat};
use nix::libc;
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::stat::{FileStat, Mode, SFlag, fstat, fstatat};
use nix::sys::statfs::{TMPFS_MAGIC, fstatfs};
use nix::unistd::{UnlinkatFlags, geteuid, unlinkat};

use super::error::{MEMORY, ShareError};
use super::folder::Folder;
use super::lock::{Byte, Lock, try_lock};
use super::name::Name;
use super::space::reserve;

/// Seals that keep anybody from shrinking the file under our mapping (or growing it, or lifting the
/// seals).
const SEALS: SealFlag = SealFlag::F_SEAL_SHRINK.union(SealFlag::F_SEAL_GROW).union(SealFlag::F_SEAL_SEAL);

/// Where this process's descriptors have paths.
pub(super) const DESCRIPTORS: &str = "/proc/self/fd";

/// A ring's file with an open file description of its own, to which its locks belong.
#[derive(Debug)]
pub(super) struct RingFile {
    fd: OwnedFd,
    /// Where its name is, if it has one.
    place: Option<(Arc<Folder>, Name)>,
}

/// What became of a name that was to be taken away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Removal {
    Removed,
    /// Somebody has the file open.
    InUse,
    /// It was not this file's name, or not any more.
    NotNamed,
}

impl AsFd for RingFile {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl RingFile {
    /// A file that is to get this name, or has it.
    pub(super) fn new(fd: OwnedFd, folder: &Arc<Folder>, name: Name) -> Self {
        Self { fd, place: Some((Arc::clone(folder), name)) }
    }

    /// The file of this name, checked; `None` if there is none.
    pub(super) fn named(folder: &Arc<Folder>, name: &Name) -> Result<Option<Self>, ShareError> {
        let what = folder.path().join(name.as_str()).display().to_string();
        let flags =
            OFlag::O_RDWR | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
        let fd = match openat(&**folder, name.as_str(), flags, Mode::empty()) {
            Ok(fd) => fd,
            Err(Errno::ENOENT) => return Ok(None),
            Err(Errno::ELOOP | Errno::EISDIR | Errno::ENXIO) => return Err(ShareError::NotAFile { what }),
            Err(other) => return Err(ShareError::system("open", what)(other)),
        };
        let file = Self::new(fd, folder, name.clone());
        let state = file.stat()?;
        check_kind(&state, &what)?;
        check_owner(&state, &what)?;
        Ok(Some(file))
    }

    /// A new file without a name, sealed, of at least `bytes` bytes, which are reserved; and its length.
    pub(super) fn anonymous(bytes: usize) -> Result<(Self, usize), ShareError> {
        let place = MEMORY;
        // A memory file takes what there is and more: the whole machine is too much in any case.
        let all = nix::sys::sysinfo::sysinfo().map_or(u64::MAX, |system| system.ram_total());
        if bytes as u64 > all {
            return Err(ShareError::no_space(bytes, place));
        }
        let fd = memory_file().map_err(ShareError::system("memfd_create", place))?;
        let length = reserve(&fd, bytes, place)?;
        fcntl(&fd, FcntlArg::F_ADD_SEALS(SEALS)).map_err(ShareError::system("F_ADD_SEALS", place))?;
        Ok((Self { fd, place: None }, length))
    }

    /// The file of a descriptor that somebody passed. It is a memory file that nobody can shrink.
    pub(super) fn passed(fd: &OwnedFd) -> Result<Self, ShareError> {
        let file = Self { fd: reopen(fd)?, place: None };
        check_kind(&file.stat()?, &file.to_string())?;
        let seals = fcntl(&file, FcntlArg::F_GET_SEALS).unwrap_or(0);
        let kept = seals & SealFlag::F_SEAL_SHRINK.bits() != 0;
        // Huge pages can be sealed too. They are not taken: the pool of them can run dry under a mapping.
        let system = fstatfs(&file).map_err(ShareError::system("fstatfs", file.to_string()))?;
        if kept && system.filesystem_type() == TMPFS_MAGIC { Ok(file) } else { Err(ShareError::NotSealed) }
    }

    /// Another open file description of the same file: nobody's locks depend on what becomes of it.
    pub(super) fn another(&self) -> Result<OwnedFd, ShareError> {
        reopen(&self.fd)
    }

    pub(super) fn stat(&self) -> Result<FileStat, ShareError> {
        fstat(&self.fd).map_err(ShareError::system("fstat", self.to_string()))
    }

    /// Takes the file's name away if nobody has it open but this description.
    pub(super) fn remove_if_unused(&self) -> Result<Removal, Errno> {
        if try_lock(self, Byte::Open, Lock::Alone)? { self.unlink() } else { Ok(Removal::InUse) }
    }

    /// Takes the file's name away, whoever has it open: nobody needs it any more. This description is
    /// known to hold the shared lock.
    pub(super) fn remove(&self) -> Result<(), Errno> {
        // The shared lock keeps away who would replace the ring; this one, others who do the same.
        if try_lock(self, Byte::Name, Lock::Alone)? {
            self.unlink()?;
        }
        Ok(())
    }

    /// Takes the name away if it is (still) this file's. Nobody else does so meanwhile.
    fn unlink(&self) -> Result<Removal, Errno> {
        let Some((folder, name)) = &self.place else { return Ok(Removal::NotNamed) };
        let ours = fstat(&self.fd)?;
        let named = match fstatat(&**folder, name.as_str(), AtFlags::AT_SYMLINK_NOFOLLOW) {
            Err(Errno::ENOENT) => return Ok(Removal::NotNamed),
            other => other?,
        };
        if (ours.st_dev, ours.st_ino) != (named.st_dev, named.st_ino) {
            return Ok(Removal::NotNamed);
        }
        unlinkat(&**folder, name.as_str(), UnlinkatFlags::NoRemoveDir)?;
        Ok(Removal::Removed)
    }
}

impl std::fmt::Display for RingFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.place {
            Some((folder, name)) => write!(f, "{}", folder.path().join(name.as_str()).display()),
            None => f.write_str("the descriptor's file"),
        }
    }
}

/// A new memory file that can be sealed.
fn memory_file() -> Result<OwnedFd, Errno> {
    let flags = MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING;
    // Nobody runs it: where `vm.memfd_noexec` is 2, the system wants to be told so.
    match memfd_create("perdix", flags | MFdFlags::from_bits_retain(MFD_NOEXEC_SEAL)) {
        // Linux before 6.3 knows no such flag.
        Err(Errno::EINVAL) => memfd_create("perdix", flags),
        other => other,
    }
}

/// The flag of that name in `linux/memfd.h`.
const MFD_NOEXEC_SEAL: libc::c_uint = 8;

/// Opens what a descriptor refers to once more.
fn reopen(fd: &OwnedFd) -> Result<OwnedFd, ShareError> {
    let path = format!("{DESCRIPTORS}/{}", fd.as_raw_fd());
    let flags = OFlag::O_RDWR | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK;
    match open(Path::new(&path), flags, Mode::empty()) {
        // It is open, so only the path can be missing.
        Err(Errno::ENOENT) => Err(ShareError::NoProc),
        other => other.map_err(ShareError::system("open", path)),
    }
}

/// Rings are regular files.
fn check_kind(state: &FileStat, what: &str) -> Result<(), ShareError> {
    let kind = SFlag::from_bits_truncate(state.st_mode) & SFlag::S_IFMT;
    if kind == SFlag::S_IFREG { Ok(()) } else { Err(ShareError::NotAFile { what: what.into() }) }
}

/// Rings belong to the user of this process, and nobody else may do anything with them.
fn check_owner(state: &FileStat, what: &str) -> Result<(), ShareError> {
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
