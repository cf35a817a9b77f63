//! From a refusal to what the client sees: one list of statuses, JSON-RPC codes and sentences.

use std::{borrow::Cow, time::Duration};

use bytes::Bytes;
use hyper::{
    Response, StatusCode,
    header::{ALLOW, CONNECTION, CONTENT_TYPE, HeaderValue, RETRY_AFTER},
};
use waggle_protocol::{
    error::{RpcError, code},
    modern::rejection::status_of,
};

/// When a client that met a limit is asked to try again.
const RETRY_AFTER_OVERLOAD: Duration = Duration::from_secs(2);

/// A request that is not served, and why. Its body is always a JSON-RPC error. Boxed, so that the results of
/// handlers stay small.
#[derive(Debug)]
pub(crate) struct Refusal(Box<Details>);

#[derive(Debug)]
struct Details {
    status: StatusCode,
    error: RpcError,
    /// The raw id of the refused request, where it is known.
    id: Option<Bytes>,
    retry_after: Option<Duration>,
    allow: Option<&'static str>,
    /// The connection ends with the response.
    closes: bool,
}

impl Refusal {
    fn new(status: StatusCode, code: i64, message: impl Into<Cow<'static, str>>) -> Self {
        Self::with_error(status, RpcError::new(code, message))
    }

    /// A JSON-RPC error that has been made elsewhere, with its status.
    pub(crate) fn with_error(status: StatusCode, error: RpcError) -> Self {
        Self(Box::new(Details { status, error, id: None, retry_after: None, allow: None, closes: false }))
    }

    /// 400: a message that may not be sent here.
    pub(crate) fn invalid(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code::INVALID_REQUEST, message)
    }

    /// 400, with the code that the scanner found right.
    pub(crate) fn malformed(error: &waggle_protocol::jsonrpc::ScanError) -> Self {
        Self::new(StatusCode::BAD_REQUEST, error.code(), error.to_string())
    }

    /// 403: `Host` or `Origin` is not allowed.
    pub(crate) fn forbidden(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::FORBIDDEN, code::REFUSED, message)
    }

    /// 404 for exactly "unknown session": the client initializes anew.
    pub(crate) fn unknown_session() -> Self {
        let message = "the session is unknown or has ended; initialize a new one";
        Self::new(StatusCode::NOT_FOUND, code::UNKNOWN_SESSION, message)
    }

    /// 404: nothing is served here.
    pub(crate) fn not_found() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            code::REFUSED,
            "nothing is here; the MCP endpoint is /mcp, or /sse for HTTP+SSE",
        )
    }

    /// 405.
    pub(crate) fn method_not_allowed(allow: &'static str) -> Self {
        let message = format!("this method is not offered here; use {allow}");
        let mut refusal = Self::new(StatusCode::METHOD_NOT_ALLOWED, code::REFUSED, message);
        refusal.0.allow = Some(allow);
        refusal
    }

    /// 408: the body did not come in time.
    pub(crate) fn timed_out() -> Self {
        Self::new(StatusCode::REQUEST_TIMEOUT, code::REFUSED, "the request body did not arrive in time")
    }

    /// 413.
    pub(crate) fn too_large(limit: usize) -> Self {
        let message = format!("the request body is larger than {limit} bytes (--max-body)");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, code::REFUSED, message)
    }

    /// 415.
    pub(crate) fn media_type(message: &'static str) -> Self {
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, code::REFUSED, message)
    }

    /// 502: the server cannot be reached.
    pub(crate) fn gateway(error: RpcError) -> Self {
        Self::with_error(StatusCode::BAD_GATEWAY, error)
    }

    /// An error of a modern request, as an answer: 200 or 400.
    pub(crate) fn rpc(error: RpcError) -> Self {
        let status = StatusCode::from_u16(status_of(error.code)).unwrap_or_default();
        Self::with_error(status, error)
    }

    /// The request state that a client gave back does not fit, and why.
    pub(crate) fn request_state(why: &impl std::fmt::Display) -> Self {
        Self::rpc(RpcError::new(code::INVALID_PARAMS, format!("{why}; start anew without it")))
    }

    /// The request state that a client gave back is not one of its own that still waits.
    pub(crate) fn stale_state() -> Self {
        Self::request_state(&"the requestState has been used before, or its call is over")
    }

    /// 503 with `Retry-After`: a limit; nothing was done.
    pub(crate) fn overloaded(message: impl Into<Cow<'static, str>>) -> Self {
        let mut refusal = Self::new(StatusCode::SERVICE_UNAVAILABLE, code::OVERLOADED, message);
        refusal.0.retry_after = Some(RETRY_AFTER_OVERLOAD);
        refusal
    }

    /// 503: the program is about to end.
    pub(crate) fn shutting_down() -> Self {
        Self::overloaded("the proxy is shutting down")
    }

    /// 503: the server's container is about to end, and most likely its pod. The client is to try again on another
    /// connection, which leads to another pod; this one may be closed as its next request comes.
    pub(crate) fn leaving() -> Self {
        let mut refusal = Self::overloaded("the server's container is shutting down");
        refusal.0.closes = true;
        refusal
    }

    /// 503: no further server process may run.
    pub(crate) fn processes() -> Self {
        Self::overloaded("all server processes that may run at once are in use (--max-processes)")
    }

    /// The same, as the answer to the request with this raw id.
    #[must_use]
    pub(crate) fn to(mut self, id: Option<Bytes>) -> Self {
        self.0.id = id;
        self
    }

    /// The JSON-RPC error alone, for transports that answer elsewhere.
    pub(crate) fn error(&self) -> &RpcError {
        &self.0.error
    }

    /// The HTTP response, in whatever holds a body.
    pub(crate) fn into_response<B: From<Bytes>>(self) -> Response<B> {
        let Details { status, error, id, retry_after, allow, closes } = *self.0;
        let mut response = Response::new(error.to_response(id.as_deref()).into());
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(delay) = retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(delay.as_secs()));
        }
        if closes {
            // HTTP/2 has no such header, and hyper leaves it out there.
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        if let Some(allow) = allow {
            headers.insert(ALLOW, HeaderValue::from_static(allow));
        }
        response
    }
}
