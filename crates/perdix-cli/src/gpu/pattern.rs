//! What generated messages of a kernel hold.

use perdix_kernels::pattern::Pattern;

use crate::pattern::{Expected, Wrong};

/// Messages that the kernels generate, to be checked on arrival.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GpuPattern(pub(crate) Pattern);

impl GpuPattern {
    /// Messages of `size` bytes.
    pub(crate) fn new(size: usize) -> Self {
        Self(Pattern { len: size as u32, sentinels: 0 })
    }

    #[inline]
    fn is_filled(&self, number: u64, bytes: &[u8]) -> bool {
        let words = bytes.chunks_exact(8);
        let rest = words.remainder();
        let count = words.len() as u64;
        // All differences in one word, without an early exit, so that the loop stays branch-free.
        let mut difference = 0;
        for (index, word) in words.enumerate() {
            let mut found = [0; 8];
            found.copy_from_slice(word);
            difference |= u64::from_le_bytes(found) ^ self.0.word(number, index as u64);
        }
        difference == 0 && rest.iter().zip(self.0.word(number, count).to_le_bytes()).all(|(a, b)| *a == b)
    }
}

impl Expected for GpuPattern {
    #[inline]
    fn check(&self, number: u64, kind: u16, bytes: &[u8]) -> Result<(), Wrong> {
        let (len, tag) = (self.0.len(number), self.0.kind(number));
        if kind == tag && bytes.len() == len && self.is_filled(number, bytes) {
            return Ok(());
        }
        let what = if bytes.len() != len {
            format!("has {} bytes instead of {len}", bytes.len())
        } else if kind != tag {
            format!("has the kind {kind} instead of {tag}")
        } else {
            "differs from what the kernel sent".to_owned()
        };
        Err(Wrong { number, what })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_kernels_send_passes_and_anything_else_does_not() {
        for size in [0, 1, 8, 13, 240] {
            let pattern = GpuPattern::new(size);
            for number in [0, 1, 70_000, u64::MAX] {
                let mut bytes: Vec<u8> =
                    (0..30).flat_map(|i| pattern.0.word(number, i).to_le_bytes()).collect();
                bytes.truncate(size);
                let kind = pattern.0.kind(number);
                assert!(pattern.0.matches(number, kind, &bytes));
                assert_eq!(pattern.check(number, kind, &bytes), Ok(()));
                assert!(pattern.check(number, kind ^ 1, &bytes).is_err());
                assert!(pattern.check(number, kind, &[&bytes[..], &[0]].concat()).is_err());
                for at in 0..size {
                    bytes[at] ^= 0x10;
                    assert!(pattern.check(number, kind, &bytes).is_err());
                    bytes[at] ^= 0x10;
                }
            }
        }
    }
}
