//! What can go wrong with a stream of typed messages.

use perdix_core::TypeMismatch;

use crate::error::ConsumeError;

/// Why there is no message of the type asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReceiveError {
    /// There is no message.
    #[error(transparent)]
    Stream(#[from] ConsumeError),
    /// The next message is none of this type. It was not taken.
    #[error("message {message}: {mismatch}")]
    Mismatch {
        /// Its number.
        message: u64,
        /// What it is instead.
        mismatch: TypeMismatch,
    },
}
