//! Several rings as one value.

use core::mem::{offset_of, size_of};

use static_assertions::const_assert_eq;

use super::DeviceRing;

/// A set of rings as a kernel sees it: a small value, passed by value as a kernel parameter. The host makes it.
///
/// The rings' own handles lie in device memory. They do not change while a kernel runs, so plain loads read them.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct DeviceRings {
    /// The address, in device memory, of the rings' handles.
    pub rings: *const DeviceRing,
    /// How many rings there are.
    pub count: u64,
}

const_assert_eq!(size_of::<DeviceRings>(), 16);
const_assert_eq!(offset_of!(DeviceRings, count), 8);

// SAFETY: an address and a number; what may be done with them is the business of whoever uses them.
unsafe impl Send for DeviceRings {}
// SAFETY: as above.
unsafe impl Sync for DeviceRings {}

impl DeviceRings {
    /// The handle of ring `index`, for the device side; `None` beyond the last one, and if there is no array at all.
    ///
    /// ```
    /// use perdix_core::{Config, DeviceRing, DeviceRings, Mode};
    /// let config = |start| Config { capacity: 8, mode: Mode::Fenced, start };
    /// let ring = |start| DeviceRing::new(std::ptr::null_mut(), std::ptr::null_mut(), config(start), 1000);
    /// let array = [ring(5), ring(6)];
    /// let rings = DeviceRings { rings: array.as_ptr(), count: 2 };
    /// // SAFETY: the array has two handles.
    /// assert_eq!(unsafe { rings.get(1) }.map(|ring| ring.start), Some(6));
    /// // SAFETY: as above.
    /// assert!(unsafe { rings.get(2) }.is_none());
    /// ```
    ///
    /// # Safety
    /// The value was made by a host whose array of handles outlives this call.
    #[inline(always)]
    pub unsafe fn get(self, index: u64) -> Option<DeviceRing> {
        if index >= self.count || self.rings.is_null() {
            return None;
        }
        let handle = self.rings.wrapping_add(index as usize);
        // SAFETY: the array has more handles than `index`, and nobody writes to it while the caller may read.
        Some(unsafe { handle.read() })
    }
}
