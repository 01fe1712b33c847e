//! Names: which are legal, who gets one, and when they go.

use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use perdix_host::process::{Holder, ShareError};

use crate::child::Child;
use crate::common::MODES;
use crate::{Place, builder};

#[test]
fn bad_names() {
    let place = Place::new();
    let long = "x".repeat(65);
    let bad =
        ["", ".", "..", ".hidden", "a/b", "../a", "/a", "a\0b", "a b", "ä", "a\n", "a\\b", "a:b", &long];
    for name in bad {
        let results = [
            place.create(name, builder(8, MODES[0])).map(drop),
            place.open(name).map(drop),
            place.directory.remove(name),
        ];
        for result in results {
            let error = result.unwrap_err();
            assert!(matches!(error, ShareError::Name(_)), "{name:?}: {error}");
            assert!(error.to_string().contains("is no name for a ring: "), "{error}");
        }
    }
    for name in ["a", "A-1_b.c", "-", "_", &"x".repeat(64), "a..b"] {
        let ring = place.create(name, builder(8, MODES[0])).unwrap();
        assert!(place.open(name).is_ok());
        assert!(place.outer.path().join("rings").join(name).is_file());
        drop(ring);
    }
}

#[test]
fn a_name_in_use_is_not_taken() {
    let place = Place::new();
    let ring = place.create("ring", builder(8, MODES[0])).unwrap();
    let create = || place.create("ring", builder(8, MODES[0])).map(drop);
    let in_use = Err(ShareError::InUse { name: "ring".into() });
    assert_eq!(create(), in_use);
    assert_eq!(place.directory.remove("ring"), in_use);
    assert_eq!(place.directory.cleanup(), Ok(vec![]));
    let mut child = Child::start(place.directory.path(), "ring", "open");
    child.line();
    drop(ring);
    assert_eq!(create(), in_use, "another process has it");
    child.kill();
    assert_eq!(create(), Ok(()));
}

/// What a dead process left behind is replaced, and it is the new ring that one gets.
#[test]
fn stale_rings_are_replaced() {
    let place = Place::new();
    drop(place.create("ring", builder(8, MODES[0])).unwrap());
    let mut child = Child::start(place.directory.path(), "ring", "produce 5 hang");
    child.line();
    child.line();
    child.kill();
    let old = place.directory.list().unwrap().remove(0);
    assert!(!old.in_use);
    let ring = place.create("ring", builder(16, MODES[1])).unwrap();
    let new = place.directory.list().unwrap().remove(0);
    let state = new.ring.unwrap();
    assert_eq!((new.in_use, state.capacity, state.producer), (true, 16, Holder::None));
    assert!(place.open("ring").unwrap().into_producer().is_ok());
    drop(ring);
}

/// Of many that create at once one succeeds, whether there is an old ring or not.
#[test]
fn creators_race() {
    let place = Place::new();
    const CREATORS: usize = 6;
    for round in 0..10 {
        let together = Barrier::new(CREATORS);
        let rings: Vec<_> = thread::scope(|scope| {
            let create = || {
                together.wait();
                place.create("ring", builder(8, MODES[0]))
            };
            let creators: Vec<_> = (0..CREATORS).map(|_| scope.spawn(create)).collect();
            creators.into_iter().map(|creator| creator.join().unwrap()).collect()
        });
        let (made, refused): (Vec<_>, Vec<_>) = rings.into_iter().partition(Result::is_ok);
        assert_eq!(made.len(), 1, "round {round}");
        for refused in refused {
            assert_eq!(refused.unwrap_err(), ShareError::InUse { name: "ring".into() });
        }
        // The winner's ring is the one that has the name.
        let ours = made.into_iter().next().unwrap().unwrap();
        let producer = ours.into_producer().unwrap();
        let there = place.directory.list().unwrap().remove(0).ring.unwrap();
        assert_eq!(there.producer, Holder::Here(std::process::id()));
        std::mem::drop(producer);
        if round % 2 == 1 {
            assert_eq!(place.directory.cleanup().unwrap(), ["ring"]);
        } else {
            // The next ones find an old one, whose stream has ended and was not read.
            assert_eq!(place.names(), ["ring"]);
        }
    }
}

