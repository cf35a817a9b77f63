//! What the server says by itself.

use http_body_util::BodyExt as _;
use hyper::{body::Incoming, header::HeaderValue};

use super::{Fault, connection::Connection, events::Events};

/// An open stream. What is not read stays in the sockets, or in HTTP/2's window, and then with the server.
#[derive(Debug)]
pub struct Stream {
    // Lives as long as its body is read.
    _connection: Connection,
    body: Incoming,
    events: Events,
    session: Option<HeaderValue>,
}

impl Stream {
    pub(super) fn new(connection: Connection, body: Incoming, session: Option<HeaderValue>) -> Self {
        Self { _connection: connection, body, events: Events::default(), session }
    }

    /// Waits for bytes; each message among them goes to `message`. False if the stream has ended.
    ///
    /// # Errors
    /// The connection fails.
    pub async fn next(&mut self, mut message: impl FnMut(&[u8])) -> Result<bool, Fault> {
        self.next_event(|_, data| message(data)).await
    }

    pub(super) async fn next_event(&mut self, mut event: impl FnMut(&[u8], &[u8])) -> Result<bool, Fault> {
        let Some(frame) = self.body.frame().await else { return Ok(false) };
        if let Some(bytes) = frame.map_err(Fault::broken)?.data_ref() {
            self.events.feed(bytes, |found| event(found.name, found.data));
        }
        Ok(true)
    }

    /// Where to resume, if the server said so.
    pub fn last_event_id(&self) -> Option<String> {
        self.events.last_id().map(str::to_owned)
    }

    /// Ends the stream; its session lives.
    pub(super) fn into_session(self) -> Option<HeaderValue> {
        self.session
    }
}
