//! Many clients on one server process that opens with `initialize` (up to revision 2025-11-25).
//!
//! A value, not a task: messages and events go in, [`Effect`]s come out of [`Mux::poll_effect`], time is an
//! argument. `S` is the driver's handle of a session, `X` its handle of one request's exchange.
//!
//! ```text
//!                attach ─▶ member ──┐                        ┌─▶ Answer / Related (an exchange's stream)
//!   client ──▶ request, notification ├─▶ id, token, … ──▶ ToServer ──▶ process
//!                response ───────────┘        ▲           ┌──────────────┘
//!                                             └── server_message ──▶ Background (a session's stream)
//! ```
//!
//! The link to the process:
//! ```text
//!            connect            result of initialize
//!   Down ─────────────▶ Connecting ─────────────────▶ Up
//!    ▲                       │                        │
//!    └───── disconnected ────┴──── disconnected ──────┘
//! ```
//! While it is not up, messages for the server are held and go out in order once it is. When the process
//! dies every request in flight is answered, and sessions stay: the next process gets `initialize`,
//! `initialized`, the log level and the subscriptions again, and clients are told to list anew.

mod clients;
mod link;
mod member;
mod request;
mod server;
mod subscriptions;

use std::collections::{BTreeMap, VecDeque};

use super::{
    DropReason, Effect, MemberKey, MuxLimits, Overloaded,
    abandoned::Abandoned,
    deadlines::Deadlines,
    in_flight::{InFlight, WireId},
    level::Level,
    questions::Questions,
    retain, same,
};
use crate::{
    error::{RpcError, code},
    jsonrpc::{self, Payload},
    time::Timestamp,
};
use link::{Link, ServerCapabilities};
use member::Member;
use request::{From, Own, Request};
use subscriptions::Subscriptions;

/// Whether a process serves one session or many.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Sharing {
    /// One session: everything crosses, in both directions.
    Exclusive,
    /// Many sessions: what cannot be attributed to one of them is refused or dropped.
    Shared,
}

/// See the module's documentation.
#[derive(Debug)]
pub struct LegacyMux<S, X> {
    sharing: Sharing,
    limits: MuxLimits,
    link: Link,
    capabilities: ServerCapabilities,
    /// In the order in which they were attached.
    members: BTreeMap<MemberKey, Member<S>>,
    attached: u64,
    /// Members with requests in flight.
    busy: usize,
    in_flight: InFlight<Request<X>>,
    deadlines: Deadlines,
    abandoned: Abandoned,
    subscriptions: Subscriptions<X>,
    questions: Questions,
    /// The level that the process was last asked for.
    level: Option<Level>,
    effects: VecDeque<Effect<S, X>>,
}

impl<S: Clone, X: Clone> LegacyMux<S, X> {
    /// A multiplexer without a process and without sessions.
    pub fn new(sharing: Sharing, limits: MuxLimits) -> Self {
        Self {
            sharing,
            limits,
            link: Link::default(),
            capabilities: ServerCapabilities::default(),
            members: BTreeMap::new(),
            attached: 0,
            busy: 0,
            in_flight: InFlight::default(),
            deadlines: Deadlines::default(),
            abandoned: Abandoned::default(),
            subscriptions: Subscriptions::default(),
            questions: Questions::default(),
            level: None,
            effects: VecDeque::new(),
        }
    }

    /// The next effect to perform. After every input, all effects are to be taken.
    pub fn poll_effect(&mut self) -> Option<Effect<S, X>> {
        self.effects.pop_front()
    }

    /// Requests that wait for the server.
    pub fn in_flight(&self) -> usize {
        self.in_flight.len()
    }

    /// Attached sessions.
    pub fn members(&self) -> usize {
        self.members.len()
    }

    /// Whether the process could be stopped now without a client noticing: nothing is in flight in either
    /// direction and nobody is subscribed to anything.
    pub fn is_idle(&self) -> bool {
        self.in_flight.len() == 0 && self.questions.is_empty() && self.subscriptions.is_empty()
    }

