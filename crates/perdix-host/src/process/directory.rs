//! Where rings with names are.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use nix::errno::Errno;

use super::error::ShareError;
use super::file::{Removal, RingFile};
use super::folder::Folder;
use super::lock::{self, Byte, Lock};
use super::mapping::Mapping;
use super::name::Name;
use super::newfile::NewFile;
use super::ring::SharedRing;
use super::space::reserve;
use crate::builder::Builder;

/// How often one looks again when other processes make and remove rings of the same name at the same
/// moment.
const ROUNDS: u32 = 16;

/// A directory in which the rings of one user have their names. Cheap to clone.
///
/// It belongs to the user of this process, and nobody else may look into it (mode 700). Everything is
/// opened relative to it, and names cannot leave it. It need not be there: then it holds no rings,
/// and is made together with the first one.
#[derive(Clone, Debug)]
pub struct Directory {
    path: Arc<Path>,
}

impl Directory {
    /// The directory of this path, for containers and tests; [`of_user`](Self::of_user) is the user's
    /// own. It should lie in memory (a tmpfs): elsewhere the system writes the ring to a disk now and
    /// then.
    ///
    /// # Errors
    /// [`ShareError::Directory`] if it is there, and is not a directory that belongs to this user alone;
    /// [`ShareError::System`].
    pub fn at(path: impl Into<PathBuf>) -> Result<Self, ShareError> {
        let directory = Self { path: path.into().into() };
        directory.folder()?;
        Ok(directory)
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Makes a ring as the builder says and gives it a name: 1 to 64 ASCII letters, digits, `.`, `_`
    /// and `-`, not beginning with a dot.
    ///
    /// The name appears when the ring is ready, never before. A ring that nobody has open any more is
    /// replaced, with all that was left unread in it. The directory is made (not its parents) if it is
    /// not there.
    ///
    /// # Errors
    /// [`ShareError::InUse`] if some process has a ring of this name open, [`ShareError::NoSpace`], and
    /// for a bad name or number of slots.
    ///
    /// # Safety
    /// Every process that can open the file (those of this user, and root) keeps to the protocol, and
    /// never shrinks the file or writes into it otherwise, for as long as the ring or a half of it is
    /// here. A file with a name cannot be sealed, and messages are read where they lie.
    /// [`create_anonymous`](Builder::create_anonymous) makes a ring that asks for no such trust.
    pub unsafe fn create(&self, name: &str, builder: Builder) -> Result<SharedRing, ShareError> {
        let name = Name::new(name)?;
        let plan = builder.shared_plan()?;
        let folder = Arc::new(Folder::make(&self.path)?);
        let place = folder.path().display().to_string();
        let new = NewFile::create(&folder)?;
        let length = reserve(&new, plan.config.bytes()?, &place)?;
        let mapping = Mapping::new(&new, length).map_err(ShareError::mapping(length, &place))?;
        let file = RingFile::new(new.another()?, &folder, name.clone());
        let ring = SharedRing::fresh(file, mapping, plan)?;
        link(&new, &folder, &name)?;
        Ok(ring)
    }

    /// Opens the ring of this name.
    ///
    /// # Errors
    /// [`ShareError::NotFound`]; [`ShareError::Owner`], [`ShareError::Mode`] or
    /// [`ShareError::NotAFile`] if what has the name is not to be trusted; [`ShareError::Invalid`] if it
    /// is no ring of this build's layout.
    ///
    /// # Safety
    /// As [`create`](Self::create).
    pub unsafe fn open(&self, name: &str) -> Result<SharedRing, ShareError> {
        let name = Name::new(name)?;
        for _ in 0..ROUNDS {
            let Some(file) = self.file(&name)? else { break };
            let what = file.to_string();
            let locked = lock::lock(&file, Byte::Open, Lock::Shared);
            if !locked.map_err(ShareError::system("F_OFD_SETLK", what))? {
                return Err(ShareError::InUse { name: name.to_string() });
            }
            // Its name may have been taken away between the two; then there may be another ring of that name.
            if file.stat()?.st_nlink != 0 {
                // SAFETY: the file keeps its length by the caller's contract.
                return unsafe { SharedRing::of_file(file) };
            }
        }
        Err(self.not_found(&name))
    }

    /// Removes the ring of this name, if nobody has it open, with all that is left unread in it.
    ///
    /// # Errors
    /// [`ShareError::NotFound`]; [`ShareError::InUse`].
    pub fn remove(&self, name: &str) -> Result<(), ShareError> {
        let name = Name::new(name)?;
        let Some(file) = self.file(&name)? else { return Err(self.not_found(&name)) };
        // Somebody else may be about to remove it.
        let alone = lock::lock(&file, Byte::Open, Lock::Alone);
        alone.map_err(ShareError::system("F_OFD_SETLK", file.to_string()))?;
        match file.remove_if_unused().map_err(ShareError::system("unlink", file.to_string()))? {
            Removal::Removed => Ok(()),
            Removal::InUse => Err(ShareError::InUse { name: name.to_string() }),
            Removal::NotNamed => Err(self.not_found(&name)),
        }
    }

    /// The directory as it is now; `None` if it is not there.
    pub(super) fn folder(&self) -> Result<Option<Arc<Folder>>, ShareError> {
        Ok(Folder::open(&self.path)?.map(Arc::new))
    }

    /// The file of this name, checked; `None` if there is none.
    pub(super) fn file(&self, name: &Name) -> Result<Option<RingFile>, ShareError> {
        self.folder()?.map_or(Ok(None), |folder| RingFile::named(&folder, name))
    }

    fn not_found(&self, name: &Name) -> ShareError {
        ShareError::NotFound { name: name.to_string(), directories: vec![self.path.to_path_buf()] }
    }
}

/// Gives a ring that is ready its name.
fn link(new: &NewFile, folder: &Arc<Folder>, name: &Name) -> Result<(), ShareError> {
    let what = || folder.path().join(name.as_str()).display().to_string();
    for _ in 0..ROUNDS {
        match new.link(name) {
            Ok(()) => return Ok(()),
            Err(Errno::EEXIST) => {}
            Err(other) => return Err(ShareError::system("link", what())(other)),
        }
        // Whoever has it open may be about to leave, or to remove it.
        let Some(old) = RingFile::named(folder, name)? else { continue };
        let alone = lock::lock(&old, Byte::Open, Lock::Alone);
        if !alone.map_err(ShareError::system("F_OFD_SETLK", what()))? {
            break;
        }
        old.remove_if_unused().map_err(ShareError::system("unlink", what()))?;
    }
    Err(ShareError::InUse { name: name.to_string() })
}
