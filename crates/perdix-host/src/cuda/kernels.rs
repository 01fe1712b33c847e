//! PTX loaded.

use std::sync::{Arc, OnceLock};

use super::error::GpuError;
use super::gpu::Gpu;
use super::launch::Launch;
use super::module::Module;
use crate::events::{Sites, SitesError};
use crate::ptx::other_layout;

/// The kernels of one PTX text, compiled by the driver for its device.
///
/// They may be dropped at any time: code that a [`Launch`] has attached to a ring stays loaded
/// until the ring's session is over, that is until its kernels have ended and its halves are gone.
/// (If that is never known, for ever.)
#[derive(Debug)]
pub struct Kernels {
    gpu: Gpu,
    module: Arc<Module>,
    ptx: Box<str>,
    /// Read from the PTX when they are asked for.
    sites: OnceLock<Sites>,
}

impl Gpu {
    /// Compiles PTX for this device and loads all its kernels.
    ///
    /// Left to itself the driver loads a kernel when it is first asked for, and may have to wait
    /// for running kernels then: for ever, if these wait for a consumer in the thread that loads.
    /// ([Lazy
    /// loading](https://docs.nvidia.com/cuda/cuda-programming-guide/04-special-topics/lazy-loading.html))
    ///
    /// # Errors
    /// [`GpuError::LayoutVersion`] if the kernels were compiled with a perdix-gpu of another layout
    /// version; [`GpuError::Ptx`] with the compiler's log; [`GpuError::NoKernel`] if a kernel in it
    /// cannot be loaded.
    pub fn load(&self, ptx: &str) -> Result<Kernels, GpuError> {
        if let Some(found) = other_layout(ptx) {
            return Err(GpuError::LayoutVersion { found, expected: perdix_core::VERSION });
        }
        let _current = self.enter_relaxed()?;
        let module = Arc::new(Module::load(self, ptx)?);
        for name in entries(ptx) {
            module.function(name)?;
        }
        Ok(Kernels { gpu: self.clone(), module, ptx: ptx.into(), sites: OnceLock::new() })
    }
}

impl Kernels {
    /// A launch of one thread of kernel `name`, without arguments: to be completed.
    ///
    /// # Errors
    /// [`GpuError::NoKernel`].
    pub fn launch(&self, name: &str) -> Result<Launch<'_>, GpuError> {
        let _current = self.gpu.enter_relaxed()?;
        Ok(Launch::new(&self.gpu, &self.module, self.module.function(name)?))
    }

    /// The places in the kernels' sources that their events come from: for an
    /// [`EventReader`](crate::events::EventReader).
    ///
    /// # Errors
    /// [`SitesError::Clash`].
    pub fn sites(&self) -> Result<&Sites, SitesError> {
        if let Some(sites) = self.sites.get() {
            return Ok(sites);
        }
        let sites = Sites::from_ptx(&self.ptx)?;
        Ok(self.sites.get_or_init(|| sites))
    }

    /// The device they were compiled for.
    pub fn gpu(&self) -> &Gpu {
        &self.gpu
    }
}

/// The names of the kernels in PTX.
fn entries(ptx: &str) -> impl Iterator<Item = &str> {
    let declared = ptx
        .lines()
        .filter_map(|line| line.trim_start().trim_start_matches(".visible ").strip_prefix(".entry "));
    declared.map(|rest| rest.split(['(', ' ', '\t']).next().unwrap_or(rest))
}
