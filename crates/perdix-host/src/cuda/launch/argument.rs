//! What a launch takes as an argument.

use perdix_core::KernelArg;

use super::super::attach::LaunchTarget;
use super::Launch;

/// What [`Launch::arg`] takes: a plain value (`Kind` is [`Plain`]), or a reference to the host's
/// end of rings ([`Attached`]). The compiler infers `Kind`. Sealed.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is neither a plain value nor a reference to the host's end of rings",
    note = "implement `KernelArg` for structs of numbers and addresses; pass `&producer` for a ring, or `producer` if \
            that is a reference already"
)]
pub trait Argument<'k, Kind>: sealed::Push<'k, Kind> {}

/// The kind of arguments that are passed as they stand.
#[derive(Debug)]
pub enum Plain {}

/// The kind of arguments that the launch is attached to, and whose handle is passed.
#[derive(Debug)]
pub enum Attached {}

impl<'k, T: KernelArg> Argument<'k, Plain> for T {}
impl<'k, T: LaunchTarget> Argument<'k, Attached> for &'k T {}

mod sealed {
    use super::{Attached, KernelArg, Launch, LaunchTarget, Plain};

    pub trait Push<'k, Kind> {
        fn push(self, launch: Launch<'k>) -> Launch<'k>;
    }

    impl<'k, T: KernelArg> Push<'k, Plain> for T {
        fn push(self, launch: Launch<'k>) -> Launch<'k> {
            launch.push(self)
        }
    }

    impl<'k, T: LaunchTarget> Push<'k, Attached> for &'k T {
        fn push(self, launch: Launch<'k>) -> Launch<'k> {
            launch.attach(self).push(self.launch_handle())
        }
    }
}
