//! Rings without a name.

use std::fs::File;
use std::io::{IoSlice, IoSliceMut, Write};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::net::UnixStream;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, SealFlag, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::socket::{ControlMessage, ControlMessageOwned, MsgFlags, recvmsg, sendmsg};
use perdix_host::process::{ShareError, SharedRing};

use crate::child::{Child, consume_all};
use crate::common::{self, MODES, kind_of, message};
use crate::{Place, builder, trust};

/// Receives one descriptor.
pub(crate) fn receive(socket: &impl AsFd) -> OwnedFd {
    let mut byte = [0];
    let mut parts = [IoSliceMut::new(&mut byte)];
    let mut space = nix::cmsg_space!(std::os::fd::RawFd);
    let fd = socket.as_fd().as_raw_fd();
    let received = recvmsg::<()>(fd, &mut parts, Some(&mut space), MsgFlags::MSG_CMSG_CLOEXEC).unwrap();
    match received.cmsgs().unwrap().next() {
        // SAFETY: the kernel has just made it for us.
        Some(ControlMessageOwned::ScmRights(fds)) => unsafe { OwnedFd::from_raw_fd(fds[0]) },
        other => panic!("{other:?}"),
    }
}

#[test]
fn by_inheritance() {
    for mode in MODES {
        common::watch_process();
        let ring = builder(64, mode).create_anonymous().unwrap();
        let child = Child::start_with(ring.to_fd().unwrap().into(), "stdin");
        let mut producer = trust(ring).into_producer().unwrap();
        for number in 0..1000 {
            producer.message(&message(number, 240)).kind(kind_of(number)).send().unwrap();
        }
        producer.finish();
        assert_eq!(child.lines(), ["1000 end"]);
    }
}

#[test]
fn over_a_socket() {
    for mode in MODES {
        common::watch_process();
        let ring = builder(64, mode).create_anonymous().unwrap();
        let (ours, theirs) = UnixStream::pair().unwrap();
        let mut child = Child::start_with(OwnedFd::from(theirs).into(), "socket");
        let fd = ring.to_fd().unwrap();
        let fds = [fd.as_raw_fd()];
        let rights = [ControlMessage::ScmRights(&fds)];
        sendmsg::<()>(ours.as_raw_fd(), &[IoSlice::new(b"r")], &rights, MsgFlags::empty(), None).unwrap();
        let mut consumer = trust(ring).into_consumer().unwrap();
        assert_eq!(consume_all(&mut consumer, 0), (1000, "end".into()));
        assert!(child.end().success());
    }
}

/// Whoever still has a descriptor that was passed does not make its sender look alive.
#[test]
fn death_is_seen_through_descriptors() {
    common::watch_process();
    let ring = builder(8, MODES[0]).create_anonymous().unwrap();
    let (first, second) = (ring.to_fd().unwrap(), ring.to_fd().unwrap());
    let mut consumer = trust(ring).into_consumer().unwrap();
    let mut producer =
        trust(SharedRing::from_fd(first.try_clone().unwrap()).unwrap()).into_producer().unwrap();
    producer.produce(b"x").unwrap();
    drop(consumer.consume().unwrap());
    drop(producer);
    assert!(consumer.consume().is_err());
    drop(consumer);
    assert!(trust(SharedRing::from_fd(second).unwrap()).into_consumer().is_ok());
}

#[test]
fn nobody_changes_its_length() {
    let ring = builder(8, MODES[0]).create_anonymous().unwrap();
    let fd = ring.to_fd().unwrap();
    for length in [0, 100, 1 << 20] {
        assert_eq!(nix::unistd::ftruncate(&fd, length), Err(Errno::EPERM), "{length}");
    }
}

/// Whatever could be shrunk under a mapping, and whatever is no ring.
#[test]
fn other_descriptors_are_refused() {
    let ours = |file: &File| {
        nix::sys::stat::fchmod(file, nix::sys::stat::Mode::from_bits_truncate(0o600)).unwrap();
    };
    let place = Place::new();
    drop(place.create("ring", builder(8, MODES[0])).unwrap());
    let named = File::options().read(true).write(true).open(place.directory.path().join("ring")).unwrap();
    assert_eq!(SharedRing::from_fd(named.into()).unwrap_err(), ShareError::NotSealed, "a ring with a name");
    let file = tempfile::tempfile_in("/dev/shm").unwrap();
    ours(&file);
    assert_eq!(SharedRing::from_fd(file.into()).unwrap_err(), ShareError::NotSealed);
    let memory = memory_file(&[0; 4096], SealFlag::F_SEAL_GROW);
    assert_eq!(SharedRing::from_fd(memory.into()).unwrap_err(), ShareError::NotSealed, "it can shrink");
    let memory = memory_file(&[0; 4096], SealFlag::F_SEAL_SHRINK);
    let error = SharedRing::from_fd(memory.into()).unwrap_err();
    assert!(matches!(error, ShareError::Invalid { .. }), "{error}");
    let memory = memory_file(&[0; 4096], SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_WRITE);
    let error = SharedRing::from_fd(memory.into()).unwrap_err();
    assert!(matches!(error, ShareError::System { call: "mmap", .. }), "{error}");
    let error = SharedRing::from_fd(File::open("/dev/null").unwrap().into()).unwrap_err();
    assert!(matches!(error, ShareError::NotAFile { .. }), "{error}");
    let (ours, _theirs) = UnixStream::pair().unwrap();
    let error = SharedRing::from_fd(ours.into()).unwrap_err();
    assert!(matches!(error, ShareError::System { call: "open", .. }), "{error}");
}

fn memory_file(bytes: &[u8], seals: SealFlag) -> File {
    let memory = memfd_create("test", MFdFlags::MFD_ALLOW_SEALING | MFdFlags::MFD_CLOEXEC).unwrap();
    let mut memory = File::from(memory);
    memory.write_all(bytes).unwrap();
    fcntl(&memory, FcntlArg::F_ADD_SEALS(seals)).unwrap();
    memory
}

#[test]
fn more_than_there_is() {
    let error = builder(1 << 30, MODES[0]).create_anonymous().unwrap_err();
    assert!(matches!(error, ShareError::NoSpace { .. }), "{error}");
    let error = builder(3, MODES[0]).create_anonymous().unwrap_err();
    assert!(error.to_string().contains("ask for"), "{error}");
}
