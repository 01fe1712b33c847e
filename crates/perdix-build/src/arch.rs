//! GPU architectures that a kernel crate can be compiled for.

use std::fmt;
use std::str::FromStr;

/// The oldest GPU generation that the PTX is to run on; the driver compiles it for every later one.
///
/// Ordered from oldest to newest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Arch {
    /// Maxwell. Has fences and relaxed accesses only: an Acquire load or a Release store does not compile.
    Sm50,
    /// Pascal. The limits of [`Arch::Sm50`] hold.
    Sm60,
    /// Volta, the default: the first with the memory model that acquire and release need.
    #[default]
    Sm70,
    /// Turing.
    Sm75,
    /// Ampere, data centre.
    Sm80,
    /// Ampere, desktop.
    Sm86,
    /// Ada.
    Sm89,
    /// Hopper.
    Sm90,
    /// Blackwell, data centre.
    Sm100,
    /// Blackwell, desktop.
    Sm120,
}

impl Arch {
    /// Every architecture, oldest first.
    pub const ALL: [Self; 10] = [
        Self::Sm50,
        Self::Sm60,
        Self::Sm70,
        Self::Sm75,
        Self::Sm80,
        Self::Sm86,
        Self::Sm89,
        Self::Sm90,
        Self::Sm100,
        Self::Sm120,
    ];

    /// The number in the name: 70 for `sm_70`.
    #[must_use]
    pub const fn number(self) -> u32 {
        match self {
            Self::Sm50 => 50,
            Self::Sm60 => 60,
            Self::Sm70 => 70,
            Self::Sm75 => 75,
            Self::Sm80 => 80,
            Self::Sm86 => 86,
            Self::Sm89 => 89,
            Self::Sm90 => 90,
            Self::Sm100 => 100,
            Self::Sm120 => 120,
        }
    }

    /// The PTX version to write, as rustc's target feature. 6.3 brings `nanosleep`; the later ones are the first that
    /// know their architecture. As low as possible, because a driver refuses PTX newer than itself.
    #[must_use]
    pub const fn ptx_feature(self) -> &'static str {
        match self {
            Self::Sm50 | Self::Sm60 | Self::Sm70 | Self::Sm75 => "ptx63",
            Self::Sm80 => "ptx70",
            Self::Sm86 => "ptx71",
            Self::Sm89 | Self::Sm90 => "ptx78",
            Self::Sm100 => "ptx86",
            Self::Sm120 => "ptx87",
        }
    }
}

impl fmt::Display for Arch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sm_{}", self.number())
    }
}

/// The text names no known architecture.
#[derive(Debug, thiserror::Error)]
#[error(
    "`{0}` is no known architecture: give one of sm_50, sm_60, sm_70, sm_75, sm_80, sm_86, sm_89, sm_90, sm_100, sm_120"
)]
pub struct ParseArchError(String);

impl FromStr for Arch {
    type Err = ParseArchError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|arch| arch.to_string() == text)
            .ok_or_else(|| ParseArchError(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn architectures_are_ordered_by_number() {
        assert!(Arch::ALL.windows(2).all(|pair| pair[0] < pair[1] && pair[0].number() < pair[1].number()));
        assert_eq!(Arch::default(), Arch::Sm70);
    }

    #[test]
    fn names_are_read_back() {
        for arch in Arch::ALL {
            assert_eq!(arch.to_string().parse::<Arch>().unwrap(), arch);
        }
        let error = "sm_71".parse::<Arch>().unwrap_err().to_string();
        assert!(error.contains("sm_71") && error.contains("sm_70"), "{error}");
    }
}
