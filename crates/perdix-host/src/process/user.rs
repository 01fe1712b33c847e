//! The directories of this user's own rings.

use std::path::{Path, PathBuf};

use nix::unistd::geteuid;

use super::directory::Directory;
use super::error::{ShareError, VARIABLE};
use super::ring::SharedRing;
use crate::builder::Builder;

impl Directory {
    /// Where this user's rings may be, in the order in which they are looked for:
    ///
    /// 1. `$PERDIX_DIR`, if that is set: then rings are made nowhere else.
    /// 2. `perdix` in `$XDG_RUNTIME_DIR`, or in `/run/user/UID` if that is not set: so a program that
    ///    cron starts finds the rings of one that was started in a session.
    /// 3. `/dev/shm/perdix-UID`.
    ///
    /// The first that is usable is where [`create_shared`](Builder::create_shared) makes a ring.
    /// [`SharedRing::open`] looks in all of them. Of those that are not there nothing is made here.
    ///
    /// # Errors
    /// [`ShareError::Directory`] if `$PERDIX_DIR` is not a directory that belongs to this user alone, or
    /// if no other place is usable.
    pub fn all_of_user() -> Result<Vec<Self>, ShareError> {
        let mut directories = Vec::new();
        if let Some(asked) = from_environment(VARIABLE) {
            if !asked.is_absolute() {
                let why = format!("{VARIABLE} is not an absolute path");
                return Err(ShareError::Directory { path: asked, why });
            }
            directories.push(Self::at(asked)?);
        }
        let session = from_environment("XDG_RUNTIME_DIR");
        let session = session.unwrap_or_else(|| format!("/run/user/{}", geteuid()).into());
        let session = (session.is_absolute() && session.is_dir()).then(|| session.join("perdix"));
        let mut refused = None;
        for place in session.into_iter().chain([fallback()]) {
            match Self::at(place) {
                Ok(directory) => directories.push(directory),
                // Another user may have taken the name. The other place will do.
                Err(error) => refused = Some(error),
            }
        }
        match refused {
            Some(error) if directories.is_empty() => Err(error),
            _ => Ok(directories),
        }
    }

    /// The user's own: the first of [`all_of_user`](Self::all_of_user).
    ///
    /// # Errors
    /// As [`all_of_user`](Self::all_of_user).
    pub fn of_user() -> Result<Self, ShareError> {
        Self::all_of_user()?.into_iter().next().ok_or_else(nowhere)
    }
}

impl Builder {
    /// Makes the ring in shared memory, under a name in the first of the user's own directories that is
    /// usable and has room for it: [`Directory::all_of_user`], [`Directory::create`].
    ///
    /// ```compile_fail,E0133
    /// // A peer of the same user could change a message, or shrink the file, under safe code.
    /// let ring = perdix_host::Buffer::builder().slots(4).create_shared("results")?;
    /// # Ok::<(), perdix_host::process::ShareError>(())
    /// ```
    ///
    /// # Errors
    /// [`ShareError`].
    ///
    /// # Safety
    /// As [`Directory::create`]: every process of this user keeps to the protocol.
    pub unsafe fn create_shared(self, name: &str) -> Result<SharedRing, ShareError> {
        let all = Directory::all_of_user()?;
        // Where one was asked for, no other will do.
        let usable = if from_environment(VARIABLE).is_some() { 1 } else { all.len() };
        let mut result = Err(nowhere());
        for directory in all.iter().take(usable) {
            // One name, one ring: an old one that lies elsewhere goes.
            for other in all.iter().filter(|other| other.path() != directory.path()) {
                match other.remove(name) {
                    Ok(()) | Err(ShareError::NotFound { .. }) => {}
                    Err(error) => return Err(error),
                }
            }
            // SAFETY: the caller's contract.
            result = unsafe { directory.create(name, self.clone()) };
            let elsewhere = matches!(
                result,
                Err(ShareError::NoSpace { limit: None, .. } | ShareError::System { call: "mkdir", .. })
            );
            if !elsewhere {
                break;
            }
        }
        result
    }
}

impl SharedRing {
    /// Opens the ring of this name, in the first of the user's own directories that has it:
    /// [`Directory::all_of_user`], [`Directory::open`].
    ///
    /// ```compile_fail,E0133
    /// let ring = perdix_host::process::SharedRing::open("results")?;
    /// # Ok::<(), perdix_host::process::ShareError>(())
    /// ```
    ///
    /// # Errors
    /// [`ShareError`].
    ///
    /// # Safety
    /// As [`Directory::create`]: every process of this user keeps to the protocol.
    pub unsafe fn open(name: &str) -> Result<Self, ShareError> {
        let mut directories = Vec::new();
        for directory in Directory::all_of_user()? {
            // SAFETY: the caller's contract.
            match unsafe { directory.open(name) } {
                Err(ShareError::NotFound { .. }) => directories.push(directory.path().to_owned()),
                result => return result,
            }
        }
        Err(ShareError::NotFound { name: name.into(), directories })
    }
}

/// The path that an environment variable holds.
fn from_environment(variable: &str) -> Option<PathBuf> {
    std::env::var_os(variable).filter(|path| !path.is_empty()).map(PathBuf::from)
}

/// The last place to look.
fn fallback() -> PathBuf {
    Path::new("/dev/shm").join(format!("perdix-{}", geteuid()))
}

fn nowhere() -> ShareError {
    ShareError::Directory { path: fallback(), why: "it is the only place, and cannot be used".into() }
}
