//! What this process may not have, or the machine has not: errors, and no signals.

use std::process::{Command, Stdio};

use nix::sys::resource::{Resource, setrlimit};
use perdix_host::process::{Directory, ShareError};

use crate::child::{Child, say};
use crate::common::MODES;
use crate::{Place, builder};

const LIMIT: u64 = 8192;

/// In a process of its own, which a signal would end.
#[test]
fn the_size_of_files() {
    let place = Place::new();
    let child = Child::start_with(Stdio::null(), &format!("{} limited", place.directory.path().display()));
    assert_eq!(child.lines(), ["named", "anonymous", "small"]);
    assert_eq!(place.names(), ["small"]);
}

pub(crate) fn be_limited(directory: &Directory) {
    setrlimit(Resource::RLIMIT_FSIZE, LIMIT, LIMIT).unwrap();
    let no_space = |error: ShareError| {
        assert!(matches!(error, ShareError::NoSpace { limit: Some(LIMIT), .. }), "{error}");
        assert!(
            error.to_string().contains("raise the limit of 8192 bytes for a file (ulimit -f)"),
            "{error}"
        );
    };
    no_space(crate::create(directory, "ring", builder(64, MODES[0])).unwrap_err());
    say("named");
    no_space(builder(64, MODES[0]).create_anonymous().unwrap_err());
    say("anonymous");
    drop(crate::create(directory, "small", builder(16, MODES[0])).unwrap());
    drop(builder(16, MODES[0]).create_anonymous().unwrap());
    say("small");
}

/// Without `/proc` rings with names work; descriptors say what they need. (Where this process may not
/// unmount it, nothing is tested.)
#[test]
fn no_proc() {
    let place = Place::new();
    let here = std::env::current_exe().unwrap();
    let without = |script: &str| {
        let mut command = Command::new("unshare");
        command.args(["--mount", "--propagation", "private", "sh", "-c"]);
        command.arg(format!("umount -l /proc && exec {script}")).stdin(Stdio::null());
        command.output()
    };
    if !without("true").is_ok_and(|output| output.status.success()) {
        return;
    }
    let task = format!("{} ring produce 5 end", place.directory.path().display());
    let run = format!("env {}='{task}' {} --exact child::child_process", crate::child::TASK, here.display());
    drop(place.create("ring", builder(8, MODES[0])).unwrap());
    assert!(without(&run).unwrap().status.success());
    let task = format!("{} other umask 077", place.directory.path().display());
    let run = format!("env {}='{task}' {} --exact child::child_process", crate::child::TASK, here.display());
    let output = without(&format!("timeout 2 {run}")).unwrap();
    assert_eq!(place.names(), ["other", "ring"], "{output:?}");
}
