//! Messages from legacy clients, whose sessions live here: the server knows nothing of them.

use bytes::Bytes;
use serde_json::{Value, json};

use super::{
    DropReason, Effect, ModernMux, WireId,
    metadata::{self, Members},
    request::{Call, From, LegacyCall, Method},
    rounds::Rounds,
};
use crate::{
    error::{RpcError, code},
    jsonrpc::{self, Edit, Envelope, Field},
    mux::{Level, MemberKey, Overloaded, level, progress_token, retain, same, subscriptions::Waiter, uri},
    time::Timestamp,
};

/// One attached session.
#[derive(Debug)]
pub(super) struct Session<S> {
    pub(super) session: S,
    /// The client has sent `notifications/initialized`.
    pub(super) initialized: bool,
    /// Its requests in flight, oldest first: few, so a list.
    pub(super) in_flight: Vec<WireId>,
    /// What the client can do, as a client of 2026-07-28 puts it.
    pub(super) capabilities: Value,
    client_info: Option<Bytes>,
    server_logs: bool,
    /// The level that the client asked for.
    wanted_level: Option<Level>,
    /// What its requests bear.
    pub(super) metadata: Members,
}

impl<S> Session<S> {
    fn new(session: S, hello: &[u8], server_logs: bool) -> Self {
        let hello: Value = serde_json::from_slice(hello).unwrap_or_default();
        let mut session = Self {
            session,
            initialized: false,
            in_flight: Vec::new(),
            capabilities: converted(&hello["capabilities"]),
            client_info: hello["clientInfo"].is_object().then(|| hello["clientInfo"].to_string().into()),
            server_logs,
            wanted_level: None,
            metadata: Members::default(),
        };
        session.renew_metadata();
        session
    }

    /// The level of the logs that it gets: its own choice, else what servers send unasked. None if the server
    /// does not log.
    pub(super) fn level(&self) -> Option<Level> {
        self.server_logs.then(|| self.wanted_level.unwrap_or(Level::Info))
    }

    pub(super) fn set_server_logs(&mut self, server_logs: bool) {
        if self.server_logs != server_logs {
            self.server_logs = server_logs;
            self.renew_metadata();
        }
    }

    fn renew_metadata(&mut self) {
        let capabilities = self.capabilities.to_string().into();
        self.metadata = metadata::metadata(capabilities, self.client_info.clone(), self.level());
    }

    pub(super) fn forget(&mut self, id: WireId) {
        if let Some(position) = self.in_flight.iter().rposition(|held| *held == id) {
            self.in_flight.remove(position);
        }
    }
}

/// Capabilities of `initialize` as those of 2026-07-28.
fn converted(capabilities: &Value) -> Value {
    let mut converted = capabilities.as_object().cloned().unwrap_or_default();
    // Tasks are an extension now, and another one.
    converted.shift_remove("tasks");
    if let Some(roots) = converted.get_mut("roots").and_then(Value::as_object_mut) {
        roots.shift_remove("listChanged");
    }
    // Before there were modes a form was meant.
    if let Some(elicitation) = converted.get_mut("elicitation").filter(|value| **value == json!({})) {
        *elicitation = json!({"form": {}});
    }
    Value::Object(converted)
}

impl<S: Clone, X: Clone> ModernMux<S, X> {
    /// Adds a legacy client's session. `hello` is the raw params of its `initialize`.
    pub fn attach(&mut self, session: S, hello: &Bytes) -> MemberKey {
        let key = self.next_key();
        self.sessions.insert(key, Session::new(session, hello, self.capabilities.logging));
        key
    }

    /// The client has sent `notifications/initialized`.
    pub fn initialized(&mut self, key: MemberKey) {
        if let Some(session) = self.sessions.get_mut(&key) {
            session.initialized = true;
        }
    }

    /// Removes a session, or a modern client: what it has in flight is cancelled, its subscriptions are
    /// released.
    pub fn detach(&mut self, key: MemberKey, now: Timestamp) {
        if let Some(id) = self.callers.get(&key) {
            return self.caller_gone(*id, now);
        }
        let Some(session) = self.sessions.get(&key) else { return };
        self.questions.take_of(key);
        for id in session.in_flight.clone() {
            self.cancel_upstream(id, "the session has ended", now);
            self.end(id);
        }
        let (waiters, _) = self.subscriptions.release_all(key);
        for waiter in waiters {
            self.effects.push_back(Effect::End { to: waiter.to });
        }
        self.sessions.remove(&key);
        self.sync_feed(now);
    }

