//! Ordinary process memory.

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::ptr::NonNull;

use super::{Memory, MemoryKind};

/// Page alignment, so that a ring shares no page with anything else.
const ALIGN: usize = 4096;

/// Zeroed, page-aligned memory, freed on drop.
#[derive(Debug)]
pub(crate) struct Heap {
    start: NonNull<u8>,
    layout: Layout,
}

impl Heap {
    /// `None` if there is no such memory.
    pub(crate) fn new(bytes: usize) -> Option<Self> {
        let layout = Layout::from_size_align(bytes.max(ALIGN), ALIGN).ok()?;
        // SAFETY: the layout is not empty.
        let start = unsafe { alloc_zeroed(layout) };
        Some(Self { start: NonNull::new(start)?, layout })
    }
}

impl Memory for Heap {
    fn as_ptr(&self) -> *mut u8 {
        self.start.as_ptr()
    }

    fn len(&self) -> usize {
        self.layout.size()
    }

    fn kind(&self) -> MemoryKind {
        MemoryKind::Heap
    }
}

impl Drop for Heap {
    fn drop(&mut self) {
        // SAFETY: allocated in `new` with this layout, and nobody uses it any more.
        unsafe { dealloc(self.start.as_ptr(), self.layout) };
    }
}

// SAFETY: Heap owns its memory, and hands out no access to it but a raw pointer.
unsafe impl Send for Heap {}
// SAFETY: as above.
unsafe impl Sync for Heap {}
