//! Signals that must not end a command.

/// Makes a write beyond the limit of file sizes (`ulimit -f`) an error of that write, which the command
/// reports; left alone, the system sends a signal that ends the process.
pub(crate) fn report_file_size_limit() {
    #[cfg(target_os = "linux")]
    {
        use nix::sys::signal::{SigHandler, Signal, signal};
        // SAFETY: the signal is ignored, so no handler runs.
        let ignored = unsafe { signal(Signal::SIGXFSZ, SigHandler::SigIgn) };
        // It cannot fail for a signal that there is; if it did, the signal ends the command as before.
        debug_assert!(ignored.is_ok());
    }
}
