//! The CUDA devices, their links and their attributes.

use std::fs;
use std::path::Path;

use perdix_host::cuda::{DeviceAttribute, Gpu};
use serde::Serialize;

use super::Report;
use crate::error::Error;
use crate::gpu::{Link, Rig};
use crate::producer::DeviceChoice;
use crate::report::{Table, byte_rate, nanoseconds};

/// Round trips of the measured figure.
const TRIPS: usize = 5000;

/// One device; the field names in JSON are stable.
#[derive(Debug, Serialize)]
pub(super) struct Device {
    number: usize,
    name: String,
    compute_capability: String,
    pci_address: Option<String>,
    pcie: Option<Pcie>,
    attributes: Vec<Attribute>,
    /// The memory that a ring for it would lie in.
    memory: Option<String>,
    memory_reason: Option<String>,
    /// Bytes per second that a kernel writes to that memory.
    write_bytes_per_second: Option<f64>,
    /// The median round trip of one word.
    ping_pong_nanoseconds: Option<u64>,
    /// What did not work.
    troubles: Vec<String>,
}

/// A PCIe link, as the system says.
#[derive(Debug, Serialize)]
struct Pcie {
    current_speed: String,
    current_width: String,
    max_speed: String,
    max_width: String,
}

/// An attribute; no value if the driver does not know it.
#[derive(Debug, Serialize)]
struct Attribute {
    name: &'static str,
    value: Option<i32>,
    #[serde(skip)]
    meaning: &'static str,
}

const ATTRIBUTES: [(&str, DeviceAttribute, &str); 8] = [
    ("concurrentManagedAccess", DeviceAttribute::ConcurrentManagedAccess, "managed rings need 1"),
    ("managedMemory", DeviceAttribute::ManagedMemory, "managed rings need 1"),
    ("canMapHostMemory", DeviceAttribute::CanMapHostMemory, "pinned rings need 1"),
    ("unifiedAddressing", DeviceAttribute::UnifiedAddressing, "one address space for CPU and GPU"),
    ("hostNativeAtomicSupported", DeviceAttribute::HostNativeAtomicSupported, "not needed"),
    ("pageableMemoryAccess", DeviceAttribute::PageableMemoryAccess, "not needed"),
    ("multiprocessors", DeviceAttribute::MultiprocessorCount, ""),
    ("clockRate", DeviceAttribute::ClockRate, "kHz"),
];

/// What the driver and every device say.
pub(super) fn examine() -> Report {
    let count = match Gpu::count() {
        Ok(count) => count,
        Err(error) => return Report::new(format!("{error}; kernels cannot run here")),
    };
    let mut report = Report::new(format!("{count} device(s)"));
    report.cuda_version = Gpu::driver_version().ok().map(|(major, minor)| format!("{major}.{minor}"));
    for number in 0..count {
        match Device::examine(number) {
            Ok(device) => report.devices.push(device),
            Err(error) => report.cuda = format!("{}; device {number} cannot be used: {error}", report.cuda),
        }
    }
    report
}

impl Device {
    fn examine(number: usize) -> Result<Self, Error> {
        let gpu = Gpu::open(number)?;
        let (major, minor) = gpu.compute_capability()?;
        let pci_address = gpu.pci_address().ok();
        let attribute =
            |(name, attribute, meaning)| Attribute { name, value: gpu.attribute(attribute).ok(), meaning };
        let mut device = Self {
            number,
            name: gpu.name()?,
            compute_capability: format!("{major}.{minor}"),
            pcie: pci_address.as_deref().and_then(Pcie::read),
            pci_address,
            attributes: ATTRIBUTES.map(attribute).into(),
            memory: None,
            memory_reason: None,
            write_bytes_per_second: None,
            ping_pong_nanoseconds: None,
            troubles: Vec::new(),
        };
        if let Err(error) = device.measure() {
            device.troubles.push(error.to_string());
        }
        Ok(device)
    }

    /// Chooses the memory, loads the kernels, and measures the bare link.
    fn measure(&mut self) -> Result<(), Error> {
        let rig = Rig::open(DeviceChoice { device: self.number, memory: None })?;
        (self.memory, self.memory_reason) = (Some(rig.memory.to_string()), Some(rig.reason.clone()));
        self.write_bytes_per_second = Some(Link(&rig).writes()?.median);
        self.ping_pong_nanoseconds = Some(Link(&rig).ping_pong(TRIPS)?.p50_nanoseconds);
        Ok(())
    }

    /// Adds the device's rows.
    pub(super) fn rows(&self, table: Table) -> Table {
        let Self { number, name, compute_capability, .. } = self;
        let address = self.pci_address.as_deref().unwrap_or("unknown");
        let mut table = table
            .row("", "")
            .row("device", format_args!("{number}: {name}, compute capability {compute_capability}"))
            .row("PCI address", address)
            .row("PCIe link", self.pcie.as_ref().map_or("the system does not say".to_owned(), Pcie::text));
        for Attribute { name, value, meaning } in &self.attributes {
            let value = value.map_or("unknown".to_owned(), |value| value.to_string());
            let note = if meaning.is_empty() { String::new() } else { format!("  ({meaning})") };
            table = table.row(name, format_args!("{value}{note}"));
        }
        if let (Some(memory), Some(reason)) = (&self.memory, &self.memory_reason) {
            table = table.row("memory", format_args!("{memory}: {reason}"));
        }
        if let Some(rate) = self.write_bytes_per_second {
            table = table.row("kernel writes to it", byte_rate(rate));
        }
        if let Some(time) = self.ping_pong_nanoseconds {
            table = table.row("ping-pong p50", format_args!("{} there and back", nanoseconds(time)));
        }
        for trouble in &self.troubles {
            table = table.row("TROUBLE", trouble);
        }
        table.row("", "")
    }
}

impl Pcie {
    fn read(address: &str) -> Option<Self> {
        let folder = Path::new("/sys/bus/pci/devices").join(address);
        let read = |name: &str| fs::read_to_string(folder.join(name)).ok().map(|text| text.trim().to_owned());
        Some(Self {
            current_speed: read("current_link_speed")?,
            current_width: read("current_link_width")?,
            max_speed: read("max_link_speed")?,
            max_width: read("max_link_width")?,
        })
    }

    fn text(&self) -> String {
        let link = |speed: &str, width: &str| format!("{} x{width} ({speed})", generation(speed));
        let now = link(&self.current_speed, &self.current_width);
        let most = link(&self.max_speed, &self.max_width);
        format!("{now} now, at most {most}; an idle device may have slowed its link down")
    }
}

/// The PCIe generation of a speed as the system writes it, `32.0 GT/s PCIe`.
fn generation(speed: &str) -> &'static str {
    match speed.split_whitespace().next() {
        Some("2.5") => "Gen1",
        Some("5.0" | "5") => "Gen2",
        Some("8.0" | "8") => "Gen3",
        Some("16.0" | "16") => "Gen4",
        Some("32.0" | "32") => "Gen5",
        Some("64.0" | "64") => "Gen6",
        _ => "unknown generation",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_named_by_generation_and_width() {
        let [fast, slow] = ["32.0 GT/s PCIe", "2.5 GT/s PCIe"].map(str::to_owned);
        let [wide, narrow] = ["16", "8"].map(str::to_owned);
        let link = Pcie { current_speed: slow, current_width: narrow, max_speed: fast, max_width: wide };
        let text = link.text();
        assert!(text.starts_with("Gen1 x8 (2.5 GT/s PCIe) now, at most Gen5 x16 (32.0 GT/s PCIe)"), "{text}");
        assert_eq!(generation("Unknown"), "unknown generation");
    }
}
