//! Refusals, and the HTTP status of each error while it can still be told.

use std::borrow::Cow;

use serde_json::json;

use crate::{
    error::{RpcError, code},
    version::MODERN,
};

/// A message that is not served, and why. Its body is the error with the request's id: that body is how a client tells
/// a modern server's 400 or 404 from a legacy one's.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Rejection {
    /// The HTTP status.
    pub status: u16,
    /// What the body says.
    pub error: RpcError,
}

impl Rejection {
    fn new(code: i64, message: impl Into<Cow<'static, str>>) -> Self {
        let status = if code == code::METHOD_NOT_FOUND { 404 } else { 400 };
        Self { status, error: RpcError::new(code, message) }
    }

    /// 400, -32600: a message of a kind that a client does not send.
    pub fn invalid_request(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(code::INVALID_REQUEST, message)
    }

    /// 400, -32602: metadata or parameters are missing or malformed.
    pub fn invalid_params(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(code::INVALID_PARAMS, message)
    }

    /// 400, -32020: a header is missing or malformed, or differs from the body.
    pub fn header_mismatch(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(code::HEADER_MISMATCH, message)
    }

    /// 400, -32022: the revision is not served.
    pub fn unsupported_version(requested: &str) -> Self {
        let mut rejection = Self::new(
            code::UNSUPPORTED_VERSION,
            format!("the protocol version is not supported; use {MODERN}"),
        );
        rejection.error.data = Some(json!({ "supported": [MODERN], "requested": requested }));
        rejection
    }

    /// 404, -32601: the method is gone, or nobody knows it.
    pub fn method_not_found(method: &str) -> Self {
        Self::new(code::METHOD_NOT_FOUND, format!("the method {method:?} does not exist in {MODERN}"))
    }
}

/// The HTTP status for an error that answers a request, while no header has been sent. Errors of the application are
/// answers like any other: 200.
pub fn status_of(code: i64) -> u16 {
    match code {
        code::METHOD_NOT_FOUND => 404,
        code::HEADER_MISMATCH | code::MISSING_CAPABILITY | code::UNSUPPORTED_VERSION => 400,
        code::BAD_GATEWAY => 502,
        code::OVERLOADED => 503,
        code::GATEWAY_TIMEOUT => 504,
        _ => 200,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_have_the_statuses_of_the_transport() {
        for (code, status) in [
            (-32601, 404),
            (-32020, 400),
            (-32021, 400),
            (-32022, 400),
            (-31006, 502),
            (-31003, 503),
            (-31007, 504),
            // Unknown resources and tools, whatever the server says, and what became of the server.
            (-32602, 200),
            (-32603, 200),
            (-32019, 200),
            (-31001, 200),
            (1, 200),
        ] {
            assert_eq!(status_of(code), status, "{code}");
        }
    }

    #[test]
    fn an_unsupported_version_says_what_is_supported() {
        let Rejection { status, error } = Rejection::unsupported_version("2099-01-01");
        assert_eq!((status, error.code), (400, -32022));
        assert_eq!(error.data, Some(json!({"supported": ["2026-07-28"], "requested": "2099-01-01"})));
    }
}
