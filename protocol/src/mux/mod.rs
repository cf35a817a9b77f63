//! Many clients on one server.
//!
//! A multiplexer is a value, not a task: messages and events go in, [`Effect`]s come out of its `poll_effect`,
//! time is an argument. There is one for each era of servers; both serve clients of both eras, so that a
//! message is translated where it is routed, in the same splice.
//!
//! | module | server |
//! |---|---|
//! | [`legacy`] | opens with `initialize`: one session, or many behind one handshake |
//! | [`modern`] | of 2026-07-28: stateless, every request stands alone |

mod abandoned;
mod deadlines;
mod effect;
mod in_flight;
pub mod legacy;
mod level;
mod link;
pub mod modern;
mod questions;
mod subscriptions;

use std::time::Duration;

use bytes::Bytes;

pub use effect::{DropReason, Effect, ListKind};
pub use legacy::{LegacyMux, Sharing};
pub use level::Level;
pub use modern::ModernMux;

use in_flight::WireId;

use crate::{
    error::code,
    jsonrpc::{self, Edit, Envelope, Field, Kind, Payload, ScanError, Span},
    time::Timestamp,
};

/// Names a session, or a request of a modern client, within its multiplexer. Never reused: what a driver still
/// sends for one that has been detached reaches nobody else's.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct MemberKey(u64);

/// Bounds of a multiplexer.
#[derive(Clone, Copy, Debug)]
pub struct MuxLimits {
    /// Requests that may wait for the server at once.
    pub in_flight: usize,
    /// How long a request may wait. Progress, or a question to the client, starts the time anew, up to
    /// [`MuxLimits::MAX_EXTENSION`] times.
    pub request_timeout: Duration,
}

impl MuxLimits {
    /// A request ends after this many times its timeout, whatever its progress.
    pub const MAX_EXTENSION: u32 = 12;

    /// The deadline that a sign of life at `now` gives to a request sent at `sent`.
    fn extended(&self, sent: Timestamp, now: Timestamp) -> Timestamp {
        let last = sent.after(self.request_timeout.saturating_mul(Self::MAX_EXTENSION));
        now.after(self.request_timeout).min(last)
    }
}

/// The server has as many requests in flight as it may have.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("too many requests are in flight to this server")]
pub struct Overloaded;

/// Whether two raw ids or tokens are the same to a JSON reader: a server may spell `"é"` or `1.0` its own way.
fn same(one: &[u8], other: &[u8]) -> bool {
    use jsonrpc::text::{integer_value, string_value};
    one == other
        || integer_value(one).is_some_and(|value| integer_value(other) == Some(value))
        || string_value(one).is_some_and(|value| string_value(other) == Some(value))
}

/// A copy of a span that does not pin a large message.
fn retain(span: Span, message: &Bytes) -> Bytes {
    const PINNED: usize = 4096;
    if message.len() <= PINNED { span.slice(message) } else { Bytes::copy_from_slice(span.of(message)) }
}

/// The code of an error response.
fn error_code(line: &[u8], envelope: &Envelope) -> Option<i64> {
    (envelope.kind() == Kind::Error).then(|| {
        let code = envelope.span(Field::ErrorCode).map_or(&b""[..], |span| span.of(line));
        std::str::from_utf8(code).ok().and_then(|code| code.parse().ok()).unwrap_or(code::INTERNAL_ERROR)
    })
}

/// The token that a request asks progress under, if it is one: a string or a number.
fn progress_token(message: &[u8], envelope: &Envelope) -> Option<Span> {
    let is_token = |at: &Span| matches!(at.of(message).first(), Some(b'"' | b'-' | b'0'..=b'9'));
    envelope.span(Field::ProgressToken).filter(is_token)
}

/// A request as the server is to see it: with its id there at the client's id and at its progress token.
fn readdress(message: &Bytes, id: Option<Span>, token: Option<Span>, wire: WireId) -> Payload {
    let with = wire.to_bytes();
    let edit = |at| Edit { at, with: with.clone() };
    match (id, token) {
        (Some(id), Some(token)) if id < token => jsonrpc::splice(message, &[edit(id), edit(token)]),
        (Some(id), Some(token)) => jsonrpc::splice(message, &[edit(token), edit(id)]),
        (id, token) => jsonrpc::splice(message, id.or(token).map(edit).as_slice()),
    }
}

/// `params.uri`
fn uri(message: &Bytes, envelope: &Envelope) -> Option<String> {
    let span = envelope.span(Field::ParamsUri)?;
    jsonrpc::text::string_value(span.of(message)).map(std::borrow::Cow::into_owned)
}

/// `params.level`
fn level(message: &Bytes, envelope: &Envelope) -> Option<Level> {
    let span = envelope.span(Field::ParamsLevel)?;
    Level::parse(&jsonrpc::text::string_value(span.of(message))?)
}

/// Takes a line of the server's: one message, or a batch of them, each by itself.
///
/// # Errors
/// The first of those that `take` gives; or the batch is not JSON.
fn each_message(
    line: &Bytes,
    mut take: impl FnMut(&Bytes) -> Result<(), ScanError>,
) -> Result<(), ScanError> {
    if !jsonrpc::is_batch(line) {
        return take(line);
    }
    let mut outcome = Ok(());
    for span in jsonrpc::elements(line)? {
        outcome = outcome.and(take(&span.slice(line)));
    }
    outcome
}
