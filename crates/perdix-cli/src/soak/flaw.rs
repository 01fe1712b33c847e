//! Faults of a transport that delivers something else than was sent: for tests of what the checker sees.

/// What goes wrong, at or from message `id` on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Flaw {
    #[default]
    None,
    /// The message is lost; all later ones come one place early.
    Lose(u64),
    /// It comes twice.
    Repeat(u64),
    /// It changes places with the next one.
    Swap(u64),
    /// One bit of it is wrong.
    Flip(u64),
}

impl Flaw {
    /// Which message is really sent as message `id`.
    pub(crate) fn disguise(self, id: u64) -> u64 {
        match self {
            Self::Lose(from) if id >= from => id + 1,
            Self::Repeat(from) if id > from => id - 1,
            Self::Swap(first) if id == first => id + 1,
            Self::Swap(first) if id == first + 1 => first,
            _ => id,
        }
    }

    /// Changes the bytes that are sent as message `id`.
    pub(crate) fn spoil(self, id: u64, bytes: &mut [u8]) {
        match (self, bytes.last_mut()) {
            (Self::Flip(at), Some(byte)) if at == id => *byte ^= 0x10,
            _ => {}
        }
    }
}
