//! Where a ring lies.

mod heap;

use std::any::Any;
use std::fmt;

pub(crate) use heap::Heap;

/// What kind of memory a ring lies in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MemoryKind {
    /// Ordinary process memory: CPU to CPU.
    Heap,
    /// CUDA unified memory that stays with the CPU and is mapped into the GPU. Needs a device with
    /// `concurrentManagedAccess`.
    Managed,
    /// Pinned host memory, mapped into the GPU's address space.
    Pinned,
    /// Memory that two processes share, mapped into the GPU's address space if kernels produce:
    /// `process::SharedRing`.
    Shared,
}

impl fmt::Display for MemoryKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Heap => "heap",
            Self::Managed => "managed",
            Self::Pinned => "pinned",
            Self::Shared => "shared",
        })
    }
}

/// The memory of one ring; freed on drop.
pub(crate) trait Memory: fmt::Debug + AsAny + Send + Sync {
    /// The address for the CPU.
    fn as_ptr(&self) -> *mut u8;

    /// Bytes.
    fn len(&self) -> usize;

    fn kind(&self) -> MemoryKind;
}

impl dyn Memory {
    /// As what it was made.
    #[cfg_attr(not(feature = "cuda"), allow(dead_code))] // kernels need its address on the device
    pub(crate) fn downcast_ref<T: Any>(&self) -> Option<&T> {
        self.as_any().downcast_ref()
    }
}

/// A reference to any value as one to [`Any`]: the oldest compiler does not convert one trait object
/// into another.
pub(crate) trait AsAny: Any {
    #[cfg_attr(not(feature = "cuda"), allow(dead_code))] // as above
    fn as_any(&self) -> &dyn Any;
}

impl<T: Any> AsAny for T {
    fn as_any(&self) -> &dyn Any {
        self
    }
}
