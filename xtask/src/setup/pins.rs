//! The versions that `setup` fetches, in one place.

/// A program inside a Python wheel.
#[derive(Debug)]
pub(super) struct Wheel {
    /// The package on the Python index.
    pub(super) package: &'static str,
    /// Its version.
    pub(super) version: &'static str,
    /// The program's path inside the wheel.
    pub(super) member: &'static str,
    /// The folder below `target/gpu-toolchain` that it goes to.
    pub(super) folder: &'static str,
    /// Whether it is fetched on request only.
    pub(super) optional: bool,
}

/// Two assemblers: the first knows the newest GPUs, the second those that the first no longer knows.
pub(super) const WHEELS: [Wheel; 4] = [
    Wheel {
        package: "nvidia-cuda-nvcc",
        version: "13.5.37",
        member: "nvidia/cu13/bin/ptxas",
        folder: "ptxas-13",
        optional: false,
    },
    Wheel {
        package: "nvidia-cuda-nvcc-cu12",
        version: "12.9.86",
        member: "nvidia/cuda_nvcc/bin/ptxas",
        folder: "ptxas-12",
        optional: false,
    },
    Wheel {
        package: "nvidia-cuda-nvdisasm",
        version: "13.5.37",
        member: "nvidia/cu13/bin/nvdisasm",
        folder: "disassembler",
        optional: true,
    },
    Wheel {
        package: "nvidia-cuda-cuobjdump",
        version: "13.5.37",
        member: "nvidia/cu13/bin/cuobjdump",
        folder: "disassembler",
        optional: true,
    },
];

/// NVIDIA's C++ compiler in parts, one folder when unpacked over each other. Of the first CUDA 13, whose PTX every driver for it takes.
pub(super) const NVCC: [(&str, &str); 4] = [
    ("nvidia-cuda-nvcc", "13.0.88"),
    ("nvidia-cuda-crt", "13.0.88"),
    ("nvidia-nvvm", "13.0.88"),
    ("nvidia-cuda-runtime", "13.0.88"),
];

/// Package names of the compiler, its standard library and its source: Debian stable has a newer compiler under the
/// first set of names, for its browsers; Debian unstable has it under the second.
pub(super) const DEBIAN_FAMILIES: [[&str; 3]; 2] =
    [["rustc-web", "libstd-rust-web-dev", "rust-web-src"], ["rustc", "libstd-rust-dev", "rust-src"]];

/// The oldest compiler that takes the flags in use (`-Cpanic=immediate-abort`).
pub(super) const OLDEST_RUSTC: (u32, u32) = (1, 91);