/// Rings of one name come and go; whoever opens it gets a whole one, or hears that there is none.
#[test]
fn everything_at_once() {
    let place = Place::new();
    let until = Instant::now() + Duration::from_millis(1500);
    let name = "ring";
    let mut opened = 0;
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while Instant::now() < until {
                    match place.create(name, builder(8, MODES[0])) {
                        Ok(ring) => drop(ring),
                        Err(error) => assert!(matches!(error, ShareError::InUse { .. }), "{error}"),
                    }
                }
            });
        }
        scope.spawn(|| {
            while Instant::now() < until {
                match place.directory.remove(name) {
                    Ok(()) | Err(ShareError::InUse { .. } | ShareError::NotFound { .. }) => {}
                    Err(error) => panic!("{error}"),
                }
                place.directory.list().unwrap();
            }
        });
        while Instant::now() < until {
            match place.open(name) {
                Ok(ring) => {
                    // While it is open its name is not taken away.
                    let links = nix::sys::stat::stat(&place.directory.path().join(name)).unwrap().st_nlink;
                    assert_eq!((links, ring.capacity()), (1, 8));
                    opened += 1;
                }
                Err(ShareError::NotFound { .. } | ShareError::InUse { .. }) => {}
                Err(error) => panic!("{error}"),
            }
        }
    });
    assert!(opened > 100, "{opened} opened");
}

/// A directory is made together with its first ring, and by nothing else.
#[test]
fn looking_makes_nothing() {
    let place = Place::new();
    assert_eq!(place.names(), [""; 0]);
    assert_eq!(place.directory.cleanup(), Ok(vec![]));
    assert!(matches!(place.open("ring"), Err(ShareError::NotFound { .. })));
    assert!(matches!(place.directory.remove("ring"), Err(ShareError::NotFound { .. })));
    assert!(!place.directory.path().exists());
    drop(place.create("ring", builder(8, MODES[0])).unwrap());
    assert_eq!(place.names(), ["ring"]);
}

/// Of several that remove a ring one does, and the others hear that it is not there; nobody, that it is
/// in use.
#[test]
fn removers_race() {
    let place = Place::new();
    for round in 0..200 {
        drop(place.create("ring", builder(8, MODES[0])).unwrap());
        let together = Barrier::new(2);
        let remove = || {
            together.wait();
            place.directory.remove("ring")
        };
        let results = thread::scope(|scope| {
            let removers = [scope.spawn(remove), scope.spawn(remove)];
            removers.map(|remover| remover.join().unwrap())
        });
        let removed = results.iter().filter(|result| result.is_ok()).count();
        assert_eq!(removed, 1, "round {round}: {results:?}");
        let others = results.iter().filter_map(|result| result.as_ref().err());
        for error in others {
            assert!(matches!(error, ShareError::NotFound { .. }), "round {round}: {error}");
        }
    }
}

#[test]
fn listing_and_cleaning() {
    let place = Place::new();
    assert_eq!(place.names(), [""; 0]);
    for name in ["c", "a", "b"] {
        drop(place.create(name, builder(8, MODES[0])).unwrap());
    }
    let files = place.outer.path().join("rings");
    std::fs::write(files.join("no-ring"), "hello").unwrap();
    std::fs::write(files.join(".hidden"), "hello").unwrap();
    std::fs::create_dir(files.join("folder")).unwrap();
    let mut producer = place.open("b").unwrap().into_producer().unwrap();
    producer.produce(b"abc").unwrap();
    assert_eq!(place.names(), ["a", "b", "c"]);
    let rings = place.directory.list().unwrap();
    assert_eq!(rings.iter().map(|ring| ring.in_use).collect::<Vec<_>>(), [false, true, false]);
    let state = rings[1].ring.unwrap();
    assert_eq!(
        (state.counters.sent, state.counters.sent_bytes, state.ended, state.device),
        (1, 3, false, false)
    );
    assert_eq!((state.producer, state.consumer), (Holder::Here(std::process::id()), Holder::None));
    assert_eq!(place.directory.cleanup().unwrap(), ["a", "c"]);
    assert_eq!(place.names(), ["b"]);
    producer.finish();
    let state = place.directory.list().unwrap().remove(0).ring.unwrap();
    assert_eq!((state.producer, state.ended), (Holder::Gone(std::process::id()), true));
    assert_eq!(place.directory.remove("b"), Ok(()));
    assert!(matches!(place.directory.remove("b"), Err(ShareError::NotFound { .. })));
    assert!(files.join("no-ring").is_file() && files.join("folder").is_dir());
}

/// A ring that this build cannot read is listed, and can be cleaned up.
#[test]
fn rings_of_other_versions_are_listed() {
    let place = Place::new();
    drop(place.create("ring", builder(8, MODES[0])).unwrap());
    let path = place.outer.path().join("rings/ring");
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[8] = 99;
    std::fs::write(&path, bytes).unwrap();
    let listed = place.directory.list().unwrap().remove(0);
    assert!(listed.ring.is_err_and(|error| error.to_string().contains("version 99")));
    assert_eq!(place.directory.cleanup().unwrap(), ["ring"]);
}
