//! PTX loaded, and kernels launched.

use std::ffi::{CString, c_void};
use std::sync::OnceLock;

use cust::sys::{self, CUfunction, CUjit_option, CUmodule};

use super::attach::LaunchTarget;
use super::driver;
use super::error::{GpuError, check};
use super::gpu::Gpu;
use crate::events::{Sites, SitesError};
use crate::ptx::other_layout;

/// Bytes for what the driver's compiler has to say.
const LOG_BYTES: usize = 16 * 1024;

/// The kernels of one PTX text, compiled by the driver for its device.
#[derive(Debug)]
pub struct Kernels {
    gpu: Gpu,
    module: CUmodule,
    ptx: Box<str>,
    /// Read from the PTX when they are asked for.
    sites: OnceLock<Sites>,
}

// SAFETY: a module may be used from any thread with its context current, which every use sees to.
unsafe impl Send for Kernels {}
// SAFETY: as above; the driver does its own locking.
unsafe impl Sync for Kernels {}

impl Gpu {
    /// Compiles PTX for this device and loads all its kernels.
    ///
    /// Left to itself the driver loads a kernel when it is first asked for, and may have to wait for running kernels then: for ever,
    /// if these wait for a consumer in the thread that loads.
    /// ([Lazy loading](https://docs.nvidia.com/cuda/cuda-programming-guide/04-special-topics/lazy-loading.html))
    ///
    /// # Errors
    /// [`GpuError::LayoutVersion`] if the kernels were compiled with a perdix-gpu of another layout version;
    /// [`GpuError::Ptx`] with the compiler's log; [`GpuError::NoKernel`] if a kernel in it cannot be loaded.
    pub fn load(&self, ptx: &str) -> Result<Kernels, GpuError> {
        if let Some(found) = other_layout(ptx) {
            return Err(GpuError::LayoutVersion { found, expected: perdix_core::VERSION });
        }
        let text = CString::new(ptx).map_err(|_| GpuError::Nul)?;
        let _current = self.enter()?;
        let mut log = vec![0_u8; LOG_BYTES];
        let mut options =
            [CUjit_option::CU_JIT_ERROR_LOG_BUFFER, CUjit_option::CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES]
                .map(|option| option as u32);
        // The driver takes numbers in the place of pointers.
        let mut values = [log.as_mut_ptr().cast::<c_void>(), LOG_BYTES as *mut c_void];
        let mut module = std::ptr::null_mut();
        // SAFETY: the text ends with a NUL, the two options have two values, and the log has the length given.
        let result = unsafe {
            driver::cuModuleLoadDataEx(
                &mut module,
                text.as_ptr().cast(),
                options.len() as u32,
                options.as_mut_ptr(),
                values.as_mut_ptr(),
            )
        };
        check("cuModuleLoadDataEx", result).map_err(|source| {
            let log = log.split(|byte| *byte == 0).next().map(String::from_utf8_lossy).unwrap_or_default();
            GpuError::Ptx { source: Box::new(source), log: log.into_owned() }
        })?;
        let kernels = Kernels { gpu: self.clone(), module, ptx: ptx.into(), sites: OnceLock::new() };
        for name in entries(ptx) {
            kernels.function(name)?;
        }
        Ok(kernels)
    }
}

impl Kernels {
    /// A launch of one thread of kernel `name`, without arguments: to be completed.
    ///
    /// # Errors
    /// [`GpuError::NoKernel`].
    pub fn launch(&self, name: &str) -> Result<Launch<'_>, GpuError> {
        let _current = self.gpu.enter()?;
        let function = self.function(name)?;
        Ok(Launch { kernels: self, function, grid: 1, block: 1, arguments: Vec::new() })
    }

    /// The kernel's handle, loading it if need be. The context is current.
    fn function(&self, name: &str) -> Result<CUfunction, GpuError> {
        let text = CString::new(name).map_err(|_| GpuError::Nul)?;
        let mut function = std::ptr::null_mut();
        // SAFETY: the module is loaded, and the name ends with a NUL.
        let result = unsafe { driver::cuModuleGetFunction(&mut function, self.module, text.as_ptr()) };
        check("cuModuleGetFunction", result)
            .map_err(|source| GpuError::NoKernel { name: name.into(), source: Box::new(source) })?;
        Ok(function)
    }

    /// The places in the kernels' sources that their events come from: for an [`EventReader`](crate::events::EventReader).
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

