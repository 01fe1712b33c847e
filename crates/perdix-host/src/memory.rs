//! Where a ring lies.

mod heap;

pub(crate) use heap::Heap;

/// What kind of memory a ring lies in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MemoryKind {
    /// Ordinary process memory: CPU to CPU.
    Heap,
    /// CUDA unified memory that stays with the CPU and is mapped into the GPU. Needs a device with `concurrentManagedAccess`.
    Managed,
    /// Pinned host memory, mapped into the GPU's address space.
    Pinned,
    /// Memory that two processes share, mapped into the GPU's address space if kernels produce: `process::SharedRing`.
    Shared,
}

impl std::fmt::Display for MemoryKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Heap => "heap",
            Self::Managed => "managed",
            Self::Pinned => "pinned",
            Self::Shared => "shared",
        })
    }
}

/// The memory of one ring.
#[derive(Debug)]
pub(crate) enum Region {
    Heap(Heap),
    #[cfg(feature = "cuda")]
    Gpu(crate::cuda::Mapped),
    #[cfg(target_os = "linux")]
    Shared(crate::process::Mapping),
    #[cfg(all(target_os = "linux", feature = "cuda"))]
    Registered(crate::cuda::Registered),
}

impl Region {
    pub(crate) fn as_ptr(&self) -> *mut u8 {
        match self {
            Self::Heap(heap) => heap.as_ptr(),
            #[cfg(feature = "cuda")]
            Self::Gpu(mapped) => mapped.as_ptr(),
            #[cfg(target_os = "linux")]
            Self::Shared(mapping) => mapping.as_ptr(),
            #[cfg(all(target_os = "linux", feature = "cuda"))]
            Self::Registered(registered) => registered.mapping().as_ptr(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Heap(heap) => heap.len(),
            #[cfg(feature = "cuda")]
            Self::Gpu(mapped) => mapped.len(),
            #[cfg(target_os = "linux")]
            Self::Shared(mapping) => mapping.len(),
            #[cfg(all(target_os = "linux", feature = "cuda"))]
            Self::Registered(registered) => registered.mapping().len(),
        }
    }

    pub(crate) fn kind(&self) -> MemoryKind {
        match self {
            Self::Heap(_) => MemoryKind::Heap,
            #[cfg(feature = "cuda")]
            Self::Gpu(mapped) => mapped.kind(),
            #[cfg(target_os = "linux")]
            Self::Shared(_) => MemoryKind::Shared,
            #[cfg(all(target_os = "linux", feature = "cuda"))]
            Self::Registered(_) => MemoryKind::Shared,
        }
    }
}
