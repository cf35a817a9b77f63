//! The session of a legacy server: what names it, and how it is replaced when the server has lost it.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use parking_lot::Mutex;
use tokio::sync::watch;
use waggle_protocol::{
    jsonrpc::{self, Envelope, Field, Kind, text},
    version::ProtocolVersion,
};

use super::{
    headers::{PROTOCOL_VERSION, SESSION_ID},
    outgoing::Outgoing,
    quiet,
    server::HttpServer,
    trouble::{Cause, Trouble},
};

/// What names the session in each request.
#[derive(Debug)]
pub(super) struct Tokens {
    /// Counts the sessions of this link.
    generation: u64,
    /// None for a server without sessions.
    pub(super) id: Option<HeaderValue>,
    /// Named from 2025-06-18 on.
    version: Option<HeaderValue>,
}

impl Tokens {
    pub(super) fn headers(&self) -> HeaderMap {
        let named = [(SESSION_ID, &self.id), (PROTOCOL_VERSION, &self.version)];
        named.into_iter().filter_map(|(name, value)| Some((name, value.clone()?))).collect()
    }
}

/// The session and what it takes to have another like it.
#[derive(Debug, Default)]
pub(super) struct Session {
    state: Mutex<State>,
    /// The session, once the server has taken `notifications/initialized`.
    ready: watch::Sender<Option<Arc<Tokens>>>,
    renewing: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct State {
    /// There from the head of the answer to `initialize` on.
    current: Option<Arc<Tokens>>,
    initialize: Bytes,
    /// The raw result of `initialize`.
    handshake: Bytes,
    initialized: Bytes,
    /// The last `logging/setLevel` that the server took.
    level: Option<Bytes>,
    /// The server keeps something for this session that another would not have.
    stateful: bool,
}

impl Session {
    /// The session, though the handshake may not be over yet.
    pub(super) fn current(&self) -> Option<Arc<Tokens>> {
        self.state.lock().current.clone()
    }

    /// Waits for a session that takes any request.
    pub(super) async fn ready(&self) -> Arc<Tokens> {
        self.another_than(None).await
    }

    /// Waits for a session that takes any request and is not `old`.
    pub(super) async fn another_than(&self, old: Option<&Tokens>) -> Arc<Tokens> {
        let old = old.map(|tokens| tokens.generation);
        let mut ready = self.ready.subscribe();
        let wanted = |tokens: &Option<Arc<Tokens>>| {
            tokens.as_ref().is_some_and(|tokens| Some(tokens.generation) != old)
        };
        let tokens = ready.wait_for(wanted).await.ok().and_then(|tokens| tokens.clone());
        match tokens {
            Some(tokens) => tokens,
            // The sender lives as long as the session.
            None => std::future::pending().await,
        }
    }

    /// The head of the answer to `initialize` has come.
    pub(super) fn named(&self, id: Option<&HeaderValue>) {
        let tokens = Tokens { generation: 0, id: id.cloned().map(secret), version: None };
        self.state.lock().current = Some(Arc::new(tokens));
    }

    /// The server has answered a request: notes what matters to the session.
    pub(super) fn answered(&self, request: &Outgoing, line: &Bytes, envelope: &Envelope) {
        if envelope.kind() == Kind::Error {
            return;
        }
        let mut state = self.state.lock();
        match &*request.method {
            "initialize" => {
                state.initialize = request.body.clone();
                state.handshake = handshake(line, envelope);
                let id = state.current.as_ref().and_then(|named| named.id.clone());
                let version = version(line, envelope);
                state.current = Some(Arc::new(Tokens { generation: 0, id, version }));
            }
            "logging/setLevel" => state.level = Some(request.body.clone()),
            "resources/subscribe" => state.stateful = true,
            method if method.starts_with("tasks/") => state.stateful = true,
            _ => {}
        }
    }

    /// The server has taken `notifications/initialized`.
    pub(super) fn open(&self, initialized: &Bytes) {
        let mut state = self.state.lock();
        state.initialized = initialized.clone();
        self.ready.send_replace(state.current.clone());
    }

    /// Starts another session in place of `lost`, if nobody can tell the difference.
    ///
    /// # Errors
    /// Something was kept in the session or is `under_way` in it, or the server is not what it was: whoever uses the
    /// link must start over.
    pub(super) async fn renew(
        &self,
        server: &HttpServer,
        under_way: impl FnOnce() -> bool,
        lost: &Arc<Tokens>,
    ) -> Result<Arc<Tokens>, Trouble> {
        let _renewing = self.renewing.lock().await;
        let (initialize, initialized, before, level) = {
            let state = self.state.lock();
            if let Some(current) = state.current.as_ref().filter(|now| now.generation != lost.generation) {
                return Ok(current.clone());
            }
            if state.stateful || under_way() {
                return Err(Trouble::session_lost());
            }
            (
                state.initialize.clone(),
                state.initialized.clone(),
                state.handshake.clone(),
                state.level.clone(),
            )
        };
        let closed = Closed { session: self, reopens_with: Some(lost.clone()) };
        self.ready.send_replace(None);
        let not_again = |trouble: Trouble| Trouble {
            text: format!("has ended the session, and begins no other: it {}", trouble.text),
            cause: Cause::SessionLost,
            ..trouble
        };
        let (line, id) = quiet::ask(server, &initialize, HeaderMap::new()).await.map_err(not_again)?;
        let changed =
            || Trouble { text: "has ended the session and changed".to_owned(), ..Trouble::session_lost() };
        let envelope = jsonrpc::scan(&line).map_err(|_| changed())?;
        if handshake(&line, &envelope) != before {
            return Err(changed());
        }
        let (generation, version) = (lost.generation + 1, version(&line, &envelope));
        let tokens = Arc::new(Tokens { generation, id: id.map(secret), version });
        quiet::tell(server, &initialized, tokens.headers()).await.map_err(not_again)?;
        if let Some(level) = level {
            quiet::ask(server, &level, tokens.headers()).await.map_err(not_again)?;
        }
        self.state.lock().current = Some(tokens.clone());
        closed.reopen(tokens.clone());
        tracing::info!("the server has ended the session; another has taken its place");
        Ok(tokens)
    }
}

/// A session that takes no request while another takes its place. If that is given up half-way, because the request
/// that it is for is cancelled, the next request meets the lost session and starts over.
struct Closed<'a> {
    session: &'a Session,
    reopens_with: Option<Arc<Tokens>>,
}

impl Closed<'_> {
    fn reopen(mut self, tokens: Arc<Tokens>) {
        self.reopens_with = Some(tokens);
    }
}

impl Drop for Closed<'_> {
    fn drop(&mut self) {
        self.session.ready.send_replace(self.reopens_with.take());
    }
}

fn secret(mut id: HeaderValue) -> HeaderValue {
    id.set_sensitive(true);
    id
}

/// A copy of the raw result, which does not keep the whole response alive.
fn handshake(line: &[u8], envelope: &Envelope) -> Bytes {
    envelope.span(Field::Result).map_or_else(Bytes::new, |span| Bytes::copy_from_slice(span.of(line)))
}

/// The negotiated revision, if requests have to name it.
fn version(line: &[u8], envelope: &Envelope) -> Option<HeaderValue> {
    let version = text::string_value(envelope.span(Field::ResultProtocolVersion)?.of(line))?;
    let named = ProtocolVersion::parse(&version).is_none_or(ProtocolVersion::binds_version_header);
    HeaderValue::from_str(&version).ok().filter(|_| named)
}
