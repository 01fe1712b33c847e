//! What a kernel gets that consumes, or that answers.

use core::mem::{offset_of, size_of};

use static_assertions::const_assert_eq;

use super::DeviceRing;

/// A ring as a kernel sees it that takes messages out of it: a small value, passed by value as a kernel parameter. The host makes it.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct DeviceInput {
    /// The ring. Its state is the consumer's, and its time limit says how long a consumer waits for a message.
    pub ring: DeviceRing,
    /// Not zero if the producer stores payload in whole words only, each once, and never writes in place: then a fence-free message
    /// can be read in the same look that finds it.
    pub single_store_words: u64,
}

const_assert_eq!(size_of::<DeviceInput>(), 56);
const_assert_eq!(offset_of!(DeviceInput, single_store_words), 48);

/// A pair of rings for a kernel that answers requests: a small value, passed by value as a kernel parameter. The host makes it.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct DeviceService {
    /// Where the requests come from.
    pub requests: DeviceInput,
    /// Where the responses go to.
    pub responses: DeviceRing,
}

const_assert_eq!(size_of::<DeviceService>(), 104);
const_assert_eq!(offset_of!(DeviceService, responses), 56);