    /// A legacy client's request other than `initialize`. It ends in exactly one [`Effect::Answer`] or
    /// [`Effect::End`] for `to`; in the latter at once if the session has been detached.
    ///
    /// # Errors
    /// [`Overloaded`]: nothing was done.
    pub fn request(
        &mut self,
        member: MemberKey,
        to: X,
        message: &Bytes,
        envelope: &Envelope,
        now: Timestamp,
    ) -> Result<(), Overloaded> {
        let attached = self.sessions.contains_key(&member);
        let Some(id) = envelope.span(Field::Id).filter(|_| attached).map(|span| retain(span, message)) else {
            self.effects.push_back(Effect::End { to });
            return Ok(());
        };
        let method = envelope.method(message);
        let outcome = match &*method {
            "ping" => Ok(()),
            "logging/setLevel" => self.set_level(member, message, envelope),
            "resources/unsubscribe" => self.unsubscribe(member, message, envelope, now),
            "resources/subscribe" => match uri(message, envelope) {
                Some(_) if !self.has_room() => return Err(Overloaded),
                Some(uri) => {
                    self.subscribe(&uri, Waiter { member, to, id }, now);
                    return Ok(());
                }
                None => Err(no_uri()),
            },
            "subscriptions/listen" => Err(not_offered(&method)),
            method if method.starts_with("tasks/") => Err(not_offered(method)),
            _ if starts_with(message, envelope, b'[') => {
                Err(RpcError::new(code::INVALID_PARAMS, "params must be an object"))
            }
            _ if !self.has_room() => return Err(Overloaded),
            _ => {
                self.forward(Waiter { member, to, id }, message, envelope, now);
                return Ok(());
            }
        };
        match outcome {
            Ok(()) => self.answer(to, jsonrpc::build::response(&id, b"{}")),
            Err(error) => self.answer_error(to, &error, &id),
        }
        Ok(())
    }

    fn forward(&mut self, waiter: Waiter<X>, message: &Bytes, envelope: &Envelope, now: Timestamp) {
        let Waiter { member, to, id } = waiter;
        let method = Method::parse(&envelope.method(message));
        let token = progress_token(message, envelope).map(|span| retain(span, message));
        let level = self.sessions.get(&member).and_then(Session::level);
        let logs = level.is_some() || envelope.span(Field::MetaLogLevel).is_some();
        let rounds = Rounds::new(method.may_ask().then(|| message.clone()));
        let legacy = Some(Box::new(LegacyCall { method, progress: f64::NEG_INFINITY, rounds }));
        let wire = self.register(From::Call(Call { member, to, id, token, logs, legacy }), now);
        if let Some(session) = self.sessions.get(&member) {
            let more = Members::default();
            let payload = metadata::request(message, envelope, wire, &session.metadata, &more);
            self.send(wire, payload);
        }
    }

    /// A legacy client's notification other than `notifications/initialized`. The server takes only
    /// cancellations.
    pub fn notification(&mut self, member: MemberKey, message: &Bytes, envelope: &Envelope, now: Timestamp) {
        let Some(session) = self.sessions.get(&member) else { return };
        if envelope.method(message) != "notifications/cancelled" {
            return self.drop_message(DropReason::NotShareable);
        }
        let Some(at) = envelope.span(Field::ParamsRequestId) else {
            return self.drop_message(DropReason::UnknownCancellation);
        };
        let is_meant =
            |id: &&WireId| self.in_flight.call(**id).is_some_and(|call| same(&call.id, at.of(message)));
        if let Some(id) = session.in_flight.iter().rev().find(is_meant).copied() {
            let cancellation = jsonrpc::splice(message, &[Edit { at, with: id.to_bytes() }]);
            self.cancel_upstream_with(id, cancellation, now);
            self.withdraw_questions(id);
            self.end(id);
        } else if let Some(waiter) = self.subscriptions.cancel(member, at.of(message)) {
            // Others may wait for the same subscription: the server goes on with it.
            self.effects.push_back(Effect::End { to: waiter.to });
        } else {
            self.drop_message(DropReason::UnknownCancellation);
        }
    }

    fn set_level(&mut self, key: MemberKey, message: &Bytes, envelope: &Envelope) -> Result<(), RpcError> {
        // Before the first handshake nothing is known.
        if self.link.has_been_up() && !self.capabilities.logging {
            return Err(RpcError::new(code::METHOD_NOT_FOUND, "the server does not log"));
        }
        let Some(level) = level(message, envelope) else {
            let message = "level must be a syslog severity such as \"info\"";
            return Err(RpcError::new(code::INVALID_PARAMS, message));
        };
        if let Some(session) = self.sessions.get_mut(&key) {
            session.wanted_level = Some(level);
            session.renew_metadata();
        }
        Ok(())
    }

    fn unsubscribe(
        &mut self,
        member: MemberKey,
        message: &Bytes,
        envelope: &Envelope,
        now: Timestamp,
    ) -> Result<(), RpcError> {
        let uri = uri(message, envelope).ok_or_else(no_uri)?;
        if self.subscriptions.release(&uri, member) {
            self.sync_feed(now);
        }
        Ok(())
    }
}

fn no_uri() -> RpcError {
    RpcError::new(code::INVALID_PARAMS, "uri must be a string")
}

fn not_offered(method: &str) -> RpcError {
    RpcError::new(code::METHOD_NOT_FOUND, format!("{method} is not offered to clients of this revision"))
}

/// Whether params begin with this byte.
fn starts_with(message: &[u8], envelope: &Envelope, byte: u8) -> bool {
    envelope.span(Field::Params).is_some_and(|span| span.of(message).first() == Some(&byte))
}
