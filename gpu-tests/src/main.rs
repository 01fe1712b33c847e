//! The device tests: kernels produce, a CPU thread consumes and checks every byte. Run by `cargo xtask test-gpu`.
//!
//! Every test runs on each kind of memory and in both publication modes where that makes a difference. They take the arguments of
//! `cargo test` (a filter, `--list`, ...). `PERDIX_PTX` names a PTX file to use instead of the built-in one, to see the tests fail
//! on a protocol broken on purpose. `PERDIX_TESTS` names the tests to run, for tools under which only some of them fit; with
//! `PERDIX_STRAY` set there are tests that write beyond their memory, for such a tool to see.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used)] // tests

#[cfg(feature = "cuda")]
mod cpp;
#[cfg(feature = "cuda")]
mod drops;
#[cfg(feature = "cuda")]
mod events;
#[cfg(feature = "cuda")]
mod faults;
#[cfg(feature = "cuda")]
mod flow;
#[cfg(feature = "cuda")]
mod life;
#[cfg(feature = "cuda")]
mod payload;
#[cfg(feature = "cuda")]
mod process;
#[cfg(feature = "cuda")]
mod records;
#[cfg(feature = "cuda")]
mod selection;
#[cfg(feature = "cuda")]
mod setup;
#[cfg(feature = "cuda")]
mod shards;
#[cfg(feature = "cuda")]
mod stray;
#[cfg(feature = "cuda")]
mod take;
#[cfg(feature = "cuda")]
mod tasks;
#[cfg(feature = "cuda")]
mod typed;

#[cfg(feature = "cuda")]
fn main() {
    if let Ok(case) = std::env::var(life::CHILD) {
        if let Some(task) = case.strip_prefix(process::OURS) {
            return process::child(task);
        }
        return match (case.strip_prefix(shards::OURS), case.strip_prefix(faults::OURS)) {
            (Some(case), _) => shards::child(case),
            (_, Some(case)) => faults::child(case),
            _ => life::child(&case),
        };
    }
    let mut arguments = libtest_mimic::Arguments::from_args();
    // One GPU: rates and time limits suffer when tests share it.
    arguments.test_threads = Some(1);
    if !arguments.list {
        if let Err(error) = setup::real_device() {
            eprintln!("{}", error.message().unwrap_or("no CUDA device"));
            std::process::exit(1);
        }
    }
    let mut trials = Vec::new();
    for case in setup::Case::all() {
        payload::add(case, &mut trials);
        flow::add(case, &mut trials);
        drops::add(case, &mut trials);
        life::add(case, &mut trials);
        records::add(case, &mut trials);
        faults::add(case, &mut trials);
        shards::add(case, &mut trials);
        typed::add(case, &mut trials);
        events::add(case, &mut trials);
        take::add(case, &mut trials);
        cpp::add(case, &mut trials);
        tasks::add(case, &mut trials);
    }
    life::add_general(&mut trials);
    shards::add_general(&mut trials);
    faults::add_general(&mut trials);
    process::add_general(&mut trials);
    if std::env::var_os(stray::VARIABLE).is_some() {
        stray::add(&mut trials);
    }
    if let Ok(names) = std::env::var(selection::VARIABLE) {
        trials = selection::select(trials, &names).unwrap_or_else(|unknown| {
            eprintln!("{unknown}");
            std::process::exit(1);
        });
    }
    let conclusion = libtest_mimic::run(&arguments, trials);
    println!("{} faults injected in all", faults::injected());
    conclusion.exit();
}

#[cfg(not(feature = "cuda"))]
fn main() {
    eprintln!("no CUDA device: built without the feature `cuda`; run `cargo xtask test-gpu`");
    std::process::exit(1);
}
