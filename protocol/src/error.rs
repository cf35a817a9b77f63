//! JSON-RPC errors that Waggle itself answers with.

use std::borrow::Cow;

use bytes::Bytes;
use serde_json::Value;

use crate::jsonrpc;

/// Error codes. Those of our own lie outside -32768…-32000, which JSON-RPC and MCP reserve.
pub mod code {
    pub use crate::jsonrpc::{
        INTERNAL_ERROR, INVALID_PARAMS, INVALID_REQUEST, METHOD_NOT_FOUND, PARSE_ERROR,
    };

    /// A header and the body disagree, or a required header is missing (2026-07-28).
    pub const HEADER_MISMATCH: i64 = -32_020;
    /// The request needs a capability that the client has not declared (2026-07-28).
    pub const MISSING_CAPABILITY: i64 = -32_021;
    /// The revision is not served (2026-07-28).
    pub const UNSUPPORTED_VERSION: i64 = -32_022;
    /// A resource does not exist (up to 2025-11-25).
    pub const RESOURCE_NOT_FOUND: i64 = -32_002;
    /// The user must visit a URL first (2025-11-25).
    pub const URL_ELICITATION_REQUIRED: i64 = -32_042;

    /// The server process ended before it answered.
    pub const SERVER_GONE: i64 = -31_001;
    /// The server did not answer in time; the request was cancelled.
    pub const TIMED_OUT: i64 = -31_002;
    /// A limit was reached: try again later.
    pub const OVERLOADED: i64 = -31_003;
    /// The session is unknown or has ended: initialize anew.
    pub const UNKNOWN_SESSION: i64 = -31_004;
    /// The request was refused at the HTTP level; the message says why.
    pub const REFUSED: i64 = -31_005;
    /// The upstream HTTP server cannot be reached, or broke off.
    pub const BAD_GATEWAY: i64 = -31_006;
    /// The upstream HTTP server did not answer in time.
    pub const GATEWAY_TIMEOUT: i64 = -31_007;
}

/// A JSON-RPC error object.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct RpcError {
    /// The code; see [`code`].
    pub code: i64,
    /// One short sentence for a person.
    pub message: Cow<'static, str>,
    /// Details for a program.
    pub data: Option<Value>,
}

impl RpcError {
    /// An error without details.
    pub fn new(code: i64, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code, message: message.into(), data: None }
    }

    /// The error as a response to the request with the raw `id`; without an id where it is unknown.
    pub fn to_response(&self, id: Option<&[u8]>) -> Bytes {
        jsonrpc::build::error(id, self.code, &self.message, self.data.as_ref())
    }
}
