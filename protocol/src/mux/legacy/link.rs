//! The link to the server process: the handshake, and what a new process is told.

use bytes::Bytes;
use serde_json::Value;

use super::{Effect, LegacyMux, ListKind, Own, Sharing, complete::Completion, uri_params};
use crate::{
    error::RpcError,
    jsonrpc::{self, Envelope, Field, Kind, Payload},
    time::Timestamp,
};

/// What the server said it can do, as far as routing depends on it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct ServerCapabilities {
    pub(super) logging: bool,
    pub(super) tasks: bool,
    tools_change: bool,
    prompts_change: bool,
    resources_change: bool,
    /// Resources can be subscribed to.
    pub(super) subscribe: bool,
}

impl ServerCapabilities {
    fn parse(raw: &[u8]) -> Self {
        let value: Value = serde_json::from_slice(raw).unwrap_or_default();
        let changes = |kind: &str| value[kind]["listChanged"] == Value::Bool(true);
        Self {
            logging: value["logging"].is_object(),
            tasks: value["tasks"].is_object(),
            tools_change: changes("tools"),
            prompts_change: changes("prompts"),
            resources_change: changes("resources"),
            subscribe: value["resources"]["subscribe"] == Value::Bool(true),
        }
    }

    /// Whether the server tells when this list changes.
    pub(super) fn changes(self, kind: ListKind) -> bool {
        match kind {
            ListKind::Tools => self.tools_change,
            ListKind::Prompts => self.prompts_change,
            ListKind::Resources => self.resources_change,
        }
    }

    /// The lists whose changes the server tells.
    pub(super) fn list_changes(self) -> impl Iterator<Item = ListKind> {
        ListKind::ALL.into_iter().filter(move |kind| self.changes(*kind))
    }
}

impl<S: Clone, X: Clone> LegacyMux<S, X> {
    /// Whether the server has answered `initialize` and lives.
    pub fn is_up(&self) -> bool {
        self.link.is_up()
    }

    /// Bytes that wait for the link to come up.
    pub fn held_bytes(&self) -> usize {
        self.link.held_bytes()
    }

    /// A process has started: sends it `initialize` with these raw params. Ends in [`Effect::Ready`],
    /// [`Effect::Refused`] or [`LegacyMux::disconnected`]; the time for it is the driver's to bound.
    pub fn connect(&mut self, initialize_params: &[u8], now: Timestamp) {
        self.link.connecting();
        let id = self.register(super::From::Own(Own::Initialize), now);
        let message = jsonrpc::build::request(id.get(), "initialize", Some(initialize_params));
        self.effects.push_back(Effect::ToServer(message.into()));
    }

    /// The process is gone, or could not be started. Everything in flight is answered with `error`.
    pub fn disconnected(&mut self, error: &RpcError) {
        self.link.down();
        self.level = None;
        self.deadlines.clear();
        self.abandoned.clear();
        self.busy = 0;
        for member in self.members.values_mut() {
            member.in_flight.clear();
        }
        self.calls.clear();
        for request in self.in_flight.drain() {
            match request.from {
                super::From::Client(client) if client.is_parked() => self.keep_error(error, client),
                super::From::Client(client) => self.answer_error(client.to, error, &client.id),
                super::From::Driver { to, id } => self.answer_error(to, error, &id),
                super::From::Own(_) => {}
            }
        }
        for waiter in self.subscriptions.interrupted() {
            // The next process is asked for what a listener has not been granted yet.
            if !self.listeners.contains_key(&waiter.member) {
                self.answer_error(waiter.to, error, &waiter.id);
            }
        }
        for (id, member) in self.questions.take_all() {
            let params = format!(r#"{{"requestId":{id},"reason":"the server is gone"}}"#);
            let message = jsonrpc::build::notification("notifications/cancelled", Some(params.as_bytes()));
            self.background(member, message.into());
        }
    }

    /// The server's answer to our `initialize`.
    pub(super) fn handshake_answered(&mut self, line: &Bytes, envelope: &Envelope, now: Timestamp) {
        let Some(result) = envelope.span(Field::Result).filter(|_| envelope.kind() == Kind::Response) else {
            self.effects.push_back(Effect::Refused { response: line.clone() });
            return;
        };
        let capabilities = envelope.span(Field::ResultCapabilities).map_or(&b"{}"[..], |span| span.of(line));
        self.capabilities = ServerCapabilities::parse(capabilities);
        let server_info = envelope.span(Field::ResultServerInfo).map(|span| span.of(line));
        self.completion = Completion::new(server_info);
        let held = self.link.up();
        self.send(jsonrpc::build::notification("notifications/initialized", None));
        self.sync_level(now);
        let uris: Vec<String> = self.subscriptions.uris().map(uri_params).collect();
        for params in uris {
            self.send_own(Own::Upkeep, "resources/subscribe", params.as_bytes(), now);
        }
        for payload in held {
            self.effects.push_back(Effect::ToServer(payload));
        }
        if self.link.is_successor() {
            for kind in self.capabilities.list_changes() {
                self.broadcast(jsonrpc::build::notification(kind.notification(), None).into());
            }
        }
        let handshake = Bytes::copy_from_slice(result.of(line));
        self.effects.push_back(Effect::Ready { handshake });
        self.listeners_have_a_server(now);
    }

    /// One copy for each session that has said that it is initialized; an exclusive one may not have
    /// said so yet, and has nobody to be confused with.
    pub(super) fn broadcast(&mut self, message: Payload) {
        let message = message.compact();
        for member in self.members.values() {
            if member.initialized || self.sharing == Sharing::Exclusive {
                let (to, message) = (member.session.clone(), message.clone());
                self.effects.push_back(Effect::Background { to, message });
            }
        }
    }
}
