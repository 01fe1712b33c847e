//! How wide a warp is.

/// Lanes of a warp, on every NVIDIA GPU so far.
pub const WARP_SIZE: u32 = 32;
