//! The bodies of the server's responses.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use hyper::{
    Response, StatusCode,
    body::{Frame, SizeHint},
    header::{CONTENT_TYPE, HeaderValue},
};
use tokio::sync::mpsc::{Receiver, Sender, channel};

use super::clients::Clients;

/// As many events wait for one reader; a stream that has more is ended.
const QUEUE: usize = 4096;

pub(super) const JSON: HeaderValue = HeaderValue::from_static("application/json");
pub(super) const EVENTS: HeaderValue = HeaderValue::from_static("text/event-stream");

/// A body that is known, or one that goes on.
#[derive(Debug)]
pub(super) enum Body {
    Whole(Bytes),
    Stream {
        events: Receiver<Bytes>,
        /// What happens when the client has gone.
        _departure: Option<Departure>,
    },
}

/// Ends the session of a stream that is the session.
#[derive(Debug)]
pub(super) struct Departure {
    pub(super) clients: Arc<Clients>,
    pub(super) session: u64,
}

impl Drop for Departure {
    fn drop(&mut self) {
        self.clients.close(self.session);
    }
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let bytes = match self.get_mut() {
            Self::Whole(bytes) if bytes.is_empty() => None,
            Self::Whole(bytes) => Some(std::mem::take(bytes)),
            Self::Stream { events, .. } => ready!(events.poll_recv(context)),
        };
        Poll::Ready(bytes.map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(bytes) if bytes.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Stream { .. } => SizeHint::new(),
        }
    }
}

/// A stream's two ends.
pub(super) fn stream() -> (Sender<Bytes>, Receiver<Bytes>) {
    channel(QUEUE)
}

/// A response without a body.
pub(super) fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::Whole(Bytes::new()));
    *response.status_mut() = status;
    response
}

/// A response of a media type.
pub(super) fn response(status: StatusCode, media_type: HeaderValue, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, media_type);
    response
}
