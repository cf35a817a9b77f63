//! Many clients on one server process that opens with `initialize` (up to revision 2025-11-25).
//!
//! A value, not a task: messages and events go in, [`Effect`]s come out of [`LegacyMux::poll_effect`], time is an
//! argument. `S` is the driver's handle of a session, `X` its handle of one request's exchange.
//!
//! ```text
//!                attach ─▶ member ──┐                        ┌─▶ Answer / Related (an exchange's stream)
//!   client ──▶ request, notification ├─▶ id, token, … ──▶ ToServer ──▶ process
//!                response ───────────┘        ▲           ┌──────────────┘
//!                                             └── server_message ──▶ Background (a session's stream)
//! ```
//!
//! A modern client (2026-07-28) has no session: each of its requests is a member by itself, for as long as it
//! lives ([`LegacyMux::call`], [`LegacyMux::listen`]). Its answers are completed with what the server does not know
//! of. What the server asks meanwhile parks the call until the client comes back ([`LegacyMux::resume`]); that
//! takes a process that calls have for themselves, one after the other.
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

mod ability;
mod calls;
mod clients;
mod complete;
mod dialogue;
mod link;
mod listeners;
mod member;
mod parked;
mod request;
mod server;

use std::collections::{BTreeMap, VecDeque};

use super::{
    DropReason, Effect, ListKind, MemberKey, MuxLimits, Overloaded,
    abandoned::Abandoned,
    deadlines::Deadlines,
    in_flight::{InFlight, WireId},
    level::Level,
    link::Link,
    questions::Questions,
    retain, same,
    subscriptions::Subscriptions,
};
use crate::{
    error::{RpcError, code},
    jsonrpc::{self, Payload},
    time::Timestamp,
};
use complete::Completion;
use link::ServerCapabilities;
use listeners::Listener;
use member::Member;
use parked::Returned;
use request::{ClientRequest, From, Own, Request};

