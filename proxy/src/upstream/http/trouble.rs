//! What goes wrong with a request, in words for the client that waits for it.

use std::time::Duration;

use http::{HeaderMap, StatusCode, header};
use waggle_protocol::error::code;

/// Why there is no answer. The text completes "the server …" and holds no secret.
#[derive(Debug)]
pub(super) struct Trouble {
    /// The code of the JSON-RPC error that takes the answer's place.
    pub(super) code: i64,
    pub(super) text: String,
    pub(super) cause: Cause,
}

/// What the trouble means beyond the one request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Cause {
    /// Nothing.
    Plain,
    /// The connection broke off in the middle of a response: a stream may be resumed.
    BrokenOff,
    /// What answered may speak another transport.
    NotSpoken,
    /// The session is unknown to the server.
    SessionLost,
    /// A message is above the limit.
    TooLarge,
}

impl Trouble {
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self { code: code::BAD_GATEWAY, text: text.into(), cause: Cause::Plain }
    }

    pub(super) fn timeout(text: impl Into<String>) -> Self {
        Self { code: code::GATEWAY_TIMEOUT, ..Self::new(text) }
    }

    pub(super) fn broken_off(text: impl Into<String>) -> Self {
        Self { cause: Cause::BrokenOff, ..Self::new(text) }
    }

    pub(super) fn not_spoken(text: impl Into<String>) -> Self {
        Self { cause: Cause::NotSpoken, ..Self::new(text) }
    }

    pub(super) fn session_lost() -> Self {
        Self { cause: Cause::SessionLost, ..Self::new("has ended the session") }
    }

    pub(super) fn silent(for_: Duration) -> Self {
        Self::timeout(format!("has been silent for {for_:?} in the middle of a response"))
    }

    pub(super) fn too_large(limit: usize) -> Self {
        let text = format!("has sent a message above the limit of {limit} bytes");
        Self { cause: Cause::TooLarge, ..Self::new(text) }
    }

    /// A status that is not a success, without a message that would say more.
    pub(super) fn status(status: StatusCode, headers: &HeaderMap) -> Self {
        match status.as_u16() {
            401 | 403 => {
                Self::new(format!("refuses the proxy's credentials ({status}); see `--upstream-header`"))
            }
            400 | 404 | 405 | 406 | 415 => Self::not_spoken(format!("has answered {status}")),
            300..=399 => Self::new(format!("redirects with {status}, which is not followed")),
            _ => match headers.get(header::RETRY_AFTER).and_then(|value| value.to_str().ok()) {
                Some(after) => {
                    Self::new(format!("has answered {status}; it asks to retry after {after:.40}"))
                }
                None => Self::new(format!("has answered {status}")),
            },
        }
    }
}
