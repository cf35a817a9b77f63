//! The link as its owner sees it: messages in, messages and ends out. Starts the tasks between.

use std::{fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use http::Method;
use tokio::{sync::mpsc, task::JoinSet, time::timeout};
use tokio_util::sync::CancellationToken;
use waggle_protocol::jsonrpc::{Field, Payload, text};

use super::{
    link::{HttpKind, HttpOutput, Link},
    outgoing::Outgoing,
    post,
    request::Accept,
    server::HttpServer,
    sse, stream,
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

impl HttpServer {
    /// A link of that kind. Nothing is sent before the first message.
    pub(crate) fn open(self: &Arc<Self>, kind: HttpKind) -> HttpLink {
        let (sender, outputs) = mpsc::channel(OUTPUTS);
        let link = Arc::new(Link::new(self.clone(), kind, sender));
        HttpLink { link, outputs, tasks: JoinSet::new(), listening: false }
    }
}

impl HttpLink {
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
            cancels = id.and_then(|id| self.link.in_flight(id));
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
            link.started(id, cancelled.clone());
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
