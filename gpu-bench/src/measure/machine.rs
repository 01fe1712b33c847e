//! What is measured on.

use std::fs;
use std::path::Path;

use perdix_host::cuda::Gpu;

use super::rig::Rig;
use crate::error::Error;
use crate::results::Machine;

/// Describes the device, its link and the host.
pub(super) fn describe(rig: &Rig) -> Result<Machine, Error> {
    let (major, minor) = rig.gpu.compute_capability()?;
    let (driver_major, driver_minor) = Gpu::driver_version()?;
    let pci_address = rig.gpu.pci_address()?;
    Ok(Machine {
        device: rig.gpu.name()?,
        compute_capability: format!("{major}.{minor}"),
        driver: format!("{driver_major}.{driver_minor}"),
        link: link(&Path::new("/sys/bus/pci/devices").join(&pci_address)),
        pci_address,
        cpu: cpu(),
        cores: std::thread::available_parallelism().map_or(0, usize::from),
        pinning: rig.cores.note.clone(),
        clock_step: 0,
    })
}

/// The link as the system describes it: `32.0 GT/s PCIe x16`.
fn link(device: &Path) -> String {
    let read = |name: &str| fs::read_to_string(device.join(name)).ok();
    match (read("current_link_speed"), read("current_link_width")) {
        (Some(speed), Some(width)) => format!("{} x{}", speed.trim(), width.trim()),
        _ => String::new(),
    }
}

fn cpu() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = text.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    name.map_or_else(|| "unknown CPU".to_owned(), |(_, name)| name.trim().to_owned())
}
