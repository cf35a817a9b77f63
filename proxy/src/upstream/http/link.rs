//! One link: messages in, messages and ends out, and the tasks between.

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{Method, Uri};
use parking_lot::Mutex;
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
    time::timeout,
};
use tokio_util::sync::CancellationToken;
use waggle_protocol::{
    error::RpcError,
    jsonrpc::{Field, Payload, text},
};

use super::{
    HttpKind, HttpOutput, HttpServer,
    outgoing::Outgoing,
    post,
    request::Accept,
    session::{Session, Tokens},
    sse, stream,
    trouble::{Cause, Trouble},
};

/// Messages that wait for [`HttpLink::next`] before reading stops.
const OUTPUTS: usize = 8;
/// How long the end of a session may take.
const FAREWELL: Duration = Duration::from_secs(2);

/// A link to the server. Its requests end with it.
pub(crate) struct HttpLink {
    link: Arc<Link>,
    outputs: mpsc::Receiver<HttpOutput>,
    tasks: JoinSet<()>,
    /// The task of the stream that belongs to no request runs.
    listening: bool,
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

impl HttpLink {
    pub(super) fn new(server: Arc<HttpServer>, kind: HttpKind) -> Self {
        let (sender, outputs) = mpsc::channel(OUTPUTS);
        let link = Link {
            server,
            kind,
            outputs: sender,
            opened: AtomicBool::new(false),
            in_flight: Mutex::default(),
            session: Session::default(),
            endpoint: watch::Sender::new(None),
        };
        Self { link: Arc::new(link), outputs, tasks: JoinSet::new(), listening: false }
    }

    /// Hands over one message. Never blocks; how many may be under way is the caller's to bound.
    pub(crate) fn send(&mut self, message: &Payload) {
        while self.tasks.try_join_next().is_some() {}
        let Some(message) = Outgoing::read(message) else {
            return tracing::error!("a message to the server is not JSON-RPC");
        };
        self.link.server.metrics.bytes_to_server(message.body.len());
        let mut cancels = None;
        if message.method == "notifications/cancelled" {
            let id = message.envelope.span(Field::ParamsRequestId);
            let id = id.and_then(|span| text::integer_value(span.of(&message.body)));
            cancels = id.and_then(|id| self.link.in_flight.lock().get(&id).cloned());
            if self.link.kind == HttpKind::Modern {
                // To close its stream is to cancel a request.
                return cancels.iter().for_each(CancellationToken::cancel);
            }
        }
        let listens = match self.link.kind {
            HttpKind::Modern => false,
            HttpKind::Legacy => message.method == "notifications/initialized",
            HttpKind::Sse => true,
        };
        if listens && !std::mem::replace(&mut self.listening, true) {
            let link = self.link.clone();
            match self.link.kind {
                HttpKind::Sse => self.tasks.spawn(async move { sse::listen(&link).await }),
                _ => self.tasks.spawn(async move { stream::listen(&link).await }),
            };
        }
        let link = self.link.clone();
        let cancelled = CancellationToken::new();
        if let Some(id) = message.id {
            link.in_flight.lock().insert(id, cancelled.clone());
        }
        self.tasks.spawn(async move {
            let _ = cancelled.run_until_cancelled(post::post(&link, &message)).await;
            if let Some(id) = message.id {
                link.finished(id);
            }
            // The server knows that the request is cancelled; it need not answer it or end its stream.
            if let Some(request) = cancels {
                request.cancel();
            }
        });
    }

    /// The next thing that happened. Cancel-safe.
    pub(crate) async fn next(&mut self) -> HttpOutput {
        loop {
            tokio::select! {
                biased;
                Some(output) = self.outputs.recv() => return output,
                Some(ended) = self.tasks.join_next() => {
                    if let Err(error) = ended
                        && error.is_panic()
                    {
                        return HttpOutput::Failed("cannot be spoken to: the proxy has failed".to_owned());
                    }
                }
                else => std::future::pending().await,
            }
        }
    }

    /// Ends the link: its streams are closed, and the server is told that a session is over.
    pub(crate) async fn close(mut self) {
        self.tasks.shutdown().await;
        let Some(session) = self.link.session.current().filter(|session| session.id.is_some()) else {
            return;
        };
        let server = &self.link.server;
        let farewell =
            server.request(Method::DELETE, &server.url, session.headers(), Bytes::new(), Accept::Messages);
        // A server may not offer this, and there is nothing to be done if it fails.
        let _ = timeout(FAREWELL, farewell).await;
    }
}

/// Shows no session and no endpoint, whose names are secrets.
impl fmt::Debug for HttpLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpLink").field("kind", &self.link.kind).finish_non_exhaustive()
    }
}

impl Link {
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