impl Drop for Kernels {
    fn drop(&mut self) {
        if let Ok(_current) = self.gpu.enter() {
            // SAFETY: loaded once. The driver waits for the module's kernels.
            unsafe { driver::cuModuleUnload(self.module) };
        }
    }
}

/// A kernel launch in the making.
#[derive(Debug)]
#[must_use]
pub struct Launch<'k> {
    kernels: &'k Kernels,
    function: CUfunction,
    grid: u32,
    block: u32,
    /// Each argument's bytes, in words, so that they are aligned.
    arguments: Vec<Box<[u64]>>,
}

impl Launch<'_> {
    /// Blocks.
    pub fn grid(mut self, blocks: u32) -> Self {
        self.grid = blocks;
        self
    }

    /// Threads of each block.
    pub fn block(mut self, threads: u32) -> Self {
        self.block = threads;
        self
    }

    /// The next argument, passed by value. It must have the type and layout that the kernel declares.
    pub fn arg<T: Copy + 'static>(mut self, argument: T) -> Self {
        let words = size_of::<T>().div_ceil(8).max(1);
        let mut bytes = vec![0_u64; words].into_boxed_slice();
        let (from, to) = ((&raw const argument).cast::<u8>(), bytes.as_mut_ptr().cast());
        // SAFETY: the words are at least as long as the argument; its padding, if any, is never looked at.
        unsafe { std::ptr::copy_nonoverlapping(from, to, size_of::<T>()) };
        self.arguments.push(bytes);
        self
    }

    /// Starts the kernel on the stream of the ring's (or set of rings') host end, behind those started there before, and attaches it to
    /// the life of the ring (or of all these rings).
    ///
    /// # Errors
    /// [`GpuError::OtherContext`], [`GpuError::Driver`]. A launch that failed leaves the ring as it was. If the error's call is
    /// `cuEventRecord` the kernel was launched, and only could not be attached: see [`DeviceProducer::attach`](super::DeviceProducer::attach).
    ///
    /// # Safety
    /// The arguments are those that the kernel declares, their addresses are valid until it ends, and the kernel keeps the
    /// contracts of the producers it makes.
    pub unsafe fn start(self, target: &impl LaunchTarget) -> Result<(), GpuError> {
        if self.kernels.gpu.raw_context() != target.gpu().raw_context() {
            return Err(GpuError::OtherContext);
        }
        let stream = target.stream();
        // SAFETY: the caller's contract; the stream is the target's.
        let start = || unsafe { self.start_on(stream) };
        // SAFETY: the target's stream lives as long as the target, and is of its context.
        unsafe { target.around(stream, start) }
    }

    /// Starts the kernel on any stream of the same context; `null` is the default stream. Nothing is attached to anything.
    ///
    /// # Errors
    /// [`GpuError::Driver`].
    ///
    /// # Safety
    /// As [`start`](Self::start), and the stream is alive.
    pub unsafe fn start_on(mut self, stream: sys::CUstream) -> Result<(), GpuError> {
        let _current = self.kernels.gpu.enter()?;
        let mut pointers: Vec<*mut c_void> =
            self.arguments.iter_mut().map(|argument| argument.as_mut_ptr().cast()).collect();
        // SAFETY: the caller's contract; the pointers are as many as the arguments, each to its bytes.
        let result = unsafe {
            driver::cuLaunchKernel(
                self.function,
                self.grid,
                1,
                1,
                self.block,
                1,
                1,
                0,
                stream,
                pointers.as_mut_ptr(),
                std::ptr::null_mut(),
            )
        };
        check("cuLaunchKernel", result)
    }
}
