//! Where rings with names are.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, open, openat};
use nix::sys::stat::{Mode, fchmod, fstat};
use nix::unistd::{geteuid, linkat, mkdir};

use super::error::ShareError;
use super::file::{RingFile, check_kind, check_owner, reserve};
use super::listing::{self, Listed};
use super::lock::{self, Byte, Lock};
use super::mapping::Mapping;
use super::name::Name;
use super::ring::SharedRing;
use crate::builder::Builder;

/// How often one looks again when other processes make and remove rings of the same name at the same moment.
const ROUNDS: u32 = 16;

/// A directory in which the rings of one user have their names. Cheap to clone.
///
/// It belongs to the user of this process, and nobody else may look into it (mode 700). Everything is opened relative to it, and
/// names cannot leave it.
#[derive(Clone, Debug)]
pub struct Directory(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    fd: OwnedFd,
    path: PathBuf,
}

impl AsFd for Directory {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.fd.as_fd()
    }
}

impl Directory {
    /// The user's own: `/dev/shm/perdix-UID`, made if it is not there.
    ///
    /// # Errors
    /// [`ShareError::Directory`] if it is not a directory that belongs to this user alone; [`ShareError::System`].
    pub fn of_user() -> Result<Self, ShareError> {
        Self::at(Path::new("/dev/shm").join(format!("perdix-{}", geteuid())))
    }

