//! The link to the server process: its states, the handshake, and what a new process is told.

use std::collections::VecDeque;

use bytes::Bytes;
use serde_json::Value;

use super::{Effect, LegacyMux, Own, Sharing, WireId, uri_params};
use crate::{
    error::RpcError,
    jsonrpc::{self, Envelope, Field, Kind, Payload},
    time::Timestamp,
};

/// See the drawing in the parent module.
#[derive(Debug, Default)]
pub(super) struct Link {
    state: State,
    /// Lines for the server, in order, with the ids of those that are requests; empty while the link is up.
    held: VecDeque<(Option<WireId>, Payload)>,
    held_bytes: usize,
    /// Handshakes completed.
    handshakes: u64,
}

#[derive(Debug, Default, Eq, PartialEq)]
enum State {
    #[default]
    Down,
    Connecting,
    Up,
}

impl Link {
    pub(super) fn is_up(&self) -> bool {
        self.state == State::Up
    }

    /// Whether there is a process, though it may not have answered `initialize` yet.
    pub(super) fn has_process(&self) -> bool {
        self.state != State::Down
    }

    /// Whether any process has ever answered `initialize`.
    pub(super) fn has_been_up(&self) -> bool {
        self.handshakes > 0
    }

    /// Whether there is a process, or something waits for one.
    pub(super) fn is_wanted(&self) -> bool {
        self.has_process() || !self.held.is_empty()
    }

    /// Keeps the line while the link is not up, else gives it back.
    pub(super) fn hold(&mut self, request: Option<WireId>, payload: Payload) -> Option<Payload> {
        if self.is_up() {
            return Some(payload);
        }
        self.held_bytes += payload.len();
        self.held.push_back((request, payload));
        None
    }

    /// Forgets a request that is still held; false if it is not.
    pub(super) fn withdraw(&mut self, id: WireId) -> bool {
        let Some(position) = self.held.iter().position(|(held, _)| *held == Some(id)) else { return false };
        self.held_bytes -= self.held.remove(position).map_or(0, |(_, payload)| payload.len());
        true
    }

    fn release(&mut self) -> impl Iterator<Item = Payload> + use<> {
        self.held_bytes = 0;
        std::mem::take(&mut self.held).into_iter().map(|(_, payload)| payload)
    }
}

/// What the server said it can do, as far as routing depends on it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct ServerCapabilities {
    pub(super) logging: bool,
    pub(super) tasks: bool,
    tools_change: bool,
    prompts_change: bool,
    resources_change: bool,
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
        }
    }

    fn list_changes(self) -> impl Iterator<Item = &'static str> {
        [
            (self.tools_change, "notifications/tools/list_changed"),
            (self.prompts_change, "notifications/prompts/list_changed"),
            (self.resources_change, "notifications/resources/list_changed"),
        ]
        .into_iter()
        .filter_map(|(changes, method)| changes.then_some(method))
    }
}

impl<S: Clone, X: Clone> LegacyMux<S, X> {
    /// Whether the server has answered `initialize` and lives.
    pub fn is_up(&self) -> bool {
        self.link.is_up()
    }

    /// Bytes that wait for the link to come up.
    pub fn held_bytes(&self) -> usize {
        self.link.held_bytes
    }

    /// A process has started: sends it `initialize` with these raw params. Ends in [`Effect::Ready`],
    /// [`Effect::Refused`] or [`Mux::disconnected`]; the time for it is the driver's to bound.
    pub fn connect(&mut self, initialize_params: &[u8], now: Timestamp) {
        debug_assert!(self.link.state == State::Down, "connect without disconnected");
        self.link.state = State::Connecting;
        let id = self.register(super::From::Own(Own::Initialize), now);
        let message = jsonrpc::build::request(id.get(), "initialize", Some(initialize_params));
        self.effects.push_back(Effect::ToServer(message.into()));
    }

    /// The process is gone, or could not be started. Everything in flight is answered with `error`.
    pub fn disconnected(&mut self, error: &RpcError) {
        self.link.state = State::Down;
        drop(self.link.release());
        self.level = None;
        self.deadlines.clear();
        self.abandoned.clear();
        self.busy = 0;
        for member in self.members.values_mut() {
            member.in_flight.clear();
        }
        for request in self.in_flight.drain() {
            if let super::From::Client(client) = request.from {
                self.answer_error(client.to, error, &client.id);
            }
        }
        for waiter in self.subscriptions.interrupted() {
            self.answer_error(waiter.to, error, &waiter.id);
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
        self.link.state = State::Up;
        self.link.handshakes += 1;
        self.send(jsonrpc::build::notification("notifications/initialized", None));
        self.sync_level(now);
        let uris: Vec<String> = self.subscriptions.uris().map(uri_params).collect();
        for params in uris {
            self.send_own(Own::Upkeep, "resources/subscribe", params.as_bytes(), now);
        }
        for payload in self.link.release() {
            self.effects.push_back(Effect::ToServer(payload));
        }
        if self.link.handshakes > 1 {
            for method in self.capabilities.list_changes() {
                self.broadcast(jsonrpc::build::notification(method, None).into());
            }
        }
        let handshake = Bytes::copy_from_slice(result.of(line));
        self.effects.push_back(Effect::Ready { handshake });
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
