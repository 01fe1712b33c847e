//! What a module of kernels says of itself, so that a host can refuse one of another layout version.

use crate::config::VERSION;

/// How the marker begins; ten decimal digits of the version follow, and [`END`].
const START: [u8; 15] = *b"\x01perdix-layout ";
/// What ends the marker.
const END: u8 = 4;
const DIGITS: usize = 10;
const LEN: usize = START.len() + DIGITS + 1;

/// Bytes that every module of kernels holds: they name the layout [`VERSION`] that the kernels were made for.
/// `perdix_gpu::kernel!` and the C++ header put them there.
pub const LAYOUT_MARKER: [u8; LEN] = marker(VERSION);

const fn marker(version: u32) -> [u8; LEN] {
    let mut bytes = [END; LEN];
    let mut at = 0;
    while at < START.len() {
        bytes[at] = START[at];
        at += 1;
    }
    let (mut rest, mut digit) = (version, DIGITS);
    while digit > 0 {
        digit -= 1;
        bytes[START.len() + digit] = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    bytes
}

/// The layout versions that the markers in `bytes` name, in order; nothing if there is none.
///
/// ```
/// use perdix_core::{LAYOUT_MARKER, VERSION, layout_versions};
/// let module = [b"some code".as_slice(), &LAYOUT_MARKER, b"more"].concat();
/// assert!(layout_versions(&module).eq([VERSION]));
/// assert_eq!(layout_versions(b"\x01perdix-layout 00000003").count(), 0);
/// ```
pub fn layout_versions(bytes: &[u8]) -> impl Iterator<Item = u32> + '_ {
    bytes.windows(LEN).filter_map(|window| {
        let digits = window.strip_prefix(&START)?.strip_suffix(&[END])?;
        digits.iter().try_fold(0_u32, |number, byte| {
            let digit = char::from(*byte).to_digit(10)?;
            number.checked_mul(10)?.checked_add(digit)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_version_is_read_back() {
        for version in [0, 1, 3, 10, u32::MAX] {
            assert!(layout_versions(&marker(version)).eq([version]), "{version}");
        }
        let two = [marker(7), marker(8)].concat();
        assert!(layout_versions(&two).eq([7, 8]));
    }

    #[test]
    fn what_is_no_marker_names_none() {
        let mut broken = LAYOUT_MARKER;
        for at in 0..LEN {
            broken[at] ^= 0x80;
            assert_eq!(layout_versions(&broken).count(), 0, "byte {at}");
            broken[at] ^= 0x80;
        }
        assert_eq!(layout_versions(b"\x01perdix-layout 9999999999\x04").count(), 0);
    }
}
