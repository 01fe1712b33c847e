//! What rings there are.

use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::stat::Mode as Permissions;
use nix::sys::uio::pread;
use perdix_core::{AttachError, Attached, Config, Control, Cursor, Fault, MAGIC, Mode};

use super::directory::Directory;
use super::error::ShareError;
use super::file::{Removal, RingFile};
use super::lock::{self, Byte};
use super::name::Name;
use crate::counters::Snapshot;

/// A ring with a name, as it was at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Listed {
    /// Its name.
    pub name: String,
    /// The length of its file in bytes.
    pub bytes: u64,
    /// Whether some process has it open. A ring that nobody has open can be removed.
    pub in_use: bool,
    /// What is in it; or why this build cannot tell: another version's layout, for example.
    pub ring: Result<RingState, AttachError>,
}

/// The state of a ring. What a live ring says of itself changes while it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RingState {
    /// Slots.
    pub capacity: u64,
    /// How messages become visible.
    pub mode: Mode,
    /// Who produces.
    pub producer: Holder,
    /// Whether kernels produce.
    pub device: bool,
    /// Who consumes.
    pub consumer: Holder,
    /// Whether the stream was ended.
    pub ended: bool,
    /// Why it was ended early, if it was.
    pub fault: Option<Fault>,
    /// The ring's counters.
    pub counters: Snapshot,
}

/// Who has a role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holder {
    /// Nobody has come yet.
    None,
    /// A live process of this number.
    Here(u32),
    /// The process of this number, which has left the role or died.
    Gone(u32),
}

impl Directory {
    /// All rings with a name, in the order of their names, as they are now. Files that are no rings are
    /// left out. Nothing is made, locked or mapped: the rings' control blocks are copied.
    ///
    /// # Errors
    /// [`ShareError::System`] if the directory cannot be read.
    pub fn list(&self) -> Result<Vec<Listed>, ShareError> {
        let Some(folder) = self.folder()? else { return Ok(Vec::new()) };
        let shown = self.path().display().to_string();
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let entries = Dir::openat(&*folder, ".", flags, Permissions::empty())
            .map_err(ShareError::system("open", shown.clone()))?;
        let mut rings = Vec::new();
        for entry in entries {
            let entry = entry.map_err(ShareError::system("readdir", shown.clone()))?;
            // What has no legal name is not ours.
            let Some(name) = entry.file_name().to_str().ok().and_then(|name| Name::new(name).ok()) else {
                continue;
            };
            // Nor is what cannot be opened; and a ring may be gone by now.
            if let Ok(Some(file)) = RingFile::named(&folder, &name) {
                rings.extend(look(&file, &name)?);
            }
        }
        rings.sort_by(|a: &Listed, b| a.name.cmp(&b.name));
        Ok(rings)
    }

    /// Removes all rings that nobody has open, whatever is left unread in them, and says which. Files
    /// that are no rings stay.
    ///
    /// # Errors
    /// [`ShareError::System`] if the directory cannot be read.
    pub fn cleanup(&self) -> Result<Vec<String>, ShareError> {
        let rings = self.list()?.into_iter().map(|ring| ring.name);
        let is_removed = |name: &String| {
            let file = Name::new(name).ok().and_then(|name| self.file(&name).ok().flatten());
            file.is_some_and(|file| file.remove_if_unused() == Ok(Removal::Removed))
        };
        Ok(rings.filter(is_removed).collect())
    }
}

/// `None` if it is no ring of any version.
fn look(file: &RingFile, name: &Name) -> Result<Option<Listed>, ShareError> {
    let what = file.to_string();
    // Copied, and not mapped: what becomes of the file meanwhile does no harm.
    let mut block = [0; Control::SIZE];
    let copied = read_from_start(file, &mut block).map_err(ShareError::system("pread", what.clone()))?;
    let bytes = file.stat()?.st_size.max(0) as u64;
    let control = Control::from_bytes(&block);
    let length = usize::try_from(bytes).unwrap_or(usize::MAX);
    // A file that has been cut is as long as what was copied of it.
    let length = if copied < block.len() { length.min(copied) } else { length };
    let ring = control.identity.check(length);
    if matches!(ring, Err(AttachError::TooShort { .. } | AttachError::NotARing { .. }))
        && control.identity.magic != MAGIC
    {
        return Ok(None);
    }
    let held = |byte| lock::is_held(file, byte).map_err(ShareError::system("F_OFD_GETLK", what.clone()));
    let in_use = held(Byte::Open)?;
    let (producing, consuming) = (held(Byte::Producer)?, held(Byte::Consumer)?);
    let ring = ring.map(|Config { capacity, mode, .. }| {
        let producer = Attached::from_word(control.producer.attached);
        let consumer = Attached::from_word(control.consumer.attached);
        RingState {
            capacity,
            mode,
            producer: holder(producer, producing),
            device: producer.is_some_and(|producer| producer.device),
            consumer: holder(consumer, consuming),
            ended: Cursor::from_word(control.producer.end).flag(),
            fault: Fault::from_word(control.producer.fault),
            counters: Snapshot::of_copy(capacity, &control),
        }
    });
    Ok(Some(Listed { name: name.to_string(), bytes, in_use, ring }))
}

/// Reads as much as there is from the beginning of a file.
fn read_from_start(file: &RingFile, bytes: &mut [u8]) -> Result<usize, Errno> {
    let mut done = 0;
    while let Some(rest) = bytes.get_mut(done..).filter(|rest| !rest.is_empty()) {
        match pread(file, rest, done as i64) {
            Ok(0) => break,
            Ok(more) => done += more,
            Err(Errno::EINTR) => {}
            Err(other) => return Err(other),
        }
    }
    Ok(done)
}

fn holder(attached: Option<Attached>, held: bool) -> Holder {
    match attached {
        None => Holder::None,
        Some(attached) if held => Holder::Here(attached.process),
        Some(attached) => Holder::Gone(attached.process),
    }
}
