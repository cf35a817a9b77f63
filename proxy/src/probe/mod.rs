//! `waggle-proxy probe URL`: whether an MCP server answers there, and what it offers.
//!
//! A client's first steps, and no more: the handshake, then the list of tools. Servers that open with `initialize`
//! are spoken to as such; one that does not is asked in the words of 2026-07-28. (`waggle-proxy await` looks at a proxy
//! alone, whatever is behind it.)

mod conversation;
mod live;
mod options;

use std::{fmt, sync::Arc, time::Duration};

use tokio::time::{Instant, sleep, timeout, timeout_at};

use self::conversation::{Conversation, Silence};
pub use self::live::{AwaitOptions, await_live};
pub use self::options::ProbeOptions;
use crate::{
    config::{Config, Live},
    telemetry::metrics::Metrics,
    upstream::{HttpKind, HttpServer, HttpSettings, HttpSetupError},
};

/// Between two tries: a server that starts is met soon, and hardly notices.
const PAUSE: Duration = Duration::from_millis(250);
/// The longest message that is read, the list of tools included.
const MAX_MESSAGE: usize = 16 * 1024 * 1024;

/// What a server has said of itself.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Found {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The revision of the protocol that it was spoken to in.
    pub revision: String,
    /// How many tools it has.
    pub tools: usize,
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, version, revision, tools } = self;
        let noun = if *tools == 1 { "tool" } else { "tools" };
        // The texts are a stranger's, and this is one line.
        write!(
            f,
            "{} {} ({}): {tools} {noun}",
            name.escape_debug(),
            version.escape_debug(),
            revision.escape_debug()
        )
    }
}

/// Why nothing was found: a sentence.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProbeError {
    /// The last try has failed.
    #[error("the server at {url} {reason}")]
    Unanswered {
        /// Where it was looked for, without the query.
        url: String,
        /// What became of the try.
        reason: String,
    },
    /// Nothing could be tried.
    #[error("{0}")]
    Setup(String),
}

/// Asks the server, and asks again until it answers or the time to wait is over.
///
/// # Errors
///
/// See [`ProbeError`].
pub async fn probe(options: &ProbeOptions) -> Result<Found, ProbeError> {
    let server = server(options).map_err(|error| ProbeError::Setup(error.to_string()))?;
    let until = Instant::now() + options.wait;
    loop {
        let reason = match ask(&server, options.timeout).await {
            Ok(found) => return Ok(found),
            Err(reason) => reason,
        };
        // Another try needs the pause and some time for itself.
        if timeout_at(until, sleep(PAUSE)).await.is_err() {
            return Err(ProbeError::Unanswered { url: options.url.for_show(), reason });
        }
    }
}

fn server(options: &ProbeOptions) -> Result<Arc<HttpServer>, HttpSetupError> {
    let mut config = Config::default();
    config.times.upstream_connect_timeout = options.timeout;
    config.times.upstream_idle_timeout = options.timeout;
    config.times.request_timeout = options.timeout;
    config.limits.max_line = MAX_MESSAGE;
    let settings = HttpSettings {
        url: options.url.uri().clone(),
        headers: Vec::new(),
        ca: None,
        config: Live::new(config),
    };
    HttpServer::new(settings, Arc::new(Metrics::default())).map(Arc::new)
}

/// One try. The error completes "the server …".
async fn ask(server: &Arc<HttpServer>, within: Duration) -> Result<Found, String> {
    let first = match converse(server, HttpKind::Legacy, within).await {
        Err(Silence::NotSpoken(reason)) => reason,
        answered => return answered.map_err(Silence::into_reason),
    };
    match converse(server, HttpKind::Modern, within).await {
        // It speaks neither: what it said first is what most would have asked.
        Err(Silence::NotSpoken(_)) => Err(first),
        answered => answered.map_err(Silence::into_reason),
    }
}

async fn converse(server: &Arc<HttpServer>, kind: HttpKind, within: Duration) -> Result<Found, Silence> {
    let mut conversation = Conversation::new(server.open(kind), kind);
    let asked = timeout(within, conversation.ask()).await;
    conversation.close().await;
    asked.unwrap_or_else(|_| Err(Silence::Failed(format!("has not answered within {within:?}"))))
}
