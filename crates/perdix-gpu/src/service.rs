//! A warp that answers requests.

use core::fmt;

use perdix_core::DeviceService;

use crate::consumers::{ConsumeError, WarpConsumer, WarpMessage};
use crate::error::Error;
use crate::intrinsics::Warp;
use crate::producers::WarpProducer;

/// Answers requests from one warp, whose 32 lanes call every method together with the same
/// arguments: a ring each way, and a response for every request.
///
/// ```
/// use perdix_gpu::{DeviceService, WarpService};
///
/// perdix_gpu::kernel! {
///     /// One warp answers each request of 16 bytes, two words, with their sum, until no more requests come.
///     pub unsafe fn add(service: DeviceService) {
///         // SAFETY: the host launches one warp on this service.
///         let Ok(mut service) = (unsafe { WarpService::new(service) }) else { return };
///         while let Ok(request) = service.next() {
///             let sum = request.word(service.warp(), 0).wrapping_add(request.word(service.warp(), 1));
///             if service.respond(&request, 8, |_chunk| [sum, 0]).is_err() {
///                 break;
///             }
///         }
///         service.finish();
///     }
/// }
/// ```
#[derive(Debug)]
pub struct WarpService {
    requests: WarpConsumer,
    responses: WarpProducer,
    /// Why it stopped, if not because no more requests come.
    failed: Option<Error>,
}

/// Why there is no service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServeError {
    /// The ring of requests is not to be had.
    Requests(ConsumeError),
    /// The ring of responses is not to be had.
    Responses(Error),
}

impl fmt::Display for ServeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Requests(error) => write!(f, "requests: {error}"),
            Self::Responses(error) => write!(f, "responses: {error}"),
        }
    }
}

impl core::error::Error for ServeError {}

impl WarpService {
    /// The service, going on where the one before paused.
    ///
    /// # Errors
    /// [`ServeError`] if the handle is none that a host made, or the block is not made of whole
    /// warps.
    ///
    /// # Safety
    /// The handle is a host's, for rings that outlive the kernel. This warp is the only one that
    /// uses them and their state now. All its lanes call all methods together, never some of them
    /// alone.
    #[inline(always)]
    pub unsafe fn new(handle: DeviceService) -> Result<Self, ServeError> {
        // SAFETY: the caller's contract.
        let requests = unsafe { WarpConsumer::new(handle.requests) }.map_err(ServeError::Requests)?;
        // SAFETY: as above.
        let responses = unsafe { WarpProducer::new(handle.responses) }.map_err(ServeError::Responses)?;
        Ok(Self { requests, responses, failed: None })
    }

    /// The next request, waited for up to the service's time limit.
    ///
    /// # Errors
    /// As [`WarpConsumer::consume`]; [`ConsumeError::Ended`] once the host makes no more requests.
    #[inline(always)]
    #[allow(clippy::should_implement_trait)] // a warp's iterator cannot be adapted: all lanes have to come along
    pub fn next(&mut self) -> Result<WarpMessage, ConsumeError> {
        self.requests.consume()
    }

    /// [`next`](Self::next) with another time limit, in nanoseconds; none if 0.
    ///
    /// # Errors
    /// As [`WarpConsumer::consume_within`].
    #[inline(always)]
    pub fn next_within(&mut self, limit_ns: u64) -> Result<WarpMessage, ConsumeError> {
        self.requests.consume_within(limit_ns)
    }

    /// Answers a request with `len` bytes (up to 240), of which the lane that stores bytes `16 *
    /// chunk` to `16 * chunk + 16` calls `make(chunk)`. Every request has to be answered, once; the
    /// order does not matter to the host.
    ///
    /// # Errors
    /// As [`WarpProducer::produce`]. [`finish`](Self::finish) then tells the host.
    #[inline(always)]
    pub fn respond(
        &mut self,
        request: &WarpMessage,
        len: usize,
        make: impl Fn(usize) -> [u64; 2] + Sync,
    ) -> Result<(), Error> {
        let result = self.responses.produce(id(request), len, make);
        self.note(result)
    }

    /// [`respond`](Self::respond) with what the lanes have: lane `i` gives bytes `16 * i` to `16 *
    /// i + 16`, as a request holds them.
    ///
    /// # Errors
    /// As [`respond`](Self::respond).
    #[inline(always)]
    pub fn respond_chunks(
        &mut self,
        request: &WarpMessage,
        len: usize,
        chunk: [u64; 2],
    ) -> Result<(), Error> {
        let result = self.responses.produce_chunks(id(request), len, chunk);
        self.note(result)
    }

    /// The warp's token, for operations of the kernel's own: all lanes are here, by the contract of
    /// the constructor.
    #[inline(always)]
    pub fn warp(&mut self) -> &mut Warp {
        self.requests.warp()
    }

    /// Leaves the service to a later kernel.
    #[inline(always)]
    pub fn pause(self) {
        self.requests.pause();
        self.responses.pause();
    }

    /// Ends the service: requests that were not answered fail.
    #[inline(always)]
    pub fn finish(self) {
        self.requests.finish();
        match self.failed {
            None => self.responses.finish(),
            Some(error) => self.responses.fail(error),
        }
    }

    #[inline(always)]
    fn note(&mut self, result: Result<(), Error>) -> Result<(), Error> {
        if let Err(error) = result {
            self.failed = Some(error);
        }
        result
    }
}

/// What a response bears as its kind: which request it answers, of those that can be open.
#[inline(always)]
fn id(request: &WarpMessage) -> u16 {
    request.received().number() as u16
}
