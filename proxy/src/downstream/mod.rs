//! Towards the MCP client: HTTP in both of its transports. The rules of sessions, streams and routing are
//! in `waggle_protocol`; here they meet headers, bodies and statuses.

mod body;
mod headers;
mod http_sse;
mod initialize;
mod modern;
mod sse_body;
mod streamable_http;

use std::{
    future::{Future, poll_fn},
    pin::pin,
    sync::Arc,
    task::Poll,
    time::Duration,
};

use bytes::Bytes;
use hyper::{
    Response, StatusCode,
    header::{HeaderMap, HeaderName},
};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use waggle_protocol::{
    error::{RpcError, code},
    jsonrpc::{self, Envelope, Field},
};

pub(crate) use body::Body;
pub(crate) use streamable_http::MCP_METHODS;

use crate::{
    error::Refusal,
    gate::Inside,
    session::Registry,
    upstream::{Fleet, Server, Settled, Unsettled},
};

/// What every handler works with.
#[derive(Debug)]
pub(crate) struct Endpoint {
    pub(crate) server: Arc<Server>,
    pub(crate) sessions: Arc<Registry>,
    pub(crate) fleet: Arc<Fleet>,
    /// Nothing new is begun.
    draining: CancellationToken,
    /// What was begun has been answered: nobody who is still sending is waited for.
    drained: CancellationToken,
}

impl Endpoint {
    pub(crate) fn new(fleet: Arc<Fleet>, drained: CancellationToken) -> Self {
        let server = fleet.server.clone();
        let sessions = Arc::new(Registry::new(server.clone()));
        Self { server, sessions, fleet, draining: CancellationToken::new(), drained }
    }

    /// From now on nothing new is begun.
    pub(crate) fn drain(&self) {
        self.draining.cancel();
    }

    /// What the server speaks, once that is known.
    async fn settled(&self) -> Result<Settled, Refusal> {
        let settled = tokio::select! {
            biased;
            settled = self.fleet.settled() => settled,
            () = self.draining.cancelled() => return Err(Refusal::shutting_down()),
        };
        settled.map_err(|unsettled| match unsettled {
            Unsettled::Silent if self.server.waits_for_launcher() => {
                Refusal::overloaded("the server's container is not there: the proxy waits for its launcher")
            }
            Unsettled::Silent => Refusal::overloaded("the server has not answered yet"),
            Unsettled::Failed(error) if self.server.is_remote() => Refusal::gateway(error),
            Unsettled::Failed(error) => Refusal::overloaded(error.message),
        })
    }

    /// Answers what still waits for a server: it will not be waited for.
    pub(crate) fn give_up_requests(&self) {
        let error = RpcError::new(code::SERVER_GONE, "the proxy is shutting down");
        self.sessions.give_up_requests(&error);
        self.fleet.give_up_requests(&error);
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.draining.is_cancelled()
    }

    /// Nothing is begun that would be cut off: by our end, or by that of the server's container. What is let in is
    /// waited for by whoever ends them, so keep what this gives until the server has the request.
    fn let_in(&self) -> Result<Inside<'_>, Refusal> {
        let inside = self.server.gate.enter();
        match self.is_draining() {
            true => Err(Refusal::shutting_down()),
            false => inside.ok_or_else(Refusal::leaving),
        }
    }

    /// The request's body, in time and within the limit.
    async fn body<B>(&self, body: B) -> Result<Bytes, Refusal>
    where
        B: http_body::Body<Data = Bytes> + Unpin,
    {
        let (limit, within) = {
            let config = self.server.config.now();
            (config.limits.max_body, config.times.body_timeout)
        };
        let mut reading = pin!(body::read(body, limit));
        // Most bodies come with their heads, and need no timer.
        let read = match poll_fn(|cx| Poll::Ready(reading.as_mut().poll(cx))).await {
            Poll::Ready(read) => Ok(read),
            Poll::Pending => tokio::select! {
                biased;
                read = timeout(within, reading) => read,
                () = self.drained.cancelled() => return Err(Refusal::shutting_down()),
            },
        };
        let read = read.map_err(|_| {
            self.server.metrics.limit_hit("body_timeout");
            Refusal::timed_out()
        })?;
        let body = read.map_err(|error| match error {
            body::ReadError::TooLarge => {
                self.server.metrics.limit_hit("max_body");
                Refusal::too_large(limit)
            }
            body::ReadError::Broken => Refusal::invalid("the request body could not be read"),
        })?;
        self.server.metrics.bytes_from_client(body.len());
        Ok(body)
    }

    fn keep_alive(&self) -> Duration {
        self.server.config.now().times.keep_alive
    }
}

/// One message of a request body, fit for a line of stdin.
struct Message {
    bytes: Bytes,
    envelope: Envelope,
}

impl Message {
    fn parse(body: Bytes) -> Result<Self, Refusal> {
        let envelope = jsonrpc::scan(&body).map_err(|error| Refusal::malformed(&error))?;
        Ok(Self { bytes: jsonrpc::one_line(body, &envelope), envelope })
    }

    fn is(&self, method: &str) -> bool {
        self.envelope.is_method(&self.bytes, method)
    }

    /// The raw id.
    fn id(&self) -> Option<Bytes> {
        self.envelope.span(Field::Id).map(|span| span.slice(&self.bytes))
    }

    /// The raw params, or an empty object.
    fn params(&self) -> Bytes {
        match self.envelope.span(Field::Params) {
            Some(span) if span.of(&self.bytes).starts_with(b"{") => {
                Bytes::copy_from_slice(span.of(&self.bytes))
            }
            _ => Bytes::from_static(b"{}"),
        }
    }
}

/// The answer to `ping`: given here, since it asks for a sign of life and not for a server.
fn pong(id: &[u8]) -> Bytes {
    jsonrpc::build::response(id, b"{}")
}

/// 202 without a body: notifications and responses are accepted.
fn accepted() -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::ACCEPTED;
    response
}

/// The value of a header; `None` for an empty one.
fn header<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a [u8]> {
    headers.get(name).map(|value| value.as_bytes().trim_ascii()).filter(|value| !value.is_empty())
}
