//! Messages from clients.

use bytes::Bytes;

use super::{
    DropReason, Effect, LegacyMux, MemberKey, Overloaded, Own, Sharing, WireId,
    member::Member,
    request::{ClientRequest, From, Then},
    retain, same, uri_params,
};
use crate::{
    error::{RpcError, code},
    jsonrpc::{self, Edit, Envelope, Field},
    mux::{
        level, progress_token, readdress,
        subscriptions::{Subscribe, Waiter},
        uri,
    },
    time::Timestamp,
};

impl<S: Clone, X: Clone> LegacyMux<S, X> {
    /// Adds a session.
    pub fn attach(&mut self, session: S) -> MemberKey {
        let key = self.new_key();
        self.has_session = true;
        self.members.insert(key, Member::new(session));
        key
    }

    /// Removes a session, or a modern client's call or listen: its requests are cancelled, its subscriptions
    /// released, the server's questions to it answered with an error.
    pub fn detach(&mut self, key: MemberKey, now: Timestamp) {
        let Some(member) = self.members.get(&key) else {
            self.detach_call(key, now);
            return self.detach_listener(key, now);
        };
        for id in member.in_flight.clone() {
            self.cancel_upstream(id, "the session has ended", now);
            if let Some(From::Client(client)) = self.unregister(id).map(|request| request.from) {
                self.effects.push_back(Effect::End { to: client.to });
            }
        }
        for question in self.questions.take_of(key) {
            let error = RpcError::new(code::REFUSED, "the client has gone away");
            self.reply(error.to_response(Some(&question.id)));
        }
        let (waiters, released) = self.subscriptions.release_all(key);
        for waiter in waiters {
            self.effects.push_back(Effect::End { to: waiter.to });
        }
        for uri in released {
            self.unsubscribe_upstream(&uri, now);
        }
        self.members.remove(&key);
        self.sync_level(now);
    }

    /// The client has sent `notifications/initialized`.
    pub fn initialized(&mut self, key: MemberKey) {
        if let Some(member) = self.members.get_mut(&key) {
            member.initialized = true;
        }
    }

