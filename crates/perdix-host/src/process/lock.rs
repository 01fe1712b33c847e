//! Who is there: locks that the kernel drops when their holder dies, however it dies.
//!
//! They are open-file-description locks, one byte each. They lie over the ring's first bytes and have nothing to do with what is
//! there. A lock belongs to the open file description, so a process that opens the file twice is two parties, and closing some other
//! descriptor of the same file loses nothing (as it would with `F_SETLK`).

use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use nix::libc::{self, flock};

/// What a byte of the file stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Byte {
    /// Locked by the producer; and for a moment by nobody else.
    Producer = 0,
    /// Locked by the consumer; for a moment by a producer that marks a dead one's going.
    Consumer = 1,
    /// Locked (shared) by everyone who has the ring open, and alone by who removes or replaces what nobody has open.
    Open = 2,
    /// Locked by who removes the name of a ring that others may have open, since nothing is left to read in it.
    Name = 3,
}

/// How a byte is locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lock {
    Shared,
    Alone,
}

/// Others hold a lock for a moment only unless they mean it: how long one waits to see which it is.
const PATIENCE: Duration = Duration::from_millis(100);
const PAUSE: Duration = Duration::from_millis(2);

/// Takes a lock, if nobody holds one that excludes it.
pub(super) fn try_lock(file: impl AsFd, byte: Byte, lock: Lock) -> Result<bool, Errno> {
    let kind = match lock {
        Lock::Shared => libc::F_RDLCK,
        Lock::Alone => libc::F_WRLCK,
    };
    match fcntl(file, FcntlArg::F_OFD_SETLK(&range(byte, kind))) {
        Ok(_) => Ok(true),
        Err(Errno::EAGAIN | Errno::EACCES) => Ok(false),
        Err(other) => Err(other),
    }
}

/// The same, if others give way within a tenth of a second.
pub(super) fn lock(file: impl AsFd, byte: Byte, lock: Lock) -> Result<bool, Errno> {
    let begun = Instant::now();
    loop {
        if try_lock(file.as_fd(), byte, lock)? {
            return Ok(true);
        }
        if begun.elapsed() >= PATIENCE {
            return Ok(false);
        }
        std::thread::sleep(PAUSE);
    }
}

/// Gives a lock back.
pub(super) fn unlock(file: impl AsFd, byte: Byte) -> Result<(), Errno> {
    fcntl(file, FcntlArg::F_OFD_SETLK(&range(byte, libc::F_UNLCK))).map(drop)
}

/// Whether anybody else holds a lock on the byte.
pub(super) fn is_held(file: impl AsFd, byte: Byte) -> Result<bool, Errno> {
    let mut answer = range(byte, libc::F_WRLCK);
    fcntl(file, FcntlArg::F_OFD_GETLK(&mut answer))?;
    Ok(answer.l_type != libc::F_UNLCK as libc::c_short)
}

fn range(byte: Byte, kind: libc::c_int) -> flock {
    flock {
        l_type: kind as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: byte as libc::off_t,
        l_len: 1,
        l_pid: 0,
    }
}