/// Whether a process serves one client at a time or many.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Sharing {
    /// One session, or one modern call at a time: everything crosses, in both directions.
    Exclusive,
    /// Many clients: what cannot be attributed to one of them is refused or dropped.
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
    /// A session has been attached: an exclusive process is its own, not one that calls have in turn.
    has_session: bool,
    /// Modern clients' requests in flight.
    calls: BTreeMap<MemberKey, WireId>,
    /// Calls that the server has asked something, and until when nothing more must be asked for them to be
    /// parked. One that is over by then is passed over.
    gathering: Vec<(WireId, Timestamp)>,
    /// Parked calls that have been answered.
    returned: BTreeMap<MemberKey, Returned<X>>,
    completion: Completion,
    listeners: BTreeMap<MemberKey, Listener<X>>,
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
            has_session: false,
            calls: BTreeMap::new(),
            gathering: Vec::new(),
            returned: BTreeMap::new(),
            completion: Completion::default(),
            listeners: BTreeMap::new(),
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

    /// Other limits from now on; what is in flight keeps the deadline that it has.
    pub fn set_limits(&mut self, limits: MuxLimits) {
        self.limits = limits;
    }

    /// The next effect to perform. After every input, all effects are to be taken.
    pub fn poll_effect(&mut self) -> Option<Effect<S, X>> {
        self.effects.pop_front()
    }

    /// Requests that wait for the server, or for a modern client to come back.
    pub fn in_flight(&self) -> usize {
        self.in_flight.len() + self.returned.len()
    }

    /// Whether no further request is taken.
    fn is_full(&self) -> bool {
        self.in_flight() + self.subscriptions.waiting() >= self.limits.in_flight
    }

    fn new_key(&mut self) -> MemberKey {
        self.attached += 1;
        MemberKey(self.attached)
    }

    /// Attached sessions.
    pub fn members(&self) -> usize {
        self.members.len()
    }

    /// Whether the process could be stopped now without a client noticing: nothing is in flight in either
    /// direction and nobody is subscribed to anything.
    pub fn is_idle(&self) -> bool {
        self.in_flight() == 0 && self.questions.is_empty() && self.subscriptions.is_empty()
    }

    /// When [`LegacyMux::expire`] is to be called next.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        // Whether a process is quiet again matters where calls have it in turn.
        let quiet = self.abandoned.next().filter(|_| self.is_leased());
        let silences = self.gathering.iter().map(|(_, until)| *until);
        self.deadlines.next().into_iter().chain(quiet).chain(silences).min()
    }

    /// Ends the requests whose time is over: the client gets an error, the server a cancellation.
    pub fn expire(&mut self, now: Timestamp) {
        self.abandoned.expire(now);
        self.end_silences(now);
        while let Some(id) = self.deadlines.due(now) {
            let Some(request) = self.in_flight.get_mut(id) else { continue };
            if let From::Client(ClientRequest { call: Some(call), .. }) = &mut request.from
                && call.dialogue.suspends()
            {
                continue;
            }
            let asked = match &request.from {
                From::Client(client) => self.questions.any_of(client.member),
                From::Own(_) | From::Driver { .. } => false,
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
        let client = match &from {
            From::Client(client) => Some((client.member, client.call.is_some())),
            From::Own(_) | From::Driver { .. } => None,
        };
        // The time for a handshake is the driver's to bound, and it must not be cancelled.
        let endless = matches!(from, From::Own(Own::Initialize));
        let id = self.in_flight.insert(Request { from, sent: now, deadline });
        if !endless {
            let Self { deadlines, in_flight, .. } = self;
            deadlines.push(deadline, id);
            deadlines.prune(in_flight.len(), |id| in_flight.get(id).is_some());
        }
        match client {
            Some((key, true)) => {
                self.busy += 1;
                self.calls.insert(key, id);
            }
            Some((key, false)) => {
                if let Some(member) = self.members.get_mut(&key) {
                    self.busy += usize::from(member.in_flight.is_empty());
                    member.in_flight.push(id);
                }
            }
            None => {}
        }
        id
    }

    /// Removes a request from the tables.
    fn unregister(&mut self, id: WireId) -> Option<Request<X>> {
        let request = self.in_flight.remove(id)?;
        let From::Client(client) = &request.from else { return Some(request) };
        if client.call.is_some() {
            self.busy -= 1;
            self.calls.remove(&client.member);
        } else if let Some(member) = self.members.get_mut(&client.member) {
            member.forget(id);
            self.busy -= usize::from(member.in_flight.is_empty());
        }
        Some(request)
    }

    /// Ends a request with an error to whoever waits for it.
    fn fail(&mut self, id: WireId, error: &RpcError, now: Timestamp) {
        match self.unregister(id).map(|request| request.from) {
            Some(From::Client(client)) => {
                self.answer_error(client.to, error, &client.id);
                if client.call.is_some_and(|call| call.level.is_some()) {
                    self.sync_level(now);
                }
            }
            Some(From::Own(Own::Subscribe(uri))) => {
                for waiter in self.subscriptions.refused(&uri) {
                    if let Some(waiter) = self.settle(&uri, waiter, false) {
                        self.answer_error(waiter.to, error, &waiter.id);
                    }
                }
                // It may have subscribed all the same.
                self.unsubscribe_upstream(&uri, now);
            }
            Some(From::Driver { to, id }) => self.answer_error(to, error, &id),
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

    /// Whether one session has the process for itself.
    fn is_owned(&self) -> bool {
        self.sharing == Sharing::Exclusive && self.has_session
    }

    /// Whether modern calls have the process for themselves, one after the other.
    fn is_leased(&self) -> bool {
        self.sharing == Sharing::Exclusive && !self.has_session
    }

    /// The most verbose level that any session or call asked for.
    fn wanted_level(&self) -> Option<Level> {
        let calls = self.calls.values().filter_map(|id| self.in_flight.client(*id)?.call.as_ref()?.level);
        self.members.values().filter_map(|member| member.level).chain(calls).min()
    }

    /// Asks the server for the level that the sessions want, when it differs.
    fn sync_level(&mut self, now: Timestamp) {
        // A server of one session's own has agreed to the level; another is asked only if it logs.
        if !self.capabilities.logging && !self.is_owned() {
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
