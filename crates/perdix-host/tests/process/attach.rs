//! What is not opened: files that are no rings, or not this user's alone.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::PathBuf;

use nix::sys::stat::Mode as Bits;
use perdix_host::process::{Directory, ShareError};

use crate::child::Child;
use crate::common::{MODES, Random};
use crate::{Place, builder};

/// A place with a ring that nobody has open, and its file.
fn ring() -> (Place, PathBuf) {
    let place = Place::new();
    drop(place.create("ring", builder(8, MODES[0])).unwrap());
    let path = place.outer.path().join("rings/ring");
    (place, path)
}

fn refused(place: &Place, expected: &str) -> ShareError {
    let error = place.open("ring").unwrap_err();
    assert!(error.to_string().contains(expected), "{error}");
    error
}

/// Whatever the umask. It is the process's, so another process sets it.
#[test]
fn only_the_owner_has_access() {
    for mask in ["0", "777"] {
        let place = Place::new();
        let folder = place.outer.path().join("others");
        let mut child = Child::start(&folder, "ring", &format!("umask {mask}"));
        child.line();
        let mode = |path: PathBuf| fs::metadata(path).unwrap().mode() & 0o7777;
        assert_eq!(mode(folder.clone()), 0o700, "umask {mask}");
        assert_eq!(mode(folder.join("ring")), 0o600, "umask {mask}");
        child.kill();
    }
}

#[test]
fn others_may_have_no_access() {
    let (place, path) = ring();
    for mode in [0o640, 0o604, 0o660, 0o601, 0o4777] {
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        let error = refused(&place, "open to its owner alone (600)");
        assert!(matches!(error, ShareError::Mode { mode: found, .. } if found == mode), "{error}");
        assert!(place.create("ring", builder(8, MODES[0])).is_err(), "nor is it replaced");
    }
    fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    place.open("ring").unwrap();
}

#[test]
fn of_another_user() {
    let (place, path) = ring();
    if chown(&path, Some(12345), None).is_err() {
        return; // only root can give files away
    }
    let error = refused(&place, "belongs to user 12345");
    assert!(matches!(error, ShareError::Owner { owner: 12345, .. }));
    let inner = place.outer.path().join("theirs");
    fs::create_dir(&inner).unwrap();
    fs::set_permissions(&inner, Permissions::from_mode(0o700)).unwrap();
    chown(&inner, Some(12345), None).unwrap();
    let error = Directory::at(&inner).unwrap_err();
    assert!(error.to_string().contains("belongs to user 12345"), "{error}");
}

#[test]
fn directories_that_are_none_of_ours() {
    let place = Place::new();
    let at = |name: &str| place.outer.path().join(name);
    fs::create_dir(at("open")).unwrap();
    for mode in [0o755, 0o770, 0o701, 0o1777] {
        fs::set_permissions(at("open"), Permissions::from_mode(mode)).unwrap();
        let error = Directory::at(at("open")).unwrap_err();
        assert!(error.to_string().contains("must have mode 700"), "{error}");
        assert!(error.to_string().contains("name another with PERDIX_DIR"), "{error}");
    }
    symlink(at("rings"), at("link")).unwrap();
    fs::write(at("file"), "").unwrap();
    for name in ["link", "file"] {
        let error = Directory::at(at(name)).unwrap_err();
        assert!(error.to_string().contains("it is no directory"), "{error}");
    }
    let error =
        crate::create(&Directory::at(at("no/such")).unwrap(), "ring", builder(8, MODES[0])).unwrap_err();
    assert!(matches!(error, ShareError::System { call: "mkdir", .. }), "{error}");
}

#[test]
fn what_is_no_regular_file() {
    let (place, path) = ring();
    fs::rename(&path, place.outer.path().join("elsewhere")).unwrap();
    refused(&place, "there is no ring ring in ");
    symlink(place.outer.path().join("elsewhere"), &path).unwrap();
    refused(&place, "is no regular file");
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    refused(&place, "is no regular file");
    fs::remove_dir(&path).unwrap();
    nix::unistd::mkfifo(&path, Bits::S_IRUSR | Bits::S_IWUSR).unwrap();
    refused(&place, "is no regular file");
}

#[test]
fn garbage() {
    let (place, path) = ring();
    let good = fs::read(&path).unwrap();
    assert_eq!(good.len(), 4096, "whole pages");
    let write = |bytes: &[u8]| fs::write(&path, bytes).unwrap();
    for length in [0, 1, 7, 8, 1023, 1024, 1279, 1024 + 8 * 256 - 1] {
        write(&good[..length]);
        refused(&place, "too short");
    }
    let with = |at: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[at] = byte;
        write(&bytes);
    };
    with(0, 0);
    refused(&place, "no ring here");
    with(8, 77);
    refused(&place, "layout version 77");
    with(13, 2);
    refused(&place, "slots of 512 bytes");
    with(16, 9);
    refused(&place, "cannot have 9 slots");
    with(16, 16);
    refused(&place, "too short");
    with(24, 2);
    refused(&place, "unknown publication mode 2");
    let mut random = Random(1);
    for _ in 0..100 {
        let bytes: Vec<u8> = (0..4096).map(|_| random.next() as u8).collect();
        write(&bytes);
        refused(&place, "no ring here");
    }
    write(&good);
    place.open("ring").unwrap().into_consumer().unwrap();
}

/// A consumer's line that no consumer wrote: an error, or a ring in which nothing comes; never harm.
#[test]
fn a_position_that_cannot_be() {
    let place = Place::new();
    drop(place.create("ring", builder(8, MODES[1])).unwrap());
    let path = place.outer.path().join("rings/ring");
    let good = fs::read(&path).unwrap();
    let mut bytes = good.clone();
    bytes[256 + 200] = 9;
    fs::write(&path, &bytes).unwrap();
    let error = place.open("ring").unwrap().into_consumer().unwrap_err();
    assert!(error.to_string().contains("recycled 9 messages ahead"), "{error}");
    let mut random = Random(2);
    for _ in 0..300 {
        let mut bytes = good.clone();
        // Everything but the identity.
        for byte in bytes.iter_mut().skip(256) {
            *byte = if random.below(4) == 0 { random.next() as u8 } else { 0 };
        }
        fs::write(&path, &bytes).unwrap();
        if let Ok(mut consumer) = place.open("ring").unwrap().into_consumer() {
            while consumer.try_consume().is_some() {}
            let _ = consumer.status();
        }
        if !path.exists() {
            drop(place.create("ring", builder(8, MODES[1])).unwrap());
        }
    }
}

#[test]
fn no_room() {
    let place = Place::new();
    let error = place.create("ring", builder(1 << 30, MODES[0])).unwrap_err();
    assert!(matches!(error, ShareError::NoSpace { bytes, .. } if bytes == 1024 + (1 << 38)), "{error}");
    assert!(error.to_string().contains("fewer slots"), "{error}");
    assert_eq!(place.names(), [""; 0], "nothing is left of it");
    let error = place.create("ring", builder(0, MODES[0])).unwrap_err();
    assert!(matches!(error, ShareError::Slots(_)), "{error}");
}
