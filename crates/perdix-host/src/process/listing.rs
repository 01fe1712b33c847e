//! What rings there are.

use nix::dir::Dir;
use nix::fcntl::OFlag;
use nix::sys::stat::Mode as Permissions;
use perdix_core::{AttachError, Attached, Fault, MAGIC, Mode, Ring};

use super::directory::Directory;
use super::error::ShareError;
use super::file::RingFile;
use super::lock::{self, Byte};
use super::mapping::Mapping;
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

pub(super) fn list(directory: &Directory) -> Result<Vec<Listed>, ShareError> {
    let shown = directory.path().display().to_string();
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let entries = Dir::openat(directory, ".", flags, Permissions::empty())
        .map_err(ShareError::system("open", shown.clone()))?;
    let mut rings = Vec::new();
    for entry in entries {
        let entry = entry.map_err(ShareError::system("readdir", shown.clone()))?;
        // What has no legal name is not ours.
        let Some(name) = entry.file_name().to_str().ok().and_then(|name| Name::new(name).ok()) else {
            continue;
        };
        // Nor is what cannot be opened; and a ring may be gone by now.
        if let Ok(Some(file)) = directory.open_file(&name) {
            rings.extend(look(&file, &name)?);
        }
    }
    rings.sort_by(|a: &Listed, b| a.name.cmp(&b.name));
    Ok(rings)
}

/// `None` if it is no ring of any version.
fn look(file: &RingFile, name: &Name) -> Result<Option<Listed>, ShareError> {
    let what = file.to_string();
    let bytes = file.stat()?.st_size.max(0) as u64;
    let length = usize::try_from(bytes).unwrap_or(usize::MAX);
    let mapping =
        Mapping::read_only(file, length.max(1)).map_err(ShareError::system("mmap", what.clone()))?;
    // SAFETY: the file is that long; nothing is written through this view, which is dropped before the mapping.
    let ring = unsafe { Ring::attach(mapping.as_ptr(), length) };
    if matches!(ring, Err(AttachError::TooShort { .. } | AttachError::NotARing { .. }))
        && !begins_like_a_ring(&mapping, length)
    {
        return Ok(None);
    }
    let held = |byte| lock::is_held(file, byte).map_err(ShareError::system("F_OFD_GETLK", what.clone()));
    let in_use = held(Byte::Open)?;
    let (producing, consuming) = (held(Byte::Producer)?, held(Byte::Consumer)?);
    let ring = ring.map(|ring| {
        let (producer, consumer) = (ring.attached_producer(), ring.attached_consumer());
        RingState {
            capacity: ring.capacity(),
            mode: ring.mode(),
            producer: holder(producer, producing),
            device: producer.is_some_and(|producer| producer.device),
            consumer: holder(consumer, consuming),
            ended: ring.end().is_some(),
            fault: ring.fault(),
            counters: Snapshot::of(&ring),
        }
    });
    Ok(Some(Listed { name: name.to_string(), bytes, in_use, ring }))
}

fn begins_like_a_ring(mapping: &Mapping, length: usize) -> bool {
    // SAFETY: the file has these bytes, and the mapping begins at a page.
    length >= 8 && unsafe { mapping.as_ptr().cast::<u64>().read_volatile() } == MAGIC
}

fn holder(attached: Option<Attached>, held: bool) -> Holder {
    match attached {
        None => Holder::None,
        Some(attached) if held => Holder::Here(attached.process),
        Some(attached) => Holder::Gone(attached.process),
    }
}
