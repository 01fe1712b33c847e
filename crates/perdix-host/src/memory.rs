//! Where a ring lies.

mod heap;

pub(crate) use heap::Heap;

/// What kind of memory a ring lies in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MemoryKind {
    /// Ordinary process memory: CPU to CPU.
    Heap,
}
