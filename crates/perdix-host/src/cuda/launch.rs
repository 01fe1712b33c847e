//! A kernel launch in the making.

mod argument;

use std::ffi::c_void;
use std::sync::Arc;

pub use argument::{Argument, Attached, Plain};
use cust::sys::{CUfunction, CUstream};

use super::attach::{LaunchTarget, around};
use super::driver;
use super::error::{GpuError, check};
use super::gpu::Gpu;
use super::module::Module;
use super::session::Session;

/// A kernel launch in the making: [`Kernels::launch`](super::Kernels::launch) begins it.
///
/// What is given as an argument is what the launch is attached to: the memory of these rings is not
/// freed while the kernel runs, and whoever waits at their other end notices when it has ended.
///
/// ```no_run
/// # use perdix_host::cuda::{DeviceConsumer, DeviceProducer, GpuError, Kernels};
/// # fn relay(
/// #     kernels: &Kernels, requests: &DeviceConsumer<'_>, responses: &DeviceProducer<'_>,
/// # ) -> Result<(), GpuError> {
/// let launch = kernels.launch("relay")?.block(32).arg(requests).arg(responses).arg(1000_u64);
/// // SAFETY: the arguments are those of `relay`, which is one warp and uses these two rings alone.
/// unsafe { launch.start() } // attached to both
/// # }
/// ```
#[derive(Debug)]
#[must_use]
pub struct Launch<'k> {
    gpu: &'k Gpu,
    module: &'k Arc<Module>,
    function: CUfunction,
    grid: u32,
    block: u32,
    /// Each argument's bytes, in words, so that they are aligned.
    arguments: Vec<Box<[u64]>>,
    /// What the launch is attached to; each once.
    sessions: Vec<&'k Session>,
    /// Where the kernels of the first target go.
    stream: Option<CUstream>,
}

impl<'k> Launch<'k> {
    /// One thread of the module's kernel.
    pub(super) fn new(gpu: &'k Gpu, module: &'k Arc<Module>, function: CUfunction) -> Self {
        Self {
            gpu,
            module,
            function,
            grid: 1,
            block: 1,
            arguments: Vec::new(),
            sessions: Vec::new(),
            stream: None,
        }
    }

    /// Blocks; 1 unless set.
    pub fn grid(mut self, blocks: u32) -> Self {
        self.grid = blocks;
        self
    }

    /// Threads of each block; 1 unless set.
    pub fn block(mut self, threads: u32) -> Self {
        self.block = threads;
        self
    }

    /// The next argument: the host's end of rings by reference (`&producer`, `&consumer`,
    /// `&shards`, `&service`), whose handle is passed and which the launch is attached to, or a
    /// plain value ([`KernelArg`](super::KernelArg)), passed as it stands. It must be what the
    /// kernel declares.
    ///
    /// A handle is no plain value: passed as such it would leave its ring unattached.
    ///
    /// ```compile_fail,E0277
    /// # use perdix_host::cuda::{DeviceProducer, GpuError, Kernels};
    /// # fn refused(kernels: &Kernels, producer: &DeviceProducer<'_>) -> Result<(), GpuError> {
    /// let launch = kernels.launch("my_kernel")?.arg(producer.ring());
    /// # Ok(())
    /// # }
    /// ```
    pub fn arg<Kind>(self, argument: impl Argument<'k, Kind>) -> Self {
        argument.push(self)
    }

    /// The next argument, a value of any type, passed as it stands: handles that the launch is
    /// *not* attached to included. That is for kernels that are captured into a graph, or attached
    /// by [`launch_with`](super::DeviceProducer::launch_with).
    pub fn arg_unattached<T: Copy + 'static>(self, argument: T) -> Self {
        self.push(argument)
    }

    /// Attaches the launch to `target` without passing an argument: for a kernel that has the
    /// ring's handle from elsewhere, say inside a struct.
    pub fn attach(mut self, target: &'k impl LaunchTarget) -> Self {
        for session in target.sessions() {
            if !self.sessions.iter().any(|known| std::ptr::eq(*known, session)) {
                self.sessions.push(session);
            }
        }
        self.stream.get_or_insert_with(|| target.stream());
        self
    }

    /// Starts the kernel in the stream of the first ring (or set of rings) that it was given,
    /// behind those started there before, and attaches it to all that it was given.
    ///
    /// # Errors
    /// [`GpuError::NoTarget`] without any ring; else as [`start_on`](Self::start_on).
    ///
    /// # Safety
    /// The arguments are those that the kernel declares, their addresses are valid until it ends,
    /// and the kernel keeps the contracts of the producers and consumers it makes.
    pub unsafe fn start(self) -> Result<(), GpuError> {
        let stream = self.stream.ok_or(GpuError::NoTarget)?;
        // SAFETY: the caller's contract; the target lives as long as this value, and so does its
        // stream.
        unsafe { self.start_on(stream) }
    }

    /// Starts the kernel in any stream of its context, `null` being the default stream, and
    /// attaches it to all rings that it was given.
    ///
    /// # Errors
    /// [`GpuError::OtherContext`] if a ring is of another context than the kernel,
    /// [`GpuError::Capturing`] if there are rings and the stream is being captured into a graph,
    /// [`GpuError::Driver`]. A launch that failed leaves the rings as they were. If the error's
    /// call is `cuEventRecord` the kernel was launched, and only could not be attached: see
    /// [`DeviceProducer::attach`](super::DeviceProducer::attach).
    ///
    /// # Safety
    /// As [`start`](Self::start), and the stream is alive and of the kernel's context. If the
    /// launch was given no ring, the [`Kernels`](super::Kernels) lives until the kernel has ended.
    pub unsafe fn start_on(mut self, stream: CUstream) -> Result<(), GpuError> {
        let context = self.gpu.raw_context();
        if self.sessions.iter().any(|session| session.gpu().raw_context() != context) {
            return Err(GpuError::OtherContext);
        }
        let sessions = std::mem::take(&mut self.sessions);
        // The code stays until the session is over.
        sessions.iter().for_each(|session| session.retain(self.module));
        let gpu = self.gpu;
        // SAFETY: the caller's contract.
        let launch = || unsafe { self.submit(stream) };
        // SAFETY: the caller's contract; the sessions are of the kernel's context.
        unsafe { around(gpu, sessions.into_iter(), stream, launch) }
    }

    /// Gives the launch to the driver. The context is current.
    ///
    /// # Safety
    /// As [`start_on`](Self::start_on).
    unsafe fn submit(mut self, stream: CUstream) -> Result<(), GpuError> {
        let mut pointers: Vec<*mut c_void> =
            self.arguments.iter_mut().map(|argument| argument.as_mut_ptr().cast()).collect();
        // SAFETY: the caller's contract; the pointers are as many as the arguments, each to its
        // bytes.
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

    /// Appends an argument's bytes.
    pub(super) fn push<T: Copy>(mut self, argument: T) -> Self {
        let words = size_of::<T>().div_ceil(8).max(1);
        let mut bytes = vec![0_u64; words].into_boxed_slice();
        let (from, to) = ((&raw const argument).cast::<u8>(), bytes.as_mut_ptr().cast());
        // SAFETY: the words are at least as long as the argument; its padding, if any, is never
        // looked at.
        unsafe { std::ptr::copy_nonoverlapping(from, to, size_of::<T>()) };
        self.arguments.push(bytes);
        self
    }
}
