//! Generated messages: what message `n` holds is known, so the receiver can check every byte.

/// What generated messages must look like on arrival.
pub(crate) trait Expected: Send + 'static {
    /// Checks everything about the message that should be number `number`, from 0.
    fn check(&self, number: u64, kind: u16, bytes: &[u8]) -> Result<(), Wrong>;
}

/// Messages of one size whose content follows from their number.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pattern {
    /// Bytes of each message.
    pub(crate) size: usize,
}

impl Pattern {
    /// The kind of message `number`.
    pub(crate) fn kind(number: u64) -> u16 {
        // The low bits alone would repeat with the laps of the ring.
        (number ^ number >> 16) as u16
    }

    /// Writes the payload of message `number`.
    #[inline]
    pub(crate) fn fill(number: u64, bytes: &mut [u8]) {
        let mut words = bytes.chunks_exact_mut(8);
        let mut index = 0;
        for word in &mut words {
            word.copy_from_slice(&Self::word(number, index).to_le_bytes());
            index += 1;
        }
        for (to, from) in words.into_remainder().iter_mut().zip(Self::word(number, index).to_le_bytes()) {
            *to = from;
        }
    }

    /// Checks everything about the message that should be number `number`.
    #[inline]
    pub(crate) fn check(&self, number: u64, kind: u16, bytes: &[u8]) -> Result<(), Wrong> {
        if kind == Self::kind(number) && bytes.len() == self.size && Self::is_filled(number, bytes) {
            return Ok(());
        }
        Err(self.describe(number, kind, bytes))
    }

    #[inline]
    fn is_filled(number: u64, bytes: &[u8]) -> bool {
        let words = bytes.chunks_exact(8);
        let rest = words.remainder();
        let mut index = 0;
        // All differences in one word, without an early exit, so that the loop stays branch-free.
        let mut difference = 0;
        for word in words {
            let mut found = [0; 8];
            found.copy_from_slice(word);
            difference |= u64::from_le_bytes(found) ^ Self::word(number, index);
            index += 1;
        }
        difference == 0 && rest.iter().zip(Self::word(number, index).to_le_bytes()).all(|(a, b)| *a == b)
    }

    /// Every word of every message differs from its neighbours in both directions.
    #[inline(always)]
    fn word(number: u64, index: u64) -> u64 {
        number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ index.wrapping_mul(0xd1b5_4a32_d192_ed03)
    }

    #[cold]
    fn describe(&self, number: u64, kind: u16, bytes: &[u8]) -> Wrong {
        let mut expected = vec![0; self.size];
        Self::fill(number, &mut expected);
        let what = if bytes.len() != self.size {
            format!("has {} bytes instead of {}", bytes.len(), self.size)
        } else if let Some(at) = bytes.iter().zip(&expected).position(|(a, b)| a != b) {
            format!("differs from what was sent at byte {at}")
        } else {
            format!("has the kind {kind} instead of {}", Self::kind(number))
        };
        Wrong { number, what }
    }
}

impl Expected for Pattern {
    #[inline]
    fn check(&self, number: u64, kind: u16, bytes: &[u8]) -> Result<(), Wrong> {
        Pattern::check(self, number, kind, bytes)
    }
}

/// A message is not what was sent.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("message {number} {what}; the transport is broken on this machine, report this")]
pub(crate) struct Wrong {
    /// The message.
    pub(crate) number: u64,
    /// What is wrong about it.
    pub(crate) what: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_filled_passes_and_anything_else_does_not() {
        for size in [0, 1, 7, 8, 9, 239, 240] {
            let pattern = Pattern { size };
            for number in [0, 1, 63, 64, u64::MAX] {
                let mut bytes = vec![0xaa; size];
                Pattern::fill(number, &mut bytes);
                let kind = Pattern::kind(number);
                assert_eq!(pattern.check(number, kind, &bytes), Ok(()));
                assert!(pattern.check(number, kind ^ 1, &bytes).is_err());
                assert!(pattern.check(number, kind, &[&bytes[..], &[0]].concat()).is_err());
                for at in 0..size {
                    bytes[at] ^= 0x10;
                    assert!(pattern.check(number, kind, &bytes).is_err(), "{size} bytes, changed at {at}");
                    bytes[at] ^= 0x10;
                }
            }
        }
    }

    #[test]
    fn another_message_is_not_taken_for_the_right_one() {
        let pattern = Pattern { size: 8 };
        let mut bytes = [0; 8];
        Pattern::fill(5, &mut bytes);
        assert!(pattern.check(5 + 65_536, Pattern::kind(5), &bytes).is_err());
    }
}