    /// A request other than `initialize` and `ping`, which need no server. It ends in exactly one
    /// [`Effect::Answer`] or [`Effect::End`] for `to`; in the latter at once if the session has been
    /// detached.
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
        let attached = self.members.contains_key(&member);
        let Some(id_span) = envelope.span(Field::Id).filter(|_| attached) else {
            self.effects.push_back(Effect::End { to });
            return Ok(());
        };
        if self.is_full() {
            return Err(Overloaded);
        }
        let id = retain(id_span, message);
        let method = envelope.method_bytes(message);
        let then = match self.sharing {
            Sharing::Exclusive => remember(&method, message, envelope),
            Sharing::Shared => match &*method {
                b"logging/setLevel" => {
                    match self.set_shared_level(member, message, envelope, now) {
                        Ok(()) => self.answer(to, jsonrpc::build::response(&id, b"{}")),
                        Err(error) => self.answer_error(to, &error, &id),
                    }
                    return Ok(());
                }
                b"resources/subscribe" | b"resources/unsubscribe" if uri(message, envelope).is_some() => {
                    let uri = uri(message, envelope).unwrap_or_default();
                    let waiter = Waiter { member, to, id };
                    match method.ends_with(b"/subscribe") {
                        true => self.subscribe_shared(&uri, waiter, now),
                        false => self.unsubscribe_shared(&uri, waiter, now),
                    }
                    return Ok(());
                }
                method if method.starts_with(b"tasks/") => {
                    let error =
                        RpcError::new(code::METHOD_NOT_FOUND, "tasks are not offered by a shared server");
                    self.answer_error(to, &error, &id);
                    return Ok(());
                }
                _ => Then::Nothing,
            },
        };
        let token_span = progress_token(message, envelope);
        let token = token_span.map(|span| retain(span, message));
        let wire =
            self.register(From::Client(ClientRequest { member, to, id, token, then, call: None }), now);
        // Sessions of one server choose equal tokens; a session of its own keeps the ones it chose.
        let replaced = token_span.filter(|_| self.sharing == Sharing::Shared);
        let payload = readdress(message, Some(id_span), replaced, wire);
        self.send_as(Some(wire), payload);
        Ok(())
    }

    /// A notification other than `notifications/initialized`.
    pub fn notification(&mut self, member: MemberKey, message: &Bytes, envelope: &Envelope, now: Timestamp) {
        if !self.members.contains_key(&member) {
            return;
        }
        let shared = self.sharing == Sharing::Shared;
        match &*envelope.method(message) {
            "notifications/cancelled" => self.cancelled_by_client(member, message, envelope, now),
            "notifications/roots/list_changed"
            | "notifications/progress"
            | "notifications/elicitation/complete"
                if shared =>
            {
                self.drop_message(DropReason::NotShareable);
            }
            // Without a process there is nobody to tell; a new one asks for what it needs.
            _ if self.link.is_wanted() => self.send(jsonrpc::splice(message, &[])),
            _ => {}
        }
    }

    /// A response to a question of the server's. The time of the session's requests starts anew.
    pub fn response(&mut self, member: MemberKey, message: &Bytes, envelope: &Envelope, now: Timestamp) {
        let id = envelope.span(Field::Id);
        let question = id
            .and_then(|span| jsonrpc::text::integer_value(span.of(message)))
            .and_then(|number| self.questions.answer(number, member));
        match (id, question) {
            (Some(at), Some(question)) => {
                self.reply(jsonrpc::splice(message, &[Edit { at, with: question.id }]));
                self.extend_all_of(member, now);
            }
            _ => self.drop_message(DropReason::UnknownAnswer),
        }
    }

    fn cancelled_by_client(
        &mut self,
        member: MemberKey,
        message: &Bytes,
        envelope: &Envelope,
        now: Timestamp,
    ) {
        let Some(at) = envelope.span(Field::ParamsRequestId) else {
            return self.drop_message(DropReason::UnknownCancellation);
        };
        let in_flight = self.members.get(&member).map_or(&[][..], |member| &member.in_flight[..]);
        let is_meant =
            |id: &&WireId| self.in_flight.client(**id).is_some_and(|client| same(&client.id, at.of(message)));
        let wire = in_flight.iter().rev().find(is_meant).copied();
        let ended = match wire {
            Some(wire) => {
                if !self.link.withdraw(wire) {
                    self.abandon(wire, now);
                    self.send(jsonrpc::splice(message, &[Edit { at, with: wire.to_bytes() }]));
                }
                match self.unregister(wire).map(|request| request.from) {
                    Some(From::Client(client)) => Some(client.to),
                    _ => None,
                }
            }
            // Others may wait for the same subscription: the server goes on with it.
            None => self.subscriptions.cancel(member, at.of(message)).map(|waiter| waiter.to),
        };
        match ended {
            Some(to) => self.effects.push_back(Effect::End { to }),
            None => self.drop_message(DropReason::UnknownCancellation),
        }
    }

    fn set_shared_level(
        &mut self,
        key: MemberKey,
        message: &Bytes,
        envelope: &Envelope,
        now: Timestamp,
    ) -> Result<(), RpcError> {
        // Before the first handshake nothing is known; the level is sent after it, if the server logs.
        if self.link.has_been_up() && !self.capabilities.logging {
            return Err(RpcError::new(code::METHOD_NOT_FOUND, "the server does not log"));
        }
        let Some(level) = level(message, envelope) else {
            let message = "level must be a syslog severity such as \"info\"";
            return Err(RpcError::new(code::INVALID_PARAMS, message));
        };
        if let Some(member) = self.members.get_mut(&key) {
            member.level = Some(level);
        }
        self.sync_level(now);
        Ok(())
    }

    fn subscribe_shared(&mut self, uri: &str, waiter: Waiter<X>, now: Timestamp) {
        let (to, id) = (waiter.to.clone(), waiter.id.clone());
        match self.subscriptions.subscribe(uri, waiter) {
            Subscribe::Held => self.answer(to, jsonrpc::build::response(&id, b"{}")),
            Subscribe::Waiting => {}
            Subscribe::Ask => {
                let own = Own::Subscribe(uri.to_owned());
                self.send_own(own, "resources/subscribe", uri_params(uri).as_bytes(), now);
            }
        }
    }

    fn unsubscribe_shared(&mut self, uri: &str, waiter: Waiter<X>, now: Timestamp) {
        if self.subscriptions.release(uri, waiter.member) {
            self.unsubscribe_upstream(uri, now);
        }
        self.answer(waiter.to, jsonrpc::build::response(&waiter.id, b"{}"));
    }

    /// Tells the server, if there is one, that nobody wants `uri` any more.
    pub(super) fn unsubscribe_upstream(&mut self, uri: &str, now: Timestamp) {
        // The next process is asked only for what is held then.
        if self.link.is_up() {
            self.send_own(Own::Upkeep, "resources/unsubscribe", uri_params(uri).as_bytes(), now);
        }
    }
}

/// What to remember of an exclusive session's request once the server has agreed to it, so that the next
/// process can be told.
fn remember(method: &[u8], message: &Bytes, envelope: &Envelope) -> Then {
    let then = match method {
        b"resources/subscribe" => uri(message, envelope).map(Then::Subscribed),
        b"resources/unsubscribe" => uri(message, envelope).map(Then::Unsubscribed),
        b"logging/setLevel" => level(message, envelope).map(Then::LevelSet),
        _ => None,
    };
    then.unwrap_or(Then::Nothing)
}
