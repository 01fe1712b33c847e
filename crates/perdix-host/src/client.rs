//! Requests and responses: a ring each way.

mod error;
mod window;

use std::fmt;
use std::ops::Deref;
use std::time::Duration;

use bytemuck::{AnyBitPattern, NoUninit};
pub use error::CallError;
use window::Window;

use crate::consumer::{Consumer, Message};
use crate::producer::Producer;
use crate::wait::Wait;

/// How long a call waits unless told otherwise.
const DEFAULT_LIMIT: Duration = Duration::from_secs(10);

/// Asks whoever is at the other end of two rings: a kernel (`cuda::Service` makes both), or another thread.
///
/// Every request is answered by one response, whose [kind](Message::kind) is the low 16 bits of the request's number in its ring; the
/// order of responses does not matter. [`call`](Self::call) asks and waits; [`send`](Self::send) and [`receive`](Self::receive) keep
/// several requests open, no more than either ring has slots, so that neither side ever waits for the other to read.
///
/// ```
/// use perdix_host::{Buffer, Client};
/// use std::thread;
/// use std::time::Duration;
///
/// let (mut there, mut back) = (Buffer::new(16)?, Buffer::new(16)?);
/// let (requests, mut asked) = there.split_mut();
/// let (mut answers, responses) = back.split_mut();
/// thread::scope(|scope| {
///     scope.spawn(move || {
///         while let Ok(request) = asked.consume() {
///             let (id, sum) = (request.number() as u16, request.iter().sum());
///             answers.message(&[sum]).kind(id).send().expect("the client reads");
///         }
///     });
///     let mut client = Client::new(requests, responses);
///     assert_eq!(&client.call(&[1, 2, 3])?[..], [6]);
///     let limit = Duration::from_secs(10);
///     let first = client.send(&[4, 5])?;
///     let second = client.send(&[6])?;
///     let response = client.receive(limit)?;
///     assert_eq!((response.id(), &response[..]), (first, &[9][..]));
///     drop(response);
///     assert_eq!(client.receive(limit)?.id(), second);
///     Ok::<(), Box<dyn std::error::Error>>(())
/// })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Client<'a> {
    requests: Producer<'a>,
    responses: Consumer<'a>,
    window: Window,
    limit: Duration,
    /// Whether requests are stored word by word, for a kernel that reads them in one look.
    single_store_words: bool,
}

impl<'a> Client<'a> {
    /// A client that sends its requests into one ring and gets its responses from another; a request waits up to 10 s.
    pub fn new(requests: Producer<'a>, responses: Consumer<'a>) -> Self {
        let slots = requests.capacity().min(responses.capacity());
        Self {
            requests,
            responses,
            window: Window::new(slots),
            limit: DEFAULT_LIMIT,
            single_store_words: false,
        }
    }

    /// The same for kernels that read whole words in one look: nothing else may ever have been written to the ring.
    #[cfg(feature = "cuda")]
    pub(crate) fn with_single_stores(self) -> Self {
        Self { single_store_words: true, ..self }
    }

    /// Sets how long calls wait; 10 s unless set.
    pub fn set_limit(&mut self, limit: Duration) {
        self.limit = limit;
    }

