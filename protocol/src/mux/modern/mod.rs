//! Many clients on one server of revision 2026-07-28, which knows no sessions: every request stands alone.
//!
//! A value, not a task: messages and events go in, [`Effect`]s come out of [`ModernMux::poll_effect`], time is
//! an argument. `S` is the driver's handle of a legacy client's session, `X` its handle of one request's exchange.
//!
//! | client | what happens to its messages |
//! |---|---|
//! | modern | ids, progress tokens and subscription ids are replaced, on the way back too; nothing else |
//! | legacy | its session lives here: requests get the metadata of 2026-07-28, results lose what a legacy schema refuses, and a result that asks for input is answered here, by asking the client |
//!
//! All legacy sessions share one `subscriptions/listen`, the feed, which is opened anew when what they want
//! changes.
//!
//! While the link is not up, requests are held and go out in order once it is. When the process dies every
//! call is answered. Sessions and subscriptions stay: the next process gets `subscriptions/listen` again, and
//! whoever was promised to be told of changes is told to list anew.

mod calls;
mod downgrade;
mod feed;
mod filter;
mod input;
mod input_required;
mod link;
mod listen;
mod metadata;
mod request;
mod rounds;
mod server;
mod session;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

use bytes::Bytes;

use super::{
    DropReason, Effect, MemberKey, MuxLimits,
    abandoned::Abandoned,
    deadlines::Deadlines,
    in_flight::{InFlight, WireId},
    link::Link,
    questions::Questions,
    subscriptions::Subscriptions,
};
use crate::{
    error::{RpcError, code},
    jsonrpc::{self, Payload},
    time::Timestamp,
};
use feed::Feed;
use link::ServerCapabilities;
use request::{Call, From, Listen, Request};
use session::Session;

/// The revision that the server speaks.
const VERSION: &str = "2026-07-28";

/// See the module's documentation.
#[derive(Debug)]
pub struct ModernMux<S, X> {
    limits: MuxLimits,
    /// The raw `clientInfo` of requests of our own.
    identity: Bytes,
    link: Link,
    capabilities: ServerCapabilities,
    attached: u64,
    /// Legacy clients, in the order in which they were attached.
    sessions: BTreeMap<MemberKey, Session<S>>,
    /// Modern clients: each is one request.
    callers: BTreeMap<MemberKey, WireId>,
    in_flight: InFlight<Request<X>>,
    /// Requests of our own in flight.
    own: usize,
    /// Calls that the server may log for.
    logging: BTreeSet<WireId>,
    deadlines: Deadlines,
    abandoned: Abandoned,
    /// Of legacy sessions to resources.
    subscriptions: Subscriptions<X>,
    feed: Feed,
    questions: Questions,
    effects: VecDeque<Effect<S, X>>,
}

impl<S: Clone, X: Clone> ModernMux<S, X> {
    /// A multiplexer without a process and without clients. `identity` is the raw `Implementation` object that
    /// requests of its own bear as `clientInfo`.
    pub fn new(limits: MuxLimits, identity: Bytes) -> Self {
        Self {
            limits,
            identity,
            link: Link::default(),
            capabilities: ServerCapabilities::default(),
            attached: 0,
            sessions: BTreeMap::new(),
            callers: BTreeMap::new(),
            in_flight: InFlight::default(),
            own: 0,
            logging: BTreeSet::new(),
            deadlines: Deadlines::default(),
            abandoned: Abandoned::default(),
            subscriptions: Subscriptions::default(),
            feed: Feed::default(),
            questions: Questions::default(),
            effects: VecDeque::new(),
        }
    }

    /// The server's messages come on a stream for each request, so that those of one can overtake those of another,
    /// by less than `linger`: as long is a subscription of the multiplexer's own listened to once another one has
    /// taken its place. (By default all come in one order.)
    #[must_use]
    pub fn over_streams(mut self, linger: Duration) -> Self {
        self.feed.set_linger(linger);
        self
    }

    /// Other limits from now on; what is in flight keeps the deadline that it has.
    pub fn set_limits(&mut self, limits: MuxLimits) {
        self.limits = limits;
    }

    /// The next effect to perform. After every input, all effects are to be taken.
    pub fn poll_effect(&mut self) -> Option<Effect<S, X>> {
        self.effects.pop_front()
    }

    /// Clients' requests that have not ended, subscriptions included.
    pub fn in_flight(&self) -> usize {
        self.in_flight.len() - self.own
    }

    /// Attached sessions, and modern clients whose request has not ended.
    pub fn members(&self) -> usize {
        self.sessions.len() + self.callers.len()
    }

    /// Whether the process could be stopped now without a client noticing: nothing is in flight and nobody is
    /// subscribed to anything.
    pub fn is_idle(&self) -> bool {
        self.in_flight() == 0 && self.subscriptions.is_empty()
    }

