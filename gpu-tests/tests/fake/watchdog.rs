//! Deadlocks must fail a test, not hang it.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// Runs `test`; if it has not returned after 20 s, ends the process.
pub(crate) fn watched<T>(test: impl FnOnce() -> T) -> T {
    let (done, is_done) = mpsc::channel::<()>();
    let watchdog = thread::spawn(move || {
        if is_done.recv_timeout(Duration::from_secs(20)) == Err(mpsc::RecvTimeoutError::Timeout) {
            eprintln!("a test hangs");
            std::process::abort();
        }
    });
    let result = test();
    drop(done);
    watchdog.join().unwrap();
    result
}
