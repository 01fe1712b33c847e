//! Which producer the user asks for.

use clap::{Args, ValueEnum};
#[cfg(feature = "cuda")]
use perdix_host::MemoryKind;

use crate::error::Error;

/// Who produces.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct ProducerArgs {
    /// Who produces: a thread of this process, or a kernel on a CUDA device
    #[arg(long, value_enum, default_value_t = ProducerArg::Cpu)]
    producer: ProducerArg,
    /// With --producer gpu: the ring's memory [default: managed where the device allows it, else pinned]
    #[arg(long, value_enum)]
    memory: Option<MemoryArg>,
    /// With --producer gpu: the device's number [default: 0]
    #[arg(long, value_name = "N")]
    device: Option<usize>,
}

/// Who produces, and with how many warps.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct SenderArgs {
    #[command(flatten)]
    producer: ProducerArgs,
    /// With --producer gpu: warps of the kernel's block, 1 to 16 [default: 8]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=16))]
    warps: Option<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ProducerArg {
    /// A thread of this process
    Cpu,
    /// A kernel on a CUDA device
    Gpu,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum MemoryArg {
    /// CUDA unified memory that stays with the CPU
    Managed,
    /// Pinned host memory
    Pinned,
}

/// A producer that this build has.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Choice {
    Cpu,
    #[cfg(feature = "cuda")]
    Gpu(DeviceChoice),
}

/// A device, and memory for rings.
#[cfg(feature = "cuda")]
#[derive(Clone, Copy, Debug)]
pub(crate) struct DeviceChoice {
    /// The device's number.
    pub(crate) device: usize,
    /// The memory asked for; the best there is otherwise.
    pub(crate) memory: Option<MemoryKind>,
}

impl ProducerArgs {
    /// What is asked for, if this build has it.
    pub(crate) fn choose(&self) -> Result<Choice, Error> {
        match self.producer {
            ProducerArg::Cpu if self.memory.is_some() || self.device.is_some() => {
                Err(Error::Arguments("--memory and --device go with --producer gpu"))
            }
            ProducerArg::Cpu => Ok(Choice::Cpu),
            ProducerArg::Gpu => self.gpu(),
        }
    }

    #[cfg(feature = "cuda")]
    fn gpu(&self) -> Result<Choice, Error> {
        let memory = self.memory.map(|memory| match memory {
            MemoryArg::Managed => MemoryKind::Managed,
            MemoryArg::Pinned => MemoryKind::Pinned,
        });
        Ok(Choice::Gpu(DeviceChoice { device: self.device.unwrap_or(0), memory }))
    }

    #[cfg(not(feature = "cuda"))]
    fn gpu(&self) -> Result<Choice, Error> {
        Err(Error::NotBuilt)
    }
}

impl SenderArgs {
    /// What is asked for, if this build has it, and the warps of a kernel.
    pub(super) fn choose(&self) -> Result<(Choice, u32), Error> {
        const DEFAULT_WARPS: u32 = 8;
        match (self.producer.choose()?, self.warps) {
            (Choice::Cpu, Some(_)) => Err(Error::Arguments("--warps goes with --producer gpu")),
            (choice, warps) => Ok((choice, warps.unwrap_or(DEFAULT_WARPS))),
        }
    }
}
