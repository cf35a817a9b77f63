//! Why bytes are not a message.

use super::field::Field;

/// The body is not JSON.
pub const PARSE_ERROR: i64 = -32700;
/// The body is JSON, but not a request, notification or response.
pub const INVALID_REQUEST: i64 = -32600;
/// The receiver does not know the method.
pub const METHOD_NOT_FOUND: i64 = -32601;
/// The method does not take these parameters.
pub const INVALID_PARAMS: i64 = -32602;
/// The receiver failed.
pub const INTERNAL_ERROR: i64 = -32603;

/// Why [`scan`](super::scan()) or [`elements`](super::elements) refused some bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ScanError {
    /// JSON text is UTF-8 (RFC 8259 §8.1).
    #[error("the message is not valid UTF-8 at byte {at}")]
    NotUtf8 {
        /// Offset of the first byte that is not UTF-8.
        at: usize,
    },
    /// The bytes do not follow the JSON grammar (RFC 8259).
    #[error("the message is not valid JSON at byte {at}")]
    Syntax {
        /// Offset of the first byte that cannot be there, or the length where more was expected.
        at: usize,
    },
    /// More than [`MAX_DEPTH`](super::MAX_DEPTH) arrays and objects inside each other.
    #[error("the message nests deeper than {} levels", super::MAX_DEPTH)]
    TooDeep,
    /// Longer than a [`Span`](super::Span) can name: 4 GiB.
    #[error("the message is longer than 4 GiB")]
    TooLarge,
    /// JSON, but not an object.
    #[error("a message must be a JSON object")]
    InvalidMessage,
    /// JSON, but not an array.
    #[error("a batch must be a JSON array")]
    InvalidBatch,
    /// A member that routing reads occurs twice: readers would disagree about which one counts.
    #[error("the member {:?} occurs more than once", .0.key())]
    DuplicateKey(Field),
    /// `jsonrpc` is missing or something else than `"2.0"`.
    #[error("the member \"jsonrpc\" must be \"2.0\"")]
    InvalidVersion,
    /// `method` is not a string.
    #[error("the member \"method\" must be a string")]
    InvalidMethod,
    /// None, or more than one, of `method`, `result` and `error`.
    #[error("a message must have exactly one of \"method\", \"result\" and \"error\"")]
    InvalidShape,
    /// `id` is missing in a response, or neither a string nor a number (MCP narrows JSON-RPC: no null in requests).
    #[error("the member \"id\" must be a string or a number")]
    InvalidId,
    /// `params` is neither an object nor an array.
    #[error("the member \"params\" must be an object")]
    InvalidParams,
}

impl ScanError {
    /// The JSON-RPC error code to answer with: [`PARSE_ERROR`] if the bytes are not JSON that this scanner reads,
    /// else [`INVALID_REQUEST`].
    pub const fn code(self) -> i64 {
        match self {
            Self::NotUtf8 { .. } | Self::Syntax { .. } | Self::TooDeep => PARSE_ERROR,
            _ => INVALID_REQUEST,
        }
    }
}
