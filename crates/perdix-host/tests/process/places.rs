//! Where this user's rings are.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::unistd::geteuid;

use crate::child::{self, Child};
use crate::common;

fn fallback() -> PathBuf {
    format!("/dev/shm/perdix-{}", geteuid()).into()
}

/// Where a process with these variables looks. What is in `/run` is the machine's own.
fn places(variables: &[(&str, &Path)]) -> Vec<PathBuf> {
    let lines = Child::start_in(variables, Stdio::null(), "where").lines();
    lines.into_iter().map(PathBuf::from).filter(|path| !path.starts_with("/run")).collect()
}

#[test]
fn in_order() {
    common::watch_process();
    let outer = tempfile::tempdir_in("/dev/shm").unwrap();
    let (asked, session) = (outer.path().join("asked"), outer.path().join("session"));
    assert_eq!(places(&[]), [fallback()]);
    assert_eq!(places(&[("PERDIX_DIR", &asked)]), [asked.clone(), fallback()]);
    assert_eq!(places(&[("PERDIX_DIR", Path::new(""))]), [fallback()]);
    assert_eq!(places(&[("XDG_RUNTIME_DIR", &session)]), [fallback()], "it is not there");
    fs::create_dir(&session).unwrap();
    let perdix = session.join("perdix");
    assert_eq!(places(&[("XDG_RUNTIME_DIR", &session)]), [perdix.clone(), fallback()]);
    let all = [asked.clone(), perdix.clone(), fallback()];
    assert_eq!(places(&[("XDG_RUNTIME_DIR", &session), ("PERDIX_DIR", &asked)]), all);
    assert!(!asked.exists() && !perdix.exists(), "looking makes nothing");
    // What another user has taken is passed over.
    fs::create_dir(&perdix).unwrap();
    fs::set_permissions(&perdix, fs::Permissions::from_mode(0o700)).unwrap();
    if chown(&perdix, Some(12345), None).is_ok() {
        assert_eq!(places(&[("XDG_RUNTIME_DIR", &session)]), [fallback()]);
    }
}

/// A ring is made in the first place, and found by a process that looks there only after others.
#[test]
fn both_processes_agree() {
    common::watch_process();
    let outer = tempfile::tempdir_in("/dev/shm").unwrap();
    let (asked, session) = (outer.path().join("asked"), outer.path().join("session"));
    fs::create_dir(&session).unwrap();
    let name = format!("places-{}", std::process::id());
    let environments: [(&[(&str, &Path)], PathBuf); 3] = [
        (&[], fallback()),
        (&[("XDG_RUNTIME_DIR", &session)], session.join("perdix")),
        (&[("XDG_RUNTIME_DIR", &session), ("PERDIX_DIR", &asked)], asked.clone()),
    ];
    for (variables, place) in environments {
        if variables.is_empty() && Path::new(&format!("/run/user/{}", geteuid())).is_dir() {
            continue; // the machine's own session comes first
        }
        let made = Child::start_in(variables, Stdio::null(), &format!("make {name}"));
        assert_eq!(made.lines(), ["producing", "5"]);
        assert!(place.join(&name).is_file(), "{}", place.display());
        let all: &[(&str, &Path)] = &[("XDG_RUNTIME_DIR", &session), ("PERDIX_DIR", &asked)];
        let found = Child::start_in(all, Stdio::null(), &format!("find {name}"));
        assert_eq!(found.lines(), ["5 end"], "{}", place.display());
        assert!(!place.join(&name).exists());
    }
    // One name, one ring: what is left of an old one elsewhere goes.
    for (variables, _) in [
        (&[("XDG_RUNTIME_DIR", &*session)][..], ()),
        (&[("PERDIX_DIR", &*asked), ("XDG_RUNTIME_DIR", &*session)][..], ()),
    ] {
        Child::start_in(variables, Stdio::null(), &format!("make {name}")).lines();
    }
    assert!(asked.join(&name).is_file() && !session.join("perdix").join(&name).exists());
}

#[test]
fn a_relative_path_is_refused() {
    let mut child = Child::start_in(&[("PERDIX_DIR", Path::new("rings"))], Stdio::null(), "refused");
    let refused = "rings cannot hold rings: PERDIX_DIR is not an absolute path; name another with PERDIX_DIR";
    assert_eq!(child.line(), refused);
}

/// A ring goes where there is room, and is found there. (Where this process may not mount anything,
/// nothing is tested.)
#[test]
fn a_full_place_is_passed_over() {
    common::watch_process();
    let outer = tempfile::tempdir_in("/dev/shm").unwrap();
    let session = outer.path().join("session");
    fs::create_dir(&session).unwrap();
    let within = |script: &str| {
        let mount = format!("mount -t tmpfs -o size=4k tmpfs {}", session.display());
        let fill = format!("head -c 4096 /dev/zero > {}/full", session.display());
        let mut command = Command::new("unshare");
        command.args(["--mount", "--propagation", "private", "sh", "-c"]);
        command.arg(format!("{mount} && {fill} && {script}")).env("XDG_RUNTIME_DIR", &session);
        command.env_remove("PERDIX_DIR").stdin(Stdio::null()).output()
    };
    if !within("true").is_ok_and(|output| output.status.success()) {
        return;
    }
    let name = format!("full-{}", std::process::id());
    let here = std::env::current_exe().unwrap();
    let task = format!("env {}='make {name}' {} --exact child::child_process", child::TASK, here.display());
    let output = within(&task).unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(fallback().join(&name).is_file());
    let found = Child::start_in(&[("XDG_RUNTIME_DIR", &session)], Stdio::null(), &format!("find {name}"));
    assert_eq!(found.lines(), ["5 end"]);
}
