//! A ring's file before it has its name.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags, OFlag, openat};
use nix::sys::stat::{Mode, fchmod};
use nix::unistd::{UnlinkatFlags, linkat, unlinkat};

use super::error::ShareError;
use super::file::DESCRIPTORS;
use super::folder::Folder;
use super::name::Name;

/// A new, empty file that nobody finds by a ring's name. It goes if it does not get one.
///
/// Where `/proc` is mounted it has no name at all. Elsewhere it cannot be linked without one, so it
/// has one that is no ring's (it begins with a dot) until this is dropped.
#[derive(Debug)]
pub(super) struct NewFile {
    fd: OwnedFd,
    folder: Arc<Folder>,
    scratch: Option<String>,
}

impl AsFd for NewFile {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl NewFile {
    /// Makes the file, which only its owner may read and write, whatever the umask.
    pub(super) fn create(folder: &Arc<Folder>) -> Result<Self, ShareError> {
        let unnamed = Path::new(DESCRIPTORS).is_dir();
        Self::create_as(folder, unnamed)
    }

    fn create_as(folder: &Arc<Folder>, unnamed: bool) -> Result<Self, ShareError> {
        /// Of the files that this process has made by a name.
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let shown = || folder.path().display().to_string();
        let (flags, call, scratch) = if unnamed {
            (OFlag::O_TMPFILE, "open (O_TMPFILE)", None)
        } else {
            let number = NUMBER.fetch_add(1, Ordering::Relaxed);
            let name = format!(".new-{}-{number}", std::process::id());
            (OFlag::O_CREAT | OFlag::O_EXCL, "open (O_CREAT)", Some(name))
        };
        let path = scratch.as_deref().unwrap_or(".");
        let flags = flags | OFlag::O_RDWR | OFlag::O_CLOEXEC;
        let owner = Mode::S_IRUSR | Mode::S_IWUSR;
        let fd = openat(&**folder, path, flags, owner).map_err(ShareError::system(call, shown()))?;
        let file = Self { fd, folder: Arc::clone(folder), scratch };
        fchmod(&file, owner).map_err(ShareError::system("fchmod", shown()))?;
        Ok(file)
    }

    /// Another descriptor of the same open file.
    pub(super) fn another(&self) -> Result<OwnedFd, ShareError> {
        let shown = || self.folder.path().display().to_string();
        self.fd.try_clone().map_err(|error| {
            ShareError::system("dup", shown())(Errno::from_raw(error.raw_os_error().unwrap_or(0)))
        })
    }

    /// Gives the file the name.
    pub(super) fn link(&self, name: &Name) -> Result<(), Errno> {
        let folder = &*self.folder;
        match &self.scratch {
            Some(scratch) => linkat(folder, scratch.as_str(), folder, name.as_str(), AtFlags::empty()),
            None => {
                let open = format!("{DESCRIPTORS}/{}", self.fd.as_raw_fd());
                linkat(AT_FDCWD, open.as_str(), folder, name.as_str(), AtFlags::AT_SYMLINK_FOLLOW)
            }
        }
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if let Some(scratch) = &self.scratch {
            // If it is gone already, so much the better.
            let _ = unlinkat(&*self.folder, scratch.as_str(), UnlinkatFlags::NoRemoveDir);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use nix::sys::stat::fstat;

    /// Both ways give a file of one name, and leave nothing else behind.
    #[test]
    fn with_and_without_proc() {
        let outer = tempfile::tempdir().unwrap();
        let folder = Arc::new(Folder::make(&outer.path().join("rings")).unwrap());
        for unnamed in [true, false] {
            let name = Name::new(if unnamed { "a" } else { "b" }).unwrap();
            let file = NewFile::create_as(&folder, unnamed).unwrap();
            file.link(&name).unwrap();
            assert_eq!(file.link(&name), Err(Errno::EEXIST));
            let fd = file.another().unwrap();
            drop(file);
            let state = fstat(&fd).unwrap();
            assert_eq!((state.st_nlink, state.st_mode & 0o7777), (1, 0o600));
            drop(NewFile::create_as(&folder, unnamed).unwrap());
        }
        let mut names: Vec<_> = std::fs::read_dir(outer.path().join("rings"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        names.sort();
        assert_eq!(names, ["a", "b"]);
    }
}
