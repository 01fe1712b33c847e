//! Which cores the threads run on.

use std::fs;
use std::io;
use std::path::Path;

/// The cores for the benchmark's threads, near the GPU where the system tells which those are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cores {
    main: usize,
    consumers: Vec<usize>,
    /// What was done, in words for people.
    pub note: String,
}

impl Cores {
    /// Picks cores near the device at a PCI address (`0000:1b:00.0`), among those that this process may use.
    ///
    /// # Errors
    /// If the system does not tell which cores the process may use.
    pub fn near(pci_address: Option<&str>) -> io::Result<Self> {
        let device = pci_address.map(|address| Path::new("/sys/bus/pci/devices").join(address));
        let read = |name: &str| fs::read_to_string(device.as_ref()?.join(name)).ok();
        let near = read("local_cpulist").map(|text| cpu_list(&text)).unwrap_or_default();
        let node = read("numa_node").and_then(|text| text.trim().parse::<i32>().ok());
        let sibling = |core: usize| {
            let path = format!("/sys/devices/system/cpu/cpu{core}/topology/thread_siblings_list");
            fs::read_to_string(path).ok().and_then(|text| cpu_list(&text).first().copied()).unwrap_or(core)
        };
        Ok(Self::choose(&allowed()?, &near, node, sibling))
    }

    /// Whole cores before second threads of the same core (`sibling` is the first thread of a core). The first of them, where
    /// systems like to handle interrupts, is left to the main thread.
    fn choose(
        allowed: &[usize],
        near: &[usize],
        node: Option<i32>,
        sibling: impl Fn(usize) -> usize,
    ) -> Self {
        let close: Vec<usize> = allowed.iter().copied().filter(|core| near.contains(core)).collect();
        let (mut cores, place) = match node {
            // On a machine with one node all cores are as near.
            _ if close.len() < 2 => {
                (allowed.to_vec(), "the system does not tell which cores are near the GPU".to_owned())
            }
            Some(node) if node >= 0 => (close, format!("near the GPU (NUMA node {node})")),
            _ => (close, "near the GPU".to_owned()),
        };
        cores.sort_by_key(|core| (sibling(*core) != *core, *core));
        let main = cores.first().copied().unwrap_or(0);
        let consumers: Vec<usize> = cores.into_iter().skip(1).collect();
        let note = if consumers.is_empty() {
            "one core only: threads are not pinned".to_owned()
        } else {
            format!("main thread pinned to core {main}, consumers to {}; {place}", shown(&consumers))
        };
        Self { main, consumers, note }
    }

    /// Pins the calling thread to the main thread's core.
    ///
    /// # Errors
    /// What the system says.
    pub fn pin_main(&self) -> io::Result<()> {
        if self.consumers.is_empty() { Ok(()) } else { pin(self.main) }
    }

    /// Pins the calling thread to the core of consumer `index`. With more consumers than cores, the last ones go where they like.
    ///
    /// # Errors
    /// What the system says.
    pub fn pin_consumer(&self, index: usize) -> io::Result<()> {
        match self.consumers.get(index) {
            Some(core) => pin(*core),
            None if self.consumers.is_empty() => Ok(()),
            None => allow(&self.consumers),
        }
    }

    /// Cores for consumers.
    pub fn consumers(&self) -> usize {
        self.consumers.len()
    }
}

/// Parses `0-3,8,10-11`; what is no number is left out.
fn cpu_list(text: &str) -> Vec<usize> {
    let ranges = text.trim().split(',').filter_map(|range| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        Some(first.trim().parse::<usize>().ok()?..=last.trim().parse::<usize>().ok()?)
    });
    ranges.flatten().collect()
}

fn shown(cores: &[usize]) -> String {
    let names: Vec<String> = cores.iter().map(usize::to_string).collect();
    names.join(", ")
}

/// The cores that this process may use.
fn allowed() -> io::Result<Vec<usize>> {
    let mut set = empty();
    // SAFETY: the set has the size given, and is written to.
    let result = unsafe { libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), &mut set) };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    let most = libc::CPU_SETSIZE as usize;
    // SAFETY: the numbers are below the set's size.
    Ok((0..most).filter(|core| unsafe { libc::CPU_ISSET(*core, &set) }).collect())
}

fn pin(core: usize) -> io::Result<()> {
    allow(&[core])
}

/// Lets the calling thread run on these cores only.
fn allow(cores: &[usize]) -> io::Result<()> {
    let mut set = empty();
    for core in cores.iter().filter(|core| **core < libc::CPU_SETSIZE as usize) {
        // SAFETY: the number is below the set's size.
        unsafe { libc::CPU_SET(*core, &mut set) };
    }
    // SAFETY: the set has the size given; 0 is the calling thread.
    let result = unsafe { libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &set) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

fn empty() -> libc::cpu_set_t {
    // SAFETY: a set is plain bits, and all zeros is the empty one.
    unsafe { std::mem::zeroed() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_cores_are_read() {
        assert_eq!(cpu_list("0-3,8,10-11\n"), [0, 1, 2, 3, 8, 10, 11]);
        assert_eq!(cpu_list("5"), [5]);
        assert!(cpu_list("").is_empty() && cpu_list("x-y").is_empty());
    }

    #[test]
    fn whole_cores_near_the_gpu_come_first() {
        let allowed: Vec<usize> = (0..16).collect();
        // Threads 8 to 15 are the second threads of cores 0 to 7.
        let cores = Cores::choose(&allowed, &cpu_list("4-7,12-15"), Some(1), |core| core % 8);
        assert_eq!((cores.main, &cores.consumers[..]), (4, &[5, 6, 7, 12, 13, 14, 15][..]));
        assert!(cores.note.contains("NUMA node 1"), "{}", cores.note);
    }

    #[test]
    fn without_knowledge_all_allowed_cores_are_used() {
        let cores = Cores::choose(&[2, 3, 4], &[], None, |core| core);
        assert_eq!((cores.main, &cores.consumers[..]), (2, &[3, 4][..]));
        // A list that the process may not use is no knowledge.
        assert_eq!(Cores::choose(&[2, 3, 4], &[9], Some(0), |core| core), cores);
        assert!(Cores::choose(&[7], &[7], Some(0), |core| core).note.contains("not pinned"));
    }

    #[test]
    fn a_pinned_thread_stays_where_it_was_put() {
        let cores = Cores::near(None).unwrap();
        std::thread::spawn(move || {
            cores.pin_consumer(0).unwrap();
            let now = allowed().unwrap();
            assert!(cores.consumers.is_empty() || now == cores.consumers[..1], "{now:?}");
            cores.pin_consumer(1000).unwrap();
        })
        .join()
        .unwrap();
    }
}
