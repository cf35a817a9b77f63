//! Response bodies.

use std::{
    collections::VecDeque,
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::{Bytes, BytesMut};
use http_body::{Frame, SizeHint};
use waggle_protocol::jsonrpc::Payload;

use super::sse_body::SseBody;

/// The body of any response that Waggle gives.
#[derive(Debug)]
pub(crate) enum Body {
    /// Known in full; empty once it is sent. Most answers are one part, which needs no list.
    One(Bytes),
    /// Known in full, as parts in order.
    Parts(VecDeque<Bytes>),
    /// A stream of events.
    Sse(Box<SseBody>),
}

impl Body {
    pub(crate) fn empty() -> Self {
        Self::One(Bytes::new())
    }

    pub(crate) fn full(bytes: impl Into<Bytes>) -> Self {
        Self::One(bytes.into())
    }

    /// One message as it is.
    pub(crate) fn message(payload: Payload) -> Self {
        match payload.into_one() {
            Ok(part) => Self::One(part),
            Err(payload) => Self::Parts(payload.parts().iter().cloned().collect()),
        }
    }

    /// Messages as a JSON array, the answer to a batch.
    pub(crate) fn array(payloads: &[Payload]) -> Self {
        let mut parts = VecDeque::new();
        let mut opening = Bytes::from_static(b"[");
        for payload in payloads {
            parts.push_back(std::mem::replace(&mut opening, Bytes::from_static(b",")));
            parts.extend(payload.parts().iter().cloned());
        }
        if payloads.is_empty() {
            parts.push_back(opening);
        }
        parts.push_back(Bytes::from_static(b"]"));
        Self::Parts(parts)
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self::full(bytes)
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let part = match &mut *self {
            Self::One(bytes) if bytes.is_empty() => None,
            Self::One(bytes) => Some(std::mem::take(bytes)),
            Self::Parts(parts) => parts.pop_front(),
            Self::Sse(sse) => return sse.poll_frame(cx),
        };
        Poll::Ready(part.map(|part| Ok(Frame::data(part))))
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::One(bytes) => bytes.is_empty(),
            Self::Parts(parts) => parts.is_empty(),
            Self::Sse(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::One(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Parts(parts) => SizeHint::with_exact(parts.iter().map(|part| part.len() as u64).sum()),
            Self::Sse(_) => SizeHint::default(),
        }
    }
}

/// Why a request body could not be read.
#[derive(Debug)]
pub(crate) enum ReadError {
    TooLarge,
    /// The client went away, or broke HTTP.
    Broken,
}

/// Reads a request body of at most `limit` bytes. A body in one piece is not copied.
pub(crate) async fn read<B>(mut body: B, limit: usize) -> Result<Bytes, ReadError>
where
    B: http_body::Body<Data = Bytes> + Unpin,
{
    if body.size_hint().lower() > limit as u64 {
        return Err(ReadError::TooLarge);
    }
    let mut first = Bytes::new();
    let mut rest = BytesMut::new();
    while let Some(frame) = std::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        let Ok(data) = frame.map_err(|_| ReadError::Broken)?.into_data() else { continue };
        if first.len() + rest.len() + data.len() > limit {
            return Err(ReadError::TooLarge);
        }
        match first.is_empty() && rest.is_empty() {
            true => first = data,
            false => {
                if rest.is_empty() {
                    let expected = body.size_hint().lower().min(limit as u64) as usize;
                    rest.reserve(first.len() + data.len() + expected);
                    rest.extend_from_slice(&std::mem::take(&mut first));
                }
                rest.extend_from_slice(&data);
            }
        }
    }
    Ok(if rest.is_empty() { first } else { rest.freeze() })
}
