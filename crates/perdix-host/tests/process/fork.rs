//! A process that forks.

use perdix_host::process::SharedRing;

use crate::child::{Child, payload, say};
use crate::common::MODES;
use crate::{Place, builder};

/// The fork of a producer, whose parent is gone with its watcher, hears all the same that the consumer
/// died; and it ends.
#[test]
fn a_forked_producer_is_told() {
    for mode in MODES {
        let place = Place::new();
        let _open = place.create("ring", builder(4, mode)).unwrap();
        let mut consumer = Child::start(place.directory.path(), "ring", "hold 1 1");
        let mut producer = Child::start(place.directory.path(), "ring", "fork");
        assert_eq!(consumer.line(), "0");
        assert_eq!(producer.line(), "forked");
        consumer.kill();
        assert_eq!(producer.line(), "Err(ConsumerGone)");
        assert_eq!(producer.line(), "dropped");
    }
}

pub(crate) fn fork(ring: SharedRing) {
    let mut producer = ring.into_producer().unwrap();
    let mut number = 0;
    while producer.try_produce(&payload(number)).is_ok() {
        number += 1;
    }
    // SAFETY: the fork uses no thread and no lock of this process but the allocator's, which survive it.
    if unsafe { nix::libc::fork() } == 0 {
        say("forked");
        say(format!("{:?}", producer.produce(b"x")));
        drop(producer);
        say("dropped");
    }
    // SAFETY: nothing is to be put in order.
    unsafe { nix::libc::_exit(0) };
}
