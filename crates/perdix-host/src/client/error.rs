//! Why a call did not succeed.

use crate::error::{ConsumeError, ProduceError};

/// Why a request was not sent, or has no response.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// The request was not sent.
    #[error("the request was not sent: {0}")]
    Request(#[from] ProduceError),
    /// There is no response. The request stays open, and may have been carried out.
    #[error("no response: {0}")]
    Response(#[source] ConsumeError),
    /// As many requests are open as either ring has slots.
    #[error("{limit} requests are open, and no more can be: receive their responses first")]
    TooMany {
        /// The most there can be.
        limit: usize,
    },
    /// A call wants its own response, and others would come first.
    #[error("{open} requests are open: receive their responses before a call")]
    Open {
        /// Open requests.
        open: usize,
    },
    /// Nothing was asked, so nothing will be answered.
    #[error("no request is open")]
    NoneOpen,
    /// The other end has answered what was not asked, or a second time. The response was dropped.
    #[error("the response names request {id} (low 16 bits), which is not open")]
    Unasked {
        /// What the response says.
        id: u16,
    },
    /// The response is no such value.
    #[error("the response has {len} bytes, and the type has {expected}")]
    Size {
        /// Bytes of the response.
        len: usize,
        /// Bytes of the type.
        expected: usize,
    },
}