    /// Asks, and waits for the answer.
    ///
    /// # Errors
    /// [`CallError`]. If the answer has not come in time its request stays open: [`receive`](Self::receive)
    /// gets it when it comes.
    pub fn call(&mut self, request: &[u8]) -> Result<Response<'_>, CallError> {
        self.call_as(0, request)
    }

    /// A request, of kind 0 unless its options say otherwise.
    pub fn request<'c>(&'c mut self, bytes: &'c [u8]) -> Request<'c, 'a> {
        Request { client: self, bytes, kind: 0 }
    }

    /// [`call`](Self::call) with a kind and values of fixed size, up to 240 bytes each: what is sent is the value's bytes.
    ///
    /// ```
    /// # use perdix_host::{Buffer, CallError, Client};
    /// # fn ask(client: &mut Client<'_>) -> Result<(), CallError> {
    /// let root: f64 = client.call_value(3, &2.0_f64)?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`call`](Self::call); [`CallError::Size`] if the response has another size than `R`.
    pub fn call_value<Q: NoUninit, R: AnyBitPattern>(
        &mut self,
        kind: u16,
        request: &Q,
    ) -> Result<R, CallError> {
        self.call_as(kind, bytemuck::bytes_of(request))?.value()
    }

    /// Asks without waiting for the answer; the request's id, which its response has too.
    ///
    /// # Errors
    /// [`CallError::TooMany`] if as many requests are open as there can be: receive first. [`CallError::Request`].
    pub fn send(&mut self, request: &[u8]) -> Result<u64, CallError> {
        self.send_as(0, request)
    }

    /// The next response, whichever of the open requests it answers, waiting for it as `wait` says.
    ///
    /// # Errors
    /// [`CallError::NoneOpen`] if there is no open request; [`CallError::Response`], among them
    /// [`ConsumeError::Empty`](crate::ConsumeError::Empty) with [`Wait::No`]; [`CallError::Unasked`].
    pub fn receive(&mut self, wait: impl Into<Wait>) -> Result<Response<'_>, CallError> {
        if self.window.open() == 0 {
            return Err(CallError::NoneOpen);
        }
        let Self { responses, window, .. } = self;
        let message = responses.next(wait).map_err(CallError::Response)?;
        let id = window.answered(message.kind())?;
        Ok(Response { id, message })
    }

    fn call_as(&mut self, kind: u16, request: &[u8]) -> Result<Response<'_>, CallError> {
        match self.window.open() {
            0 => self.send_as(kind, request)?,
            open => return Err(CallError::Open { open }),
        };
        self.receive(self.limit)
    }

    fn send_as(&mut self, kind: u16, request: &[u8]) -> Result<u64, CallError> {
        if self.window.is_full() {
            return Err(CallError::TooMany { limit: self.window.limit() });
        }
        let id = if self.single_store_words {
            self.requests.produce_copied(kind, request, self.limit.into())
        } else {
            self.requests.produce_numbered(kind, request, self.limit)
        }?;
        self.window.asked(id);
        Ok(id)
    }

    /// Requests that have no answer yet.
    pub fn open(&self) -> usize {
        self.window.open()
    }

    /// How many requests can be open at a time.
    pub fn most_open(&self) -> usize {
        self.window.limit()
    }
}

/// A request and its options. Made by [`Client::request`].
#[derive(Debug)]
#[must_use = "a request that is not sent is not answered"]
pub struct Request<'c, 'a> {
    client: &'c mut Client<'a>,
    bytes: &'c [u8],
    kind: u16,
}

impl<'c> Request<'c, '_> {
    /// With this kind: a tag of 16 bits for the user's purposes.
    pub fn kind(self, kind: u16) -> Self {
        Self { kind, ..self }
    }

    /// Asks, and waits for the answer.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub fn call(self) -> Result<Response<'c>, CallError> {
        self.client.call_as(self.kind, self.bytes)
    }

    /// Asks without waiting for the answer; the request's id, which its response has too.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub fn send(self) -> Result<u64, CallError> {
        self.client.send_as(self.kind, self.bytes)
    }
}

/// The answer to one request; dropping it releases its slot.
pub struct Response<'c> {
    id: u64,
    message: Message<'c>,
}

impl Response<'_> {
    /// The id that [`Client::send`] gave the request.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// The bytes as a value of fixed size, copied.
    ///
    /// # Errors
    /// [`CallError::Size`] if they are more or fewer than the type has.
    pub fn value<R: AnyBitPattern>(&self) -> Result<R, CallError> {
        bytemuck::try_pod_read_unaligned(self)
            .map_err(|_| CallError::Size { len: self.message.len(), expected: size_of::<R>() })
    }
}

impl Deref for Response<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.message
    }
}

impl fmt::Debug for Response<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response").field("id", &self.id).field("message", &self.message).finish()
    }
}
