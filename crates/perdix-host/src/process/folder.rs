//! An open directory that is this user's alone.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sys::stat::{Mode, fchmod, fstat};
use nix::unistd::{geteuid, mkdir};

use super::error::ShareError;

/// A directory of rings, open and checked. Files are opened relative to it.
#[derive(Debug)]
pub(super) struct Folder {
    fd: OwnedFd,
    path: PathBuf,
}

impl AsFd for Folder {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl Folder {
    /// Opens the directory; `None` if it is not there.
    pub(super) fn open(path: &Path) -> Result<Option<Self>, ShareError> {
        Self::open_as(path, false)
    }

    /// Opens the directory, and makes it (not its parents) if it is not there.
    pub(super) fn make(path: &Path) -> Result<Self, ShareError> {
        let shown = || path.display().to_string();
        let made = match mkdir(path, Mode::S_IRWXU) {
            Ok(()) => true,
            Err(Errno::EEXIST) => false,
            Err(other) => return Err(ShareError::system("mkdir", shown())(other)),
        };
        Self::open_as(path, made)?.ok_or_else(|| ShareError::system("open", shown())(Errno::ENOENT))
    }

    /// The path by which it was opened.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    fn open_as(path: &Path, made: bool) -> Result<Option<Self>, ShareError> {
        let wrong = |why: String| ShareError::Directory { path: path.to_owned(), why };
        let shown = || path.display().to_string();
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let fd = match open(path, flags, Mode::empty()) {
            Ok(fd) => fd,
            Err(Errno::ENOENT) => return Ok(None),
            Err(Errno::ENOTDIR | Errno::ELOOP) => return Err(wrong("it is no directory".into())),
            Err(Errno::EACCES) => return Err(wrong("this process may not look into it".into())),
            Err(other) => return Err(ShareError::system("open", shown())(other)),
        };
        if made {
            // Whatever the umask took away.
            fchmod(&fd, Mode::S_IRWXU).map_err(ShareError::system("fchmod", shown()))?;
        }
        let state = fstat(&fd).map_err(ShareError::system("fstat", shown()))?;
        let user = geteuid().as_raw();
        if state.st_uid != user {
            return Err(wrong(format!("it belongs to user {}, this process to user {user}", state.st_uid)));
        }
        if state.st_mode & 0o077 != 0 {
            let mode = state.st_mode & 0o7777;
            return Err(wrong(format!("others may use it (mode {mode:03o}); it must have mode 700")));
        }
        Ok(Some(Self { fd, path: path.to_owned() }))
    }
}
