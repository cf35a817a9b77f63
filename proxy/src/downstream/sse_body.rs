//! The body of an SSE response: a reader of an outlet.

use std::{
    collections::VecDeque,
    convert::Infallible,
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http_body::Frame;
use tokio::time::{Instant, Sleep};
use waggle_protocol::{
    Gather,
    session::{Read, Ticket},
    sse::{EventId, encode as sse},
};

use crate::{stream::Outlet, telemetry::metrics::StreamEnd};

/// Payload bytes put into one frame, so that one stream does not hold up the others.
const BUDGET: usize = 64 * 1024;

/// How soon a client is asked to come back after its stream has ended.
pub(crate) const RETRY: Duration = Duration::from_secs(2);

/// How a stream is written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Style {
    /// Events bear ids, so that the client can resume.
    pub(crate) ids: bool,
    /// The time between two signs of life.
    pub(crate) keep_alive: Duration,
}

/// Reads one outlet until it ends, is taken over, or the client goes away.
#[derive(Debug)]
pub(crate) struct SseBody {
    outlet: Arc<Outlet>,
    ticket: Ticket,
    style: Style,
    /// Encoded and not yet taken by the connection.
    ready: VecDeque<Bytes>,
    quiet: Pin<Box<Sleep>>,
    ended: Option<StreamEnd>,
    /// What lives as long as the stream: a session of HTTP+SSE, a call of a modern client.
    guard: Option<Box<dyn fmt::Debug + Send + Sync>>,
}

impl SseBody {
    /// A body that starts with `opening` and goes on with what the ticket's reader finds.
    pub(crate) fn new(outlet: Arc<Outlet>, ticket: Ticket, style: Style, opening: Gather) -> Self {
        Self {
            outlet,
            ticket,
            style,
            ready: opening.into_parts().collect(),
            quiet: Box::pin(tokio::time::sleep(style.keep_alive)),
            ended: None,
            guard: None,
        }
    }

    /// The guard is dropped with the stream's end, or the body.
    #[must_use]
    pub(crate) fn ending(mut self, guard: impl fmt::Debug + Send + Sync + 'static) -> Self {
        self.guard = Some(Box::new(guard));
        self
    }

    pub(super) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        loop {
            if let Some(part) = self.ready.pop_front() {
                self.outlet.metrics().bytes_to_client(part.len());
                return Poll::Ready(Some(Ok(Frame::data(part))));
            }
            if self.ended.is_some() {
                return Poll::Ready(None);
            }
            let mut frame = Gather::new();
            let (number, ids) = (self.outlet.number, self.style.ids);
            let read = self.outlet.poll_read(cx, self.ticket, BUDGET, |sequence, event| {
                let id = ids.then_some(EventId { stream: number, sequence });
                sse::event(&mut frame, id, &event.payload);
            });
            match read {
                Read::Events => {
                    let next = Instant::now() + self.style.keep_alive;
                    self.quiet.as_mut().reset(next);
                }
                Read::Pending => {
                    ready!(self.quiet.as_mut().poll(cx));
                    let next = Instant::now() + self.style.keep_alive;
                    self.quiet.as_mut().reset(next);
                    sse::comment(&mut frame, "keep-alive");
                }
                Read::End => {
                    self.ended = Some(StreamEnd::Complete);
                    // Before the client can know: its next request finds what this one has used.
                    self.guard = None;
                }
                Read::Replaced => self.ended = Some(StreamEnd::Replaced),
                Read::Lagged => self.ended = Some(StreamEnd::Lagged),
            }
            // A stream that stops before its end tells the client when to come back.
            if ids && (read == Read::Lagged || read == Read::End && self.outlet.number == 0) {
                sse::retry(&mut frame, RETRY);
            }
            self.ready.extend(frame.into_parts());
        }
    }
}

impl Drop for SseBody {
    fn drop(&mut self) {
        self.outlet.detach(self.ticket);
        self.outlet.metrics().stream_ended(self.ended.unwrap_or(StreamEnd::ClientGone));
    }
}
