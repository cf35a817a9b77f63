//! The client of an MCP server that speaks HTTP, as a pipe of JSON-RPC messages: a multiplexer drives it as it
//! drives a process.
//!
//! ```text
//!              send() ┌───────── HttpLink ─────────┐ a task each
//!   multiplexer ────▶ │ post → request → answer    │ ─────▶ POST: JSON, or a stream that is resumed
//!               ◀──── │ stream (legacy), sse (R1)  │ ─────▶ GET: what belongs to no request
//!              next() └─────── session, params ────┘
//! ```
//! Tasks hand messages to [`HttpLink::next`] through a bounded channel, so that a slow consumer slows the reading.

mod answer;
mod body;
mod client;
mod events;
mod headers;
mod link;
mod mirror;
mod outgoing;
mod params;
mod post;
mod quiet;
mod request;
mod session;
mod sse;
mod stream;
mod target;
#[cfg(test)]
mod tests;
mod trouble;

use std::{fmt, sync::Arc, time::Duration};

use http::{HeaderMap, HeaderName, HeaderValue, Uri, header};

use self::{client::HttpClient, params::Params};
use crate::telemetry::metrics::Metrics;

pub(crate) use link::HttpLink;

/// How the server is reached.
pub(crate) struct HttpSettings {
    pub(crate) url: Uri,
    /// For each request; the values are secrets.
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    /// Certificates to trust besides those of the system, as PEM.
    pub(crate) ca: Option<Vec<u8>>,
    /// Until a connection stands, TLS included.
    pub(crate) connect_timeout: Duration,
    /// The longest silence in a response, and the longest time for a response that is one message.
    pub(crate) idle_timeout: Duration,
    /// Until the head of a response has come.
    pub(crate) request_timeout: Duration,
    /// The size of one message, decompressed.
    pub(crate) max_message: usize,
}

/// Why the server cannot be spoken to at all: a sentence for the operator.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HttpSetupError {
    /// The file of `--upstream-ca` is of no use.
    #[error("the certificates of `--upstream-ca` cannot be used: {0}")]
    Ca(String),
    /// TLS cannot be set up.
    #[error("TLS cannot be set up: {0}")]
    Tls(rustls::Error),
}

/// The configured HTTP server: shared by all links; holds the pooled connections.
pub(crate) struct HttpServer {
    url: Uri,
    /// What each request bears.
    headers: HeaderMap,
    client: HttpClient,
    idle_timeout: Duration,
    request_timeout: Duration,
    max_message: usize,
    params: Params,
    metrics: Arc<Metrics>,
}

impl HttpServer {
    /// Reads the certificates. Nothing is sent.
    ///
    /// # Errors
    /// Those in the settings are of no use.
    pub(crate) fn new(settings: HttpSettings, metrics: Arc<Metrics>) -> Result<Self, HttpSetupError> {
        let agent = HeaderValue::from_static(concat!("waggle-proxy/", env!("CARGO_PKG_VERSION")));
        let mut headers = HeaderMap::from_iter([(header::USER_AGENT, agent)]);
        for (name, mut value) in settings.headers {
            value.set_sensitive(true);
            headers.append(name, value);
        }
        Ok(Self {
            client: client::client(&settings.url, settings.ca.as_deref(), settings.connect_timeout)?,
            url: settings.url,
            headers,
            idle_timeout: settings.idle_timeout,
            request_timeout: settings.request_timeout,
            max_message: settings.max_message,
            params: Params::default(),
            metrics,
        })
    }

    /// A link of that kind. Nothing is sent before the first message.
    pub(crate) fn open(self: &Arc<Self>, kind: HttpKind) -> HttpLink {
        HttpLink::new(self.clone(), kind)
    }
}

/// Shows neither headers nor the query of the URL, which may hold secrets.
impl fmt::Debug for HttpServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpServer")
            .field("host", &self.url.authority())
            .field("path", &self.url.path())
            .finish_non_exhaustive()
    }
}

/// A transport and the revisions that go with it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum HttpKind {
    /// Streamable HTTP of 2026-07-28: each request stands for itself.
    Modern,
    /// Streamable HTTP of 2025-03-26 to 2025-11-25: a session.
    Legacy,
    /// HTTP+SSE of 2024-11-05: a session that is one stream.
    Sse,
}

/// What happens on a link.
#[derive(Debug)]
pub(crate) enum HttpOutput {
    /// A message from the server.
    Message {
        /// The message; may hold line breaks.
        line: bytes::Bytes,
        /// The request on whose response stream it came, by its id on the wire.
        origin: Option<u64>,
    },
    /// The endpoint does not speak this kind; only before its first answer to `server/discover` or `initialize`.
    NotSpoken(String),
    /// The link is of no use any more; the text completes "the server …".
    Failed(String),
}
