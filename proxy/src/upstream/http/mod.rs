//! The client of an MCP server that speaks HTTP, as a pipe of JSON-RPC messages: a multiplexer drives it as it
//! drives a process.
//!
//! ```text
//!   multiplexer ─▶ http_link     open, send, next, close; starts a task for each message and each stream
//!             post    stream     POST: the life of one message │ GET: what belongs to no request
//!              sse    answer     HTTP+SSE, both in one │ what comes for a POST: JSON, or a stream that is resumed
//!                       link     what the tasks share: the way out, the requests under way
//!                    session     what names each request, and can be replaced
//!                      quiet     requests of the transport's own
//!   mirror  request   events     the headers of one message │ one exchange │ one stream
//!             server    body     what is configured │ what is read, within limits
//!             client  params     connections │ arguments that travel in headers
//!  outgoing headers  trouble     a message │ names │ what goes wrong; `target`: where requests go
//! ```
//! Each row knows only rows below it.
//!
//! Tasks hand messages to [`HttpLink::next`] through a bounded channel, so that a slow consumer slows the reading.

mod answer;
mod body;
mod client;
mod events;
mod headers;
mod http_link;
mod link;
mod mirror;
mod outgoing;
mod params;
mod post;
mod quiet;
mod request;
mod server;
mod session;
mod sse;
mod stream;
mod target;
#[cfg(test)]
mod tests;
mod trouble;

use std::time::Duration;

pub(crate) use self::{
    client::HttpSetupError,
    http_link::HttpLink,
    link::{HttpKind, HttpOutput},
    server::{HttpServer, HttpSettings},
};

/// By how much what a server has said on one stream can overtake what it has said on another before: they are
/// connections of their own.
pub(super) const OVERTAKING: Duration = Duration::from_secs(1);
