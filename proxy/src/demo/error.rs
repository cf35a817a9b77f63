//! Errors that a request is answered with.

use serde_json::{Value, json};

/// Why a request was refused; its text is the `message` of the JSON-RPC error.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error("not valid JSON: {0}")]
    Parse(String),
    #[error("invalid request: {0}")]
    InvalidRequest(String),
    #[error("the session has not begun: send initialize before {0}")]
    NotInitialized(String),
    #[error("no method {0:?} here")]
    UnknownMethod(String),
    #[error("{0}")]
    InvalidParams(String),
    #[error("no resource {0:?}: see resources/list and resources/templates/list")]
    UnknownResource(String),
    #[error("{0} calls are running: try again when one of them has ended")]
    TooManyCalls(usize),
}

impl Error {
    /// The JSON-RPC error code; -32002 is MCP's own for an unknown resource, up to revision 2025-11-25.
    pub(super) fn code(&self) -> i32 {
        match self {
            Self::Parse(_) => -32700,
            Self::InvalidRequest(_) | Self::NotInitialized(_) => -32600,
            Self::UnknownMethod(_) => -32601,
            Self::InvalidParams(_) => -32602,
            Self::UnknownResource(_) => -32002,
            Self::TooManyCalls(_) => -32000,
        }
    }

    /// The `error` object of a response.
    pub(super) fn to_json(&self) -> Value {
        let mut error = json!({ "code": self.code(), "message": self.to_string() });
        if let Self::UnknownResource(uri) = self {
            error["data"] = json!({ "uri": uri });
        }
        error
    }
}