    /// When [`Mux::expire`] is to be called next.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        self.deadlines.next()
    }

    /// Ends the requests whose time is over: the client gets an error, the server a cancellation.
    pub fn expire(&mut self, now: Timestamp) {
        while let Some(id) = self.deadlines.due(now) {
            let Some(request) = self.in_flight.get(id) else { continue };
            let asked = match &request.from {
                From::Client(client) => self.questions.any_of(client.member),
                From::Own(_) => false,
            };
            let deadline = match asked {
                true => self.limits.extended(request.sent, now),
                false => request.deadline,
            };
            if deadline > now {
                self.deadlines.push(deadline, id);
                continue;
            }
            let timeout = self.limits.request_timeout.as_secs_f32();
            let error =
                RpcError::new(code::TIMED_OUT, format!("the server did not answer within {timeout} s"));
            self.cancel_upstream(id, "timed out", now);
            self.fail(id, &error, now);
        }
    }

    /// Starts the time of a session's requests anew: a question to its client is open no more, and it
    /// cannot be told which of them waited for it.
    fn extend_all_of(&mut self, key: MemberKey, now: Timestamp) {
        let ids = self.members.get(&key).map_or(&[][..], |member| &member.in_flight[..]);
        for id in ids {
            if let Some(request) = self.in_flight.get_mut(*id) {
                request.deadline = self.limits.extended(request.sent, now);
            }
        }
    }

    /// Registers a request; returns its id on the wire.
    fn register(&mut self, from: From<X>, now: Timestamp) -> WireId {
        let deadline = now.after(self.limits.request_timeout);
        let member = match &from {
            From::Client(client) => Some(client.member),
            From::Own(_) => None,
        };
        // The time for a handshake is the driver's to bound, and it must not be cancelled.
        let endless = matches!(from, From::Own(Own::Initialize));
        let id = self.in_flight.insert(Request { from, sent: now, deadline });
        if !endless {
            let Self { deadlines, in_flight, .. } = self;
            deadlines.push(deadline, id);
            deadlines.prune(in_flight.len(), |id| in_flight.get(id).is_some());
        }
        if let Some(member) = member.and_then(|key| self.members.get_mut(&key)) {
            self.busy += usize::from(member.in_flight.is_empty());
            member.in_flight.push(id);
        }
        id
    }

    /// Removes a request from the tables.
    fn unregister(&mut self, id: WireId) -> Option<Request<X>> {
        let request = self.in_flight.remove(id)?;
        if let From::Client(client) = &request.from
            && let Some(member) = self.members.get_mut(&client.member)
        {
            member.forget(id);
            self.busy -= usize::from(member.in_flight.is_empty());
        }
        Some(request)
    }

    /// Ends a request with an error to whoever waits for it.
    fn fail(&mut self, id: WireId, error: &RpcError, now: Timestamp) {
        match self.unregister(id).map(|request| request.from) {
            Some(From::Client(client)) => self.answer_error(client.to, error, &client.id),
            Some(From::Own(Own::Subscribe(uri))) => {
                for waiter in self.subscriptions.refused(&uri) {
                    self.answer_error(waiter.to, error, &waiter.id);
                }
                // It may have subscribed all the same.
                self.unsubscribe_upstream(&uri, now);
            }
            Some(From::Own(_)) | None => {}
        }
    }

    fn answer(&mut self, to: X, message: impl Into<Payload>) {
        self.effects.push_back(Effect::Answer { to, message: message.into(), error: None });
    }

    fn answer_error(&mut self, to: X, error: &RpcError, id: &[u8]) {
        let message = error.to_response(Some(id)).into();
        self.effects.push_back(Effect::Answer { to, message, error: Some(error.code) });
    }

    fn drop_message(&mut self, reason: DropReason) {
        self.effects.push_back(Effect::Dropped(reason));
    }

    /// Sends a line to the server, or holds it until there is one.
    fn send(&mut self, payload: impl Into<Payload>) {
        self.send_as(None, payload.into());
    }

    fn send_as(&mut self, request: Option<WireId>, payload: Payload) {
        if let Some(payload) = self.link.hold(request, payload) {
            self.effects.push_back(Effect::ToServer(payload));
        }
    }

    /// Answers the server. That does not wait for the handshake: the server may wait for it before it
    /// answers ours.
    fn reply(&mut self, payload: impl Into<Payload>) {
        if self.link.has_process() {
            self.effects.push_back(Effect::ToServer(payload.into()));
        }
    }

    /// Sends a request of our own.
    fn send_own(&mut self, own: Own, method: &str, params: &[u8], now: Timestamp) {
        let id = self.register(From::Own(own), now);
        self.send_as(Some(id), jsonrpc::build::request(id.get(), method, Some(params)).into());
    }

    /// Tells the server that nobody waits for the answer; or, if it does not know the request yet, never
    /// tells it the request.
    fn cancel_upstream(&mut self, id: WireId, reason: &str, now: Timestamp) {
        if !self.link.withdraw(id) {
            self.abandon(id, now);
            let params = format!(r#"{{"requestId":{},"reason":"{reason}"}}"#, id.get());
            self.send(jsonrpc::build::notification("notifications/cancelled", Some(params.as_bytes())));
        }
    }

    /// The server may still be at work on a request that nobody waits for any more.
    fn abandon(&mut self, id: WireId, now: Timestamp) {
        if let Some(client) = self.in_flight.client(id) {
            self.abandoned.push(id, client.member, now.after(self.limits.request_timeout));
        }
    }

    /// The most verbose level that any session asked for.
    fn wanted_level(&self) -> Option<Level> {
        self.members.values().filter_map(|member| member.level).min()
    }

    /// Asks the server for the level that the sessions want, when it differs.
    fn sync_level(&mut self, now: Timestamp) {
        // A server of one session's own has agreed to the level; a shared one is asked only if it logs.
        if self.sharing == Sharing::Shared && !self.capabilities.logging {
            return;
        }
        let wanted = self.wanted_level();
        if let Some(level) = wanted.filter(|_| self.link.is_up() && wanted != self.level) {
            self.level = wanted;
            let params = format!(r#"{{"level":"{}"}}"#, level.as_str());
            self.send_own(Own::Upkeep, "logging/setLevel", params.as_bytes(), now);
        }
    }
}

fn uri_params(uri: &str) -> String {
    format!(r#"{{"uri":{}}}"#, jsonrpc::text::quote(uri))
}
