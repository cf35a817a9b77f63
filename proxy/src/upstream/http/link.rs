//! What the tasks of a link share: the way out of it, the requests under way, the session.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use bytes::Bytes;
use http::Uri;
use parking_lot::Mutex;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use waggle_protocol::error::RpcError;

use super::{
    outgoing::Outgoing,
    server::HttpServer,
    session::{Session, Tokens},
    trouble::{Cause, Trouble},
};

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
        line: Bytes,
        /// The request on whose response stream it came, by its id on the wire.
        origin: Option<u64>,
    },
    /// The endpoint does not speak this kind; only before its first answer to `server/discover` or `initialize`.
    NotSpoken(String),
    /// The link is of no use any more; the text completes "the server …".
    Failed(String),
}

/// What the tasks of a link share.
pub(super) struct Link {
    pub(super) server: Arc<HttpServer>,
    pub(super) kind: HttpKind,
    outputs: mpsc::Sender<HttpOutput>,
    /// The server has answered `server/discover` or `initialize`: it speaks this kind.
    opened: AtomicBool,
    in_flight: Mutex<HashMap<u64, CancellationToken>>,
    pub(super) session: Session,
    /// Where HTTP+SSE wants its messages.
    pub(super) endpoint: watch::Sender<Option<Uri>>,
}

impl Link {
    pub(super) fn new(server: Arc<HttpServer>, kind: HttpKind, outputs: mpsc::Sender<HttpOutput>) -> Self {
        Self {
            server,
            kind,
            outputs,
            opened: AtomicBool::new(false),
            in_flight: Mutex::default(),
            session: Session::default(),
            endpoint: watch::Sender::new(None),
        }
    }

    /// Hands a message of the server's over; waits while too many wait.
    pub(super) async fn deliver(&self, line: Bytes, origin: Option<u64>) {
        self.server.metrics.bytes_from_server(line.len());
        self.emit(HttpOutput::Message { line, origin }).await;
    }

    pub(super) async fn emit(&self, output: HttpOutput) {
        // Fails only when the link is gone.
        let _ = self.outputs.send(output).await;
    }

    /// There is no answer to the message: says so, in the way that fits it.
    pub(super) async fn fail(&self, message: &Outgoing, trouble: Trouble) {
        self.count(&trouble);
        let Trouble { code, text, cause } = trouble;
        if self.opens(message) {
            return self
                .emit(match cause {
                    Cause::NotSpoken => HttpOutput::NotSpoken(text),
                    _ => HttpOutput::Failed(text),
                })
                .await;
        }
        if cause == Cause::SessionLost || message.method == "notifications/initialized" {
            return self.emit(HttpOutput::Failed(text)).await;
        }
        match message.id {
            Some(id) => {
                let error = RpcError::new(code, format!("the server {text}"));
                let line = error.to_response(Some(id.to_string().as_bytes()));
                self.finished(id);
                self.emit(HttpOutput::Message { line, origin: Some(id) }).await;
            }
            None => {
                self.server.metrics.dropped("upstream_refused");
                tracing::debug!(method = message.method, "the server {text}");
            }
        }
    }

    /// What there is, unless it is trouble that concerns no request.
    pub(super) fn unless_troubled<T>(&self, outcome: Result<Option<T>, Trouble>) -> Option<T> {
        outcome.unwrap_or_else(|trouble| {
            self.count(&trouble);
            tracing::debug!("the server {}, on its stream", trouble.text);
            None
        })
    }

    fn count(&self, trouble: &Trouble) {
        if trouble.cause == Cause::TooLarge {
            self.server.metrics.limit_hit("max_line");
        }
    }

    /// Whether the message is the one whose answer shows that the server speaks this kind.
    pub(super) fn opens(&self, message: &Outgoing) -> bool {
        matches!(&*message.method, "server/discover" | "initialize") && !self.opened.load(Ordering::Relaxed)
    }

    pub(super) fn opened(&self) {
        self.opened.store(true, Ordering::Relaxed);
    }

    /// A request is under way; the token gives it up.
    pub(super) fn started(&self, id: u64, cancelled: CancellationToken) {
        self.in_flight.lock().insert(id, cancelled);
    }

    /// What gives up the request, if it has no answer yet.
    pub(super) fn in_flight(&self, id: u64) -> Option<CancellationToken> {
        self.in_flight.lock().get(&id).cloned()
    }

    /// The request has its answer.
    pub(super) fn finished(&self, id: u64) {
        self.in_flight.lock().remove(&id);
    }

    /// Starts another session in place of `lost`, on behalf of a request or of nobody: no other request may be
    /// without an answer.
    ///
    /// # Errors
    /// Nothing can take its place: see [`Session::renew`].
    pub(super) async fn renew(&self, of_request: bool, lost: &Arc<Tokens>) -> Result<Arc<Tokens>, Trouble> {
        let under_way = || self.in_flight.lock().len() > usize::from(of_request);
        self.session.renew(&self.server, under_way, lost).await
    }
}