    /// When [`ModernMux::expire`] is to be called next.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        let soonest = [self.deadlines.next(), self.feed.next_deadline()];
        soonest.into_iter().flatten().min()
    }

    /// Ends the requests whose time is over: the client gets an error, the server a cancellation.
    pub fn expire(&mut self, now: Timestamp) {
        while let Some(id) = self.deadlines.due(now) {
            match self.in_flight.get(id).and_then(|request| request.deadline) {
                None => {}
                Some(deadline) if deadline > now => self.deadlines.push(deadline, id),
                Some(_) => self.time_out(id, now),
            }
        }
        self.resume_feed(now);
    }

    fn time_out(&mut self, id: WireId, now: Timestamp) {
        if self.listen_again(id) {
            return;
        }
        let asks = self.in_flight.call(id).is_some_and(Call::asks);
        let error = if asks {
            RpcError::new(code::TIMED_OUT, "the client did not answer the server's questions in time")
        } else {
            let timeout = self.limits.request_timeout.as_secs_f32();
            RpcError::new(code::TIMED_OUT, format!("the server did not answer within {timeout} s"))
        };
        self.cancel_upstream(id, "timed out", now);
        self.fail(id, &error, now);
    }

    fn has_room(&self) -> bool {
        self.in_flight() + self.subscriptions.waiting() < self.limits.in_flight
    }

    fn next_key(&mut self) -> MemberKey {
        self.attached += 1;
        MemberKey(self.attached)
    }

    /// Registers a request; returns its id on the wire.
    fn register(&mut self, from: From<X>, now: Timestamp) -> WireId {
        let (member, logs) = match &from {
            From::Call(call) => (Some(call.member), call.logs),
            From::Listen(listen) => (Some(listen.member), false),
            From::Own(_) => (None, false),
        };
        let deadline = from.is_bounded().then(|| now.after(self.limits.request_timeout));
        let id = self.in_flight.insert(Request { from, sent: now, deadline });
        self.look_at(id);
        if logs {
            self.logging.insert(id);
        }
        match member {
            None => self.own += 1,
            Some(key) => match self.sessions.get_mut(&key) {
                Some(session) => session.in_flight.push(id),
                None => {
                    self.callers.insert(key, id);
                }
            },
        }
        id
    }

    /// Has the request looked at when its deadline is over.
    fn look_at(&mut self, id: WireId) {
        let Self { deadlines, in_flight, .. } = self;
        if let Some(deadline) = in_flight.get(id).and_then(|request| request.deadline) {
            deadlines.push(deadline, id);
            deadlines.prune(in_flight.len(), |id| in_flight.get(id).is_some());
        }
    }

    /// Removes a request from the tables.
    fn unregister(&mut self, id: WireId) -> Option<Request<X>> {
        let request = self.in_flight.remove(id)?;
        self.logging.remove(&id);
        let member = match &request.from {
            From::Call(call) => call.member,
            From::Listen(listen) => listen.member,
            From::Own(_) => {
                self.own -= 1;
                return Some(request);
            }
        };
        match self.sessions.get_mut(&member) {
            Some(session) => session.forget(id),
            None => {
                self.callers.remove(&member);
            }
        }
        Some(request)
    }

    /// Ends a request with an error to whoever waits for it.
    fn fail(&mut self, id: WireId, error: &RpcError, now: Timestamp) {
        self.withdraw_questions(id);
        match self.unregister(id).map(|request| request.from) {
            Some(From::Call(call)) => self.answer_error(call.to, error, &call.id),
            Some(From::Listen(listen)) => self.answer_error(listen.to, error, &listen.id),
            Some(From::Own(_)) => self.feed_failed(id, error, now),
            None => {}
        }
    }

    /// Ends a request without a response, as nobody waits for it any more.
    fn end(&mut self, id: WireId) {
        match self.unregister(id).map(|request| request.from) {
            Some(From::Call(Call { to, .. })) | Some(From::Listen(Listen { to, .. })) => {
                self.effects.push_back(Effect::End { to });
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

    /// Sends a request to the server, or holds it until there is one.
    fn send(&mut self, id: WireId, payload: Payload) {
        if let Some(payload) = self.link.hold(Some(id), payload) {
            self.effects.push_back(Effect::ToServer(payload));
        }
    }

    /// Tells the server that nobody waits for the answer; or, if it does not know the request yet, never
    /// tells it the request.
    fn cancel_upstream(&mut self, id: WireId, reason: &str, now: Timestamp) {
        let params = format!(r#"{{"requestId":{},"reason":"{reason}"}}"#, id.get());
        let message = jsonrpc::build::notification("notifications/cancelled", Some(params.as_bytes()));
        self.cancel_upstream_with(id, message.into(), now);
    }

    fn cancel_upstream_with(&mut self, id: WireId, message: Payload, now: Timestamp) {
        if !self.link.is_up() {
            // What is held may be cancelled; all else that a process knew ended with it.
            self.link.withdraw(id);
            return;
        }
        let call = self.in_flight.call(id);
        if call.is_some_and(Call::asks) {
            // The server has answered; it is the client that has not.
            return;
        }
        if let Some(call) = call.filter(|call| call.logs) {
            self.abandoned.push(id, call.member, now.after(self.limits.request_timeout));
        }
        self.effects.push_back(Effect::ToServer(message));
    }
}
