//! Kernels as producers (feature `cuda`).

mod echo;
mod link;
mod pattern;
mod producer;
mod rig;
mod soak;

pub(crate) use echo::{Trip, one_way, trips};
pub(crate) use link::Link;
pub(crate) use pattern::GpuPattern;
pub(crate) use producer::GpuProducer;
pub(crate) use rig::{Rig, Word};
pub(crate) use soak::SoakStage;
