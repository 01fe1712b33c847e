//! The checksum of each side, and their comparison.

use std::fmt;

use xxhash_rust::xxh3::Xxh3;

/// The name of the algorithm, for reports.
pub(crate) const ALGORITHM: &str = "xxh3-128";

/// A checksum in the making.
#[derive(Default)]
pub(crate) struct Hasher {
    state: Xxh3,
    bytes: u64,
}

impl Hasher {
    /// Takes in the next bytes.
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.state.update(bytes);
        self.bytes += bytes.len() as u64;
    }

    /// The digest of all bytes so far.
    pub(crate) fn digest(&self) -> Digest {
        Digest { bytes: self.bytes, xxh3: self.state.digest128() }
    }
}

/// How many bytes there were, and their XXH3-128. Shown as the 32 hexadecimal digits that `xxh128sum` prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Digest {
    /// Bytes.
    pub(crate) bytes: u64,
    /// Their checksum.
    pub(crate) xxh3: u128,
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.xxh3)
    }
}

/// The bytes that came out of the ring are not those that went in.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the bytes did not arrive unchanged: {} sent ({sent}), {} received ({received}); do not use the output, and report this",
    sent.bytes, received.bytes
)]
pub(crate) struct Mismatch {
    sent: Digest,
    received: Digest,
}

/// Compares what was sent with what was received: number of bytes and checksum.
pub(crate) fn compare(sent: Digest, received: Digest) -> Result<(), Mismatch> {
    if sent == received { Ok(()) } else { Err(Mismatch { sent, received }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest_of(bytes: &[u8]) -> Digest {
        let mut hasher = Hasher::default();
        hasher.update(bytes);
        hasher.digest()
    }

    #[test]
    fn the_same_bytes_in_other_pieces_are_identical() {
        let bytes: Vec<u8> = (0..100_000u32).map(|i| (i * 7) as u8).collect();
        let mut pieces = Hasher::default();
        bytes.chunks(240).for_each(|piece| pieces.update(piece));
        assert_eq!(compare(digest_of(&bytes), pieces.digest()), Ok(()));
    }

    #[test]
    fn one_changed_bit_is_seen() {
        let mut bytes = vec![0; 100_000];
        let sent = digest_of(&bytes);
        for position in [0, 239, 240, 99_999] {
            bytes[position] ^= 1;
            assert!(compare(sent, digest_of(&bytes)).is_err(), "a change at {position}");
            bytes[position] ^= 1;
        }
        assert_eq!(compare(sent, digest_of(&bytes)), Ok(()));
    }

    #[test]
    fn lost_repeated_and_swapped_messages_are_seen() {
        let bytes: Vec<u8> = (0..960u32).map(|i| (i / 240) as u8).collect();
        let sent = digest_of(&bytes);
        let messages = |order: &[usize]| -> Vec<u8> {
            order.iter().flat_map(|&n| bytes[n * 240..(n + 1) * 240].to_vec()).collect()
        };
        for order in [&[0, 1, 2][..], &[0, 0, 1, 2, 3], &[0, 2, 1, 3], &[0, 0, 2, 3]] {
            let error = compare(sent, digest_of(&messages(order))).unwrap_err();
            assert!(error.to_string().contains("960 sent"), "{error}");
        }
    }

    #[test]
    fn the_checksum_is_the_published_one() {
        // XXH128 of nothing, as xxh128sum prints it.
        assert_eq!(digest_of(b"").to_string(), "99aa06d3014798d86001c324468d497f");
    }
}