    /// Another one, for containers and tests; made (not its parents) if it is not there. It should lie in memory (a tmpfs): elsewhere
    /// the system writes the ring to a disk now and then.
    ///
    /// # Errors
    /// As [`of_user`](Self::of_user).
    pub fn at(path: impl Into<PathBuf>) -> Result<Self, ShareError> {
        let path = path.into();
        let shown = path.display().to_string();
        let made = match mkdir(&path, Mode::S_IRWXU) {
            Ok(()) => true,
            Err(Errno::EEXIST) => false,
            Err(other) => return Err(ShareError::system("mkdir", shown)(other)),
        };
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let wrong = |why: String| ShareError::Directory { path: path.clone(), why };
        let fd = match open(&path, flags, Mode::empty()) {
            Ok(fd) => fd,
            Err(Errno::ENOTDIR | Errno::ELOOP) => return Err(wrong("it is no directory".into())),
            Err(other) => return Err(ShareError::system("open", shown)(other)),
        };
        if made {
            // Whatever the umask took away.
            fchmod(&fd, Mode::S_IRWXU).map_err(ShareError::system("fchmod", shown.clone()))?;
        }
        let state = fstat(&fd).map_err(ShareError::system("fstat", shown))?;
        let user = geteuid().as_raw();
        if state.st_uid != user {
            return Err(wrong(format!("it belongs to user {}, this process to user {user}", state.st_uid)));
        }
        if state.st_mode & 0o077 != 0 {
            let mode = state.st_mode & 0o7777;
            return Err(wrong(format!("others may use it (mode {mode:03o}); it must have mode 700")));
        }
        Ok(Self(Arc::new(Inner { fd, path })))
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// Makes a ring as the builder says and gives it a name: 1 to 64 ASCII letters, digits, `.`, `_` and `-`, not beginning with a dot.
    ///
    /// The name appears when the ring is ready, never before. A ring that nobody has open any more is replaced, with all that was left
    /// unread in it.
    ///
    /// # Errors
    /// [`ShareError::InUse`] if some process has a ring of this name open, [`ShareError::NoSpace`], and for a bad name or number of slots.
    pub fn create(&self, name: &str, builder: Builder) -> Result<SharedRing, ShareError> {
        let name = Name::new(name)?;
        let flags = OFlag::O_TMPFILE | OFlag::O_RDWR | OFlag::O_CLOEXEC;
        let place = self.path().display().to_string();
        let plan = builder.shared_plan()?;
        let fd = openat(self, ".", flags, Mode::S_IRUSR | Mode::S_IWUSR)
            .map_err(ShareError::system("open (O_TMPFILE)", place.clone()))?;
        fchmod(&fd, Mode::S_IRUSR | Mode::S_IWUSR).map_err(ShareError::system("fchmod", place.clone()))?;
        let length = reserve(&fd, plan.config.bytes()?, &place)?;
        let mapping = Mapping::new(&fd, length).map_err(ShareError::system("mmap", place))?;
        let file = RingFile::new(fd, Some((self.clone(), name.clone())));
        let ring = SharedRing::fresh(file, mapping, plan)?;
        self.link(&ring, &name)?;
        Ok(ring)
    }

    /// Opens the ring of this name.
    ///
    /// # Errors
    /// [`ShareError::NotFound`]; [`ShareError::Owner`], [`ShareError::Mode`] or [`ShareError::NotAFile`] if what has the name is not to be
    /// trusted; [`ShareError::Invalid`] if it is no ring of this build's layout.
    pub fn open(&self, name: &str) -> Result<SharedRing, ShareError> {
        let name = Name::new(name)?;
        for _ in 0..ROUNDS {
            let Some(file) = self.open_file(&name)? else { break };
            let what = file.to_string();
            let locked = lock::lock(&file, Byte::Open, Lock::Shared);
            if !locked.map_err(ShareError::system("F_OFD_SETLK", what))? {
                return Err(ShareError::InUse { name: name.to_string() });
            }
            // Its name may have been taken away between the two; then there may be another ring of that name.
            if file.stat()?.st_nlink != 0 {
                return SharedRing::of_file(file);
            }
        }
        Err(ShareError::NotFound { name: name.to_string(), directory: self.path().to_owned() })
    }

    /// All rings with a name, in the order of their names, as they are now. Files that are no rings are left out.
    ///
    /// # Errors
    /// [`ShareError::System`] if the directory cannot be read.
    pub fn list(&self) -> Result<Vec<Listed>, ShareError> {
        listing::list(self)
    }

    /// Removes the ring of this name, if nobody has it open, with all that is left unread in it.
    ///
    /// # Errors
    /// [`ShareError::NotFound`]; [`ShareError::InUse`].
    pub fn remove(&self, name: &str) -> Result<(), ShareError> {
        let name = Name::new(name)?;
        let directory = self.path().to_owned();
        let Some(file) = self.open_file(&name)? else {
            return Err(ShareError::NotFound { name: name.to_string(), directory });
        };
        let what = file.to_string();
        match file.remove_if_unused().map_err(ShareError::system("unlink", what))? {
            true => Ok(()),
            false => Err(ShareError::InUse { name: name.to_string() }),
        }
    }

    /// Removes all rings that nobody has open, whatever is left unread in them, and says which. Files that are no rings stay.
    ///
    /// # Errors
    /// [`ShareError::System`] if the directory cannot be read.
    pub fn cleanup(&self) -> Result<Vec<String>, ShareError> {
        let rings = self.list()?;
        let removed = rings.into_iter().filter(|ring| self.remove(&ring.name).is_ok());
        Ok(removed.map(|ring| ring.name).collect())
    }

    /// The file of this name, checked; `None` if there is none.
    pub(super) fn open_file(&self, name: &Name) -> Result<Option<RingFile>, ShareError> {
        let what = self.path().join(name.as_str()).display().to_string();
        let flags =
            OFlag::O_RDWR | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
        let fd = match openat(self, name.as_str(), flags, Mode::empty()) {
            Ok(fd) => fd,
            Err(Errno::ENOENT) => return Ok(None),
            Err(Errno::ELOOP | Errno::EISDIR | Errno::ENXIO) => return Err(ShareError::NotAFile { what }),
            Err(other) => return Err(ShareError::system("open", what)(other)),
        };
        let file = RingFile::new(fd, Some((self.clone(), name.clone())));
        let state = file.stat()?;
        check_kind(&state, &what)?;
        check_owner(&state, &what)?;
        Ok(Some(file))
    }

    /// Gives a ring that is ready its name.
    fn link(&self, ring: &SharedRing, name: &Name) -> Result<(), ShareError> {
        use std::os::fd::AsRawFd;
        let what = || self.path().join(name.as_str()).display().to_string();
        let open = format!("/proc/self/fd/{}", ring.as_file().as_fd().as_raw_fd());
        for _ in 0..ROUNDS {
            match linkat(nix::fcntl::AT_FDCWD, open.as_str(), self, name.as_str(), AtFlags::AT_SYMLINK_FOLLOW)
            {
                Ok(()) => return Ok(()),
                Err(Errno::EEXIST) => {}
                Err(other) => return Err(ShareError::system("link", what())(other)),
            }
            // Whoever has it open may be about to leave, or to remove it.
            let Some(old) = self.open_file(name)? else { continue };
            let alone = lock::lock(&old, Byte::Open, Lock::Alone);
            if !alone.map_err(ShareError::system("F_OFD_SETLK", what()))? {
                break;
            }
            old.remove_if_unused().map_err(ShareError::system("unlink", what()))?;
        }
        Err(ShareError::InUse { name: name.to_string() })
    }
}
