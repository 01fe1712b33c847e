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

/// How long a call waits unless told otherwise.
const DEFAULT_LIMIT: Duration = Duration::from_secs(10);

/// Looks that do not wait, for each that also asks what has become of the kernel: that costs about a microsecond.
const LOOKS_PER_QUESTION: u32 = 1024;

/// Asks whoever is at the other end of two rings: a kernel (`cuda::Service` makes both), or another thread.
///
/// Every request is answered by one response, whose [kind](Message::kind) is the low 16 bits of the request's number in its ring; the
/// order of responses does not matter. [`call`](Self::call) asks and waits; [`send`](Self::send) and [`receive`](Self::receive) keep
/// several requests open, no more than either ring has slots, so that neither side ever waits for the other to read.
///
/// ```
/// use perdix_host::{Buffer, Client};
/// use std::thread;
///
/// let (mut there, mut back) = (Buffer::new(16)?, Buffer::new(16)?);
/// let (requests, mut asked) = there.split_mut();
/// let (mut answers, responses) = back.split_mut();
/// thread::scope(|scope| {
///     scope.spawn(move || {
///         while let Ok(request) = asked.consume() {
///             let (id, sum) = (request.number() as u16, request.iter().sum());
///             answers.produce_kind(id, &[sum]).expect("the client reads");
///         }
///     });
///     let mut client = Client::new(requests, responses);
///     assert_eq!(&client.call(&[1, 2, 3])?[..], [6]);
///     let first = client.send(&[4, 5])?;
///     let second = client.send(&[6])?;
///     let response = client.receive()?;
///     assert_eq!((response.id(), &response[..]), (first, &[9][..]));
///     drop(response);
///     assert_eq!(client.receive()?.id(), second);
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
    /// Looks for a response that did not wait.
    looks: u32,
    /// Whether requests are stored word by word, for a kernel that reads them in one look.
    whole_words: bool,
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
            looks: 0,
            whole_words: false,
        }
    }

    /// The same for kernels that read whole words in one look: nothing else may ever have been written to the ring.
    #[cfg(feature = "cuda")]
    pub(crate) fn with_whole_words(self) -> Self {
        Self { whole_words: true, ..self }
    }

    /// Sets how long calls wait; 10 s unless set.
    pub fn set_limit(&mut self, limit: Duration) {
        self.limit = limit;
    }

    /// Asks, and waits for the answer.
    ///
    /// # Errors
    /// [`CallError`]. If the answer has not come in time its request stays open: [`receive`](Self::receive) gets it when it comes.
    pub fn call(&mut self, request: &[u8]) -> Result<Response<'_>, CallError> {
        self.call_kind(0, request)
    }

    /// [`call`](Self::call) with a kind.
    ///
    /// # Errors
    /// As [`call`](Self::call).
    pub fn call_kind(&mut self, kind: u16, request: &[u8]) -> Result<Response<'_>, CallError> {
        match self.window.open() {
            0 => self.send_kind(kind, request)?,
            open => return Err(CallError::Open { open }),
        };
        self.receive()
    }

    /// [`call_kind`](Self::call_kind) with values of fixed size, up to 240 bytes each: what is sent is the value's bytes.
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
        self.call_kind(kind, bytemuck::bytes_of(request))?.value()
    }

    /// Asks without waiting for the answer; the request's id, which its response has too.
    ///
    /// # Errors
    /// [`CallError::TooMany`] if as many requests are open as there can be: receive first. [`CallError::Request`].
    pub fn send(&mut self, request: &[u8]) -> Result<u64, CallError> {
        self.send_kind(0, request)
    }

    /// [`send`](Self::send) with a kind.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn send_kind(&mut self, kind: u16, request: &[u8]) -> Result<u64, CallError> {
        if self.window.is_full() {
            return Err(CallError::TooMany { limit: self.window.limit() });
        }
        let id = if self.whole_words {
            self.requests.produce_words(kind, request, self.limit)
        } else {
            self.requests.produce_numbered(kind, request, self.limit)
        }?;
        self.window.asked(id);
        Ok(id)
    }

    /// Waits for the next response, whichever of the open requests it answers.
    ///
    /// # Errors
    /// [`CallError::NoneOpen`] if there is no open request; [`CallError::Response`], [`CallError::Unasked`].
    pub fn receive(&mut self) -> Result<Response<'_>, CallError> {
        if self.window.open() == 0 {
            return Err(CallError::NoneOpen);
        }
        let Self { responses, window, limit, .. } = self;
        let message = responses.consume_timeout(*limit).map_err(CallError::Response)?;
        let id = window.answered(message.kind())?;
        Ok(Response { id, message })
    }

    /// The next response, if it is there.
    ///
    /// # Errors
    /// [`CallError::Response`] if none will come any more; [`CallError::Unasked`].
    pub fn try_receive(&mut self) -> Result<Option<Response<'_>>, CallError> {
        self.looks = self.looks.wrapping_add(1);
        let Self { responses, window, .. } = self;
        let found = responses.look(self.looks % LOOKS_PER_QUESTION == 0).map_err(CallError::Response)?;
        let Some(meta) = found else { return Ok(None) };
        let message = responses.take_message(meta);
        let id = window.answered(message.kind())?;
        Ok(Some(Response { id, message }))
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
