//! Many clients' sessions on one server process, up to revision 2025-11-25.
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
mod effect;
mod in_flight;
mod level;
mod link;
mod member;
mod questions;
mod server;
mod subscriptions;

use std::{collections::VecDeque, time::Duration};

use bytes::Bytes;

pub use effect::{DropReason, Effect};
pub use member::MemberKey;

use crate::{
    error::{RpcError, code},
    jsonrpc::{self, Payload, Span},
    time::Timestamp,
};
use in_flight::{From, InFlight, Own, Request, WireId};
use level::Level;
use link::{Link, ServerCapabilities};
use member::Member;
use questions::Questions;
use subscriptions::Subscriptions;

/// Whether a process serves one session or many.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Sharing {
    /// One session: everything crosses, in both directions.
    Exclusive,
    /// Many sessions: what cannot be attributed to one of them is refused or dropped.
    Shared,
}

/// Bounds of a multiplexer.
#[derive(Clone, Copy, Debug)]
pub struct MuxLimits {
    /// Requests that may wait for the server at once.
    pub in_flight: usize,
    /// How long a request may wait. Progress, or a question to the client, starts the time anew, up to
    /// [`MuxLimits::MAX_EXTENSION`] times.
    pub request_timeout: Duration,
}

impl MuxLimits {
    /// A request ends after this many times its timeout, whatever its progress.
    pub const MAX_EXTENSION: u32 = 12;
}

/// The server has as many requests in flight as it may have.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("too many requests are in flight to this server")]
pub struct Overloaded;

/// See the module's documentation.
#[derive(Debug)]
pub struct Mux<S, X> {
    sharing: Sharing,
    limits: MuxLimits,
    link: Link,
    capabilities: ServerCapabilities,
    members: slab::Slab<Member<S>>,
    /// Members with requests in flight.
    busy: usize,
    in_flight: InFlight<X>,
    /// When to look at which request; an entry may be outdated, never missing.
    deadlines: VecDeque<(Timestamp, WireId)>,
    subscriptions: Subscriptions<X>,
    questions: Questions,
    /// The level that the process was last asked for.
    level: Option<Level>,
    effects: VecDeque<Effect<S, X>>,
}

impl<S: Clone, X: Clone> Mux<S, X> {
    /// A multiplexer without a process and without sessions.
    pub fn new(sharing: Sharing, limits: MuxLimits) -> Self {
        Self {
            sharing,
            limits,
            link: Link::default(),
            capabilities: ServerCapabilities::default(),
            members: slab::Slab::new(),
            busy: 0,
            in_flight: InFlight::default(),
            deadlines: VecDeque::new(),
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
        self.deadlines.front().map(|(deadline, _)| *deadline)
    }

    /// Ends the requests whose time is over: the client gets an error, the server a cancellation.
    pub fn expire(&mut self, now: Timestamp) {
        while let Some(&(due, id)) = self.deadlines.front().filter(|(due, _)| *due <= now) {
            self.deadlines.pop_front();
            let Some(request) = self.in_flight.get(id) else { continue };
            let asked = match &request.from {
                From::Client(client) => self.questions.any_of(client.member),
                From::Own(_) => false,
            };
            let deadline = match asked {
                true => self.extended(request.sent, now),
                false => request.deadline,
            };
            if deadline > due.max(now) {
                self.deadlines.push_back((deadline, id));
                continue;
            }
            let timeout = self.limits.request_timeout.as_secs_f32();
            let error =
                RpcError::new(code::TIMED_OUT, format!("the server did not answer within {timeout} s"));
            self.cancel_upstream(id, "timed out");
            self.fail(id, &error);
        }
    }

    /// The deadline that progress at `now` gives to a request sent at `sent`.
    fn extended(&self, sent: Timestamp, now: Timestamp) -> Timestamp {
        let timeout = self.limits.request_timeout;
        now.after(timeout).min(sent.after(timeout * MuxLimits::MAX_EXTENSION))
    }

    /// Registers a request; returns its id on the wire.
    fn register(&mut self, from: From<X>, now: Timestamp) -> WireId {
        let deadline = now.after(self.limits.request_timeout);
        let member = match &from {
            From::Client(client) => Some(client.member),
            From::Own(_) => None,
        };
        let id = self.in_flight.insert(Request { from, sent: now, deadline });
        self.deadlines.push_back((deadline, id));
        if let Some(member) = member.and_then(|key| self.members.get_mut(key.0)) {
            self.busy += usize::from(member.in_flight.is_empty());
            member.in_flight.push(id);
        }
        id
    }

    /// Removes a request from the tables.
    fn unregister(&mut self, id: WireId) -> Option<Request<X>> {
        let request = self.in_flight.remove(id)?;
        if let From::Client(client) = &request.from
            && let Some(member) = self.members.get_mut(client.member.0)
        {
            member.forget(id);
            self.busy -= usize::from(member.in_flight.is_empty());
        }
        Some(request)
    }

    /// Ends a request with an error to whoever waits for it.
    fn fail(&mut self, id: WireId, error: &RpcError) {
        match self.unregister(id).map(|request| request.from) {
            Some(From::Client(client)) => self.answer(client.to, error.to_response(Some(&client.id))),
            Some(From::Own(Own::Subscribe(uri))) => {
                for waiter in self.subscriptions.refused(&uri) {
                    self.answer(waiter.to, error.to_response(Some(&waiter.id)));
                }
            }
            Some(From::Own(_)) | None => {}
        }
    }

    fn answer(&mut self, to: X, message: impl Into<Payload>) {
        self.effects.push_back(Effect::Answer { to, message: message.into() });
    }

    fn drop_message(&mut self, reason: DropReason) {
        self.effects.push_back(Effect::Dropped(reason));
    }

    /// Sends a line to the server, or holds it until there is one.
    fn send(&mut self, payload: impl Into<Payload>) {
        if let Some(payload) = self.link.hold(payload.into()) {
            self.effects.push_back(Effect::ToServer(payload));
        }
    }

    /// Sends a request of our own.
    fn send_own(&mut self, own: Own, method: &str, params: &[u8], now: Timestamp) {
        let id = self.register(From::Own(own), now);
        self.send(jsonrpc::build::request(id.get(), method, Some(params)));
    }

    fn cancel_upstream(&mut self, id: WireId, reason: &str) {
        let params = format!(r#"{{"requestId":{},"reason":"{reason}"}}"#, id.get());
        self.send(jsonrpc::build::notification("notifications/cancelled", Some(params.as_bytes())));
    }

    /// The most verbose level that any session asked for.
    fn wanted_level(&self) -> Option<Level> {
        self.members.iter().filter_map(|(_, member)| member.level).min()
    }

    /// Asks the server for the level that the sessions want, when it differs.
    fn sync_level(&mut self, now: Timestamp) {
        let wanted = self.wanted_level();
        if let Some(level) = wanted.filter(|_| self.link.is_up() && wanted != self.level) {
            self.level = wanted;
            let params = format!(r#"{{"level":"{}"}}"#, level.as_str());
            self.send_own(Own::Upkeep, "logging/setLevel", params.as_bytes(), now);
        }
    }
}

/// A copy of a span that does not pin a large message.
fn retain(span: Span, message: &Bytes) -> Bytes {
    const PINNED: usize = 4096;
    if message.len() <= PINNED { span.slice(message) } else { Bytes::copy_from_slice(span.of(message)) }
}

fn uri_params(uri: &str) -> String {
    format!(r#"{{"uri":{}}}"#, jsonrpc::text::quote(uri))
}
