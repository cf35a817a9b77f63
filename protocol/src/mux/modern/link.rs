//! The link to the server process: the handshake, and what a new process is told.

use bytes::Bytes;
use serde_json::Value;

use super::{
    Effect, ModernMux, VERSION,
    filter::{self, Kinds},
    metadata::metadata,
    request::{From, Own},
};
use crate::{
    error::RpcError,
    jsonrpc::{self, Envelope, Field, Kind, Payload},
    mux::ListKind,
    time::Timestamp,
};

/// What the server said it can do, as far as routing depends on it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct ServerCapabilities {
    pub(super) logging: bool,
    /// The lists whose changes it tells.
    pub(super) changes: Kinds,
}

impl ServerCapabilities {
    fn parse(capabilities: &Value) -> Self {
        Self { logging: capabilities["logging"].is_object(), changes: Kinds::advertised(capabilities) }
    }
}

impl<S: Clone, X: Clone> ModernMux<S, X> {
    /// Whether the server has answered `server/discover` and lives.
    pub fn is_up(&self) -> bool {
        self.link.is_up()
    }

    /// Bytes that wait for the link to come up.
    pub fn held_bytes(&self) -> usize {
        self.link.held_bytes()
    }

    /// A process has started: sends it `server/discover`. Ends in [`Effect::Ready`], [`Effect::Refused`] or
    /// [`ModernMux::disconnected`]; the time for it is the driver's to bound.
    pub fn connect(&mut self, now: Timestamp) {
        self.link.connecting();
        let id = self.register(From::Own(Own::Discover), now);
        let params = [br#"{"_meta":{"#, &self.own_metadata()[..], b"}}"].concat();
        let message = jsonrpc::build::request(id.get(), "server/discover", Some(&params));
        self.effects.push_back(Effect::ToServer(message.into()));
    }

    /// The process is gone, or could not be started. Every call in flight is answered with `error`;
    /// subscriptions wait for the next process, unless there has never been one that would serve them.
    pub fn disconnected(&mut self, error: &RpcError) {
        self.link.down();
        self.deadlines.clear();
        self.abandoned.clear();
        self.logging.clear();
        self.callers.clear();
        self.feed.reset();
        self.own = 0;
        let all: Vec<_> = self.in_flight.iter().map(|(id, _)| id).collect();
        for id in all {
            self.withdraw_questions(id);
        }
        for session in self.sessions.values_mut() {
            session.in_flight.clear();
        }
        for request in self.in_flight.drain() {
            match request.from {
                From::Call(call) => self.answer_error(call.to, error, &call.id),
                From::Listen(listen) if self.link.has_been_up() => {
                    let member = listen.member;
                    let from = From::Listen(listen);
                    let id =
                        self.in_flight.insert(super::Request { from, sent: request.sent, deadline: None });
                    self.callers.insert(member, id);
                }
                From::Listen(listen) => self.answer_error(listen.to, error, &listen.id),
                From::Own(_) => {}
            }
        }
        for waiter in self.subscriptions.interrupted() {
            self.answer_error(waiter.to, error, &waiter.id);
        }
    }

    /// The server's answer to our `server/discover`.
    pub(super) fn discovered(&mut self, line: &Bytes, envelope: &Envelope, now: Timestamp) {
        let result = envelope.span(Field::Result).filter(|_| envelope.kind() == Kind::Response);
        let result = result.map_or(&b""[..], |span| span.of(line));
        let discovered: Value = serde_json::from_slice(result).unwrap_or_default();
        let versions = discovered["supportedVersions"].as_array();
        if !versions.is_some_and(|versions| versions.iter().any(|version| version == VERSION)) {
            self.effects.push_back(Effect::Refused { response: Bytes::copy_from_slice(line) });
            return;
        }
        self.capabilities = ServerCapabilities::parse(&discovered["capabilities"]);
        let held = self.link.up();
        for session in self.sessions.values_mut() {
            session.set_server_logs(self.capabilities.logging);
        }
        self.sync_feed(now);
        self.listen_anew();
        for payload in held {
            self.effects.push_back(Effect::ToServer(payload));
        }
        if self.link.is_successor() {
            self.announce_changes();
        }
        self.effects.push_back(Effect::Ready { handshake: Bytes::copy_from_slice(result) });
    }

    /// Tells legacy sessions, and the driver, to list anew: changes may have been missed.
    pub(super) fn announce_changes(&mut self) {
        for kind in self.capabilities.changes.iter() {
            self.list_changed(kind, jsonrpc::build::notification(kind.notification(), None).into());
        }
    }

    /// One copy for each session that has said that it is initialized.
    pub(super) fn list_changed(&mut self, kind: ListKind, message: Payload) {
        let message = message.compact();
        for session in self.sessions.values().filter(|session| session.initialized) {
            let (to, message) = (session.session.clone(), message.clone());
            self.effects.push_back(Effect::Background { to, message });
        }
        self.effects.push_back(Effect::ListChanged(kind));
    }

    /// The members of `_meta` in requests of our own.
    pub(super) fn own_metadata(&self) -> Bytes {
        metadata(Bytes::from_static(b"{}"), Some(self.identity.clone()), None).into_text()
    }

    /// A notification of the subscription with this raw id that a list has changed.
    pub(super) fn tagged_change(kind: ListKind, id: &[u8]) -> Payload {
        jsonrpc::build::notification(kind.notification(), Some(&filter::tag(id))).into()
    }
}
