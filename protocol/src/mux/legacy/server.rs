//! Messages from the server.

use bytes::Bytes;

use super::{
    DropReason, Effect, LegacyMux, Level, MemberKey, Own, Sharing, WireId,
    clients::level,
    request::{ClientRequest, From, Then},
    same,
};
use crate::{
    error::{RpcError, code},
    jsonrpc::{self, Edit, Envelope, Field, Kind, Payload, ScanError, Span},
    mux::{error_code, questions::Question},
    time::Timestamp,
};

impl<S: Clone, X: Clone> LegacyMux<S, X> {
    /// One line from the server: a message, or (2025-03-26) a batch of them.
    ///
    /// `origin` is the request on whose stream the message came, by the id that it bears on the wire, where
    /// the transport tells: what the message belongs to then need not be guessed.
    ///
    /// # Errors
    /// The line, or at least one element of a batch, is not JSON-RPC. It was skipped.
    pub fn server_message(
        &mut self,
        line: &Bytes,
        origin: Option<u64>,
        now: Timestamp,
    ) -> Result<(), ScanError> {
        if jsonrpc::is_batch(line) {
            let mut outcome = Ok(());
            for span in jsonrpc::elements(line)? {
                outcome = outcome.and(self.one_server_message(&span.slice(line), origin, now));
            }
            return outcome;
        }
        self.one_server_message(line, origin, now)
    }

    fn one_server_message(
        &mut self,
        line: &Bytes,
        origin: Option<u64>,
        now: Timestamp,
    ) -> Result<(), ScanError> {
        let _ = origin;
        let envelope = jsonrpc::scan(line)?;
        if !self.link.has_process() {
            // The last words of a process that has been given up.
            return Ok(());
        }
        let line = &jsonrpc::one_line(line.clone(), &envelope);
        match envelope.kind() {
            Kind::Response | Kind::Error => self.answered(line, &envelope, now),
            Kind::Notification => self.notified(line, &envelope, now),
            Kind::Request => self.asked(line, &envelope),
        }
        Ok(())
    }

    fn answered(&mut self, line: &Bytes, envelope: &Envelope, now: Timestamp) {
        let span = envelope.span(Field::Id);
        let id = span.and_then(|span| jsonrpc::text::integer_value(span.of(line))).map(WireId::new);
        let (Some(at), Some(request)) = (span, id.and_then(|id| self.unregister(id))) else {
            if let Some(id) = id {
                self.abandoned.answered(id);
            }
            return self.drop_message(DropReason::UnknownResponse);
        };
        let good = envelope.kind() == Kind::Response;
        let error = error_code(line, envelope);
        match request.from {
            From::Client(client) => {
                if good {
                    self.apply(&client);
                }
                let message = jsonrpc::splice(line, &[Edit { at, with: client.id }]);
                self.effects.push_back(Effect::Answer { to: client.to, message, error });
            }
            From::Own(Own::Initialize) => self.handshake_answered(line, envelope, now),
            From::Own(Own::Subscribe(uri)) => {
                let (waiters, abandoned) = match good {
                    true => self.subscriptions.confirmed(&uri),
                    false => (self.subscriptions.refused(&uri), false),
                };
                for waiter in waiters {
                    let message = jsonrpc::splice(line, &[Edit { at, with: waiter.id }]);
                    self.effects.push_back(Effect::Answer { to: waiter.to, message, error });
                }
                if abandoned {
                    self.unsubscribe_upstream(&uri, now);
                }
            }
            From::Own(Own::Upkeep) => {}
        }
    }

    fn apply(&mut self, client: &ClientRequest<X>) {
        match &client.then {
            Then::Nothing => {}
            Then::Subscribed(uri) => self.subscriptions.hold(uri, client.member),
            Then::Unsubscribed(uri) => {
                self.subscriptions.release(uri, client.member);
            }
            Then::LevelSet(level) => {
                self.level = Some(*level);
                if let Some(member) = self.members.get_mut(&client.member) {
                    member.level = Some(*level);
                }
            }
        }
    }

    fn notified(&mut self, line: &Bytes, envelope: &Envelope, now: Timestamp) {
        let exclusive = self.sharing == Sharing::Exclusive;
        match &*envelope.method(line) {
            "notifications/progress" => self.progressed(line, envelope, now),
            "notifications/cancelled" => self.question_withdrawn(line, envelope, now),
            "notifications/tools/list_changed"
            | "notifications/prompts/list_changed"
            | "notifications/resources/list_changed" => self.broadcast(jsonrpc::splice(line, &[])),
            "notifications/resources/updated" => self.resource_updated(line, envelope),
            "notifications/message" if !exclusive => self.shared_log(line, envelope, now),
            _ if exclusive => match self.only_member() {
                Some(key) => self.place(key, jsonrpc::splice(line, &[])),
                None => self.drop_message(DropReason::Unattributable),
            },
            _ => self.drop_message(DropReason::Unattributable),
        }
    }

    /// Progress belongs to the stream of the request that bears its token.
    fn progressed(&mut self, line: &Bytes, envelope: &Envelope, now: Timestamp) {
        let Some(at) = envelope.span(Field::ParamsProgressToken) else {
            return self.drop_message(DropReason::UnknownProgress);
        };
        let id = match self.sharing {
            Sharing::Shared => jsonrpc::text::integer_value(at.of(line)).map(WireId::new),
            Sharing::Exclusive => self.bearer_of(at.of(line)),
        };
        let request = id.and_then(|id| Some((id, self.in_flight.get(id)?)));
        let Some((id, From::Client(client), sent)) =
            request.map(|(id, request)| (id, &request.from, request.sent))
        else {
            // A task outlives its request, and its progress goes on (2025-11-25, tasks).
            return match self.only_member() {
                Some(key) if self.capabilities.tasks => {
                    self.background(key, jsonrpc::splice(line, &[]));
                }
                _ => self.drop_message(DropReason::UnknownProgress),
            };
        };
        let Some(token) = client.token.clone() else {
            return self.drop_message(DropReason::UnknownProgress);
        };
        let to = client.to.clone();
        let deadline = self.limits.extended(sent, now);
        if let Some(request) = self.in_flight.get_mut(id) {
            request.deadline = deadline;
        }
        let message = jsonrpc::splice(line, &[Edit { at, with: token }]);
        self.effects.push_back(Effect::Related { to, message });
    }

    /// The newest request of the only session that bears the raw token.
    fn bearer_of(&self, token: &[u8]) -> Option<WireId> {
        let member = self.members.get(&self.only_member()?)?;
        let bears = |client: &ClientRequest<X>| client.token.as_ref().is_some_and(|own| same(own, token));
        member.in_flight.iter().rev().copied().find(|id| self.in_flight.client(*id).is_some_and(bears))
    }

    /// The session that has the server for itself.
    fn only_member(&self) -> Option<MemberKey> {
        let exclusive = self.sharing == Sharing::Exclusive;
        self.members.keys().next().copied().filter(|_| exclusive)
    }

    fn question_withdrawn(&mut self, line: &Bytes, envelope: &Envelope, now: Timestamp) {
        let span = envelope.span(Field::ParamsRequestId);
        match span.and_then(|at| Some((at, self.questions.withdraw(at.of(line))?))) {
            Some((at, (id, member))) => {
                self.extend_all_of(member, now);
                self.place(member, jsonrpc::splice(line, &[Edit { at, with: id.to_string().into() }]));
            }
            None => self.drop_message(DropReason::UnknownCancellation),
        }
    }

    fn resource_updated(&mut self, line: &Bytes, envelope: &Envelope) {
        let message = jsonrpc::splice(line, &[]).compact();
        if self.sharing == Sharing::Exclusive {
            return self.broadcast(message);
        }
        let uri = envelope.span(Field::ParamsUri).and_then(|span| jsonrpc::text::string_value(span.of(line)));
        for member in self.subscriptions.concerned(&uri.unwrap_or_default()) {
            self.background(member, message.clone());
        }
    }

    /// A log message names no request. It is given to a session only when that session alone has
    /// requests in flight, and the server is not still at work on what another has given up.
    fn shared_log(&mut self, line: &Bytes, envelope: &Envelope, now: Timestamp) {
        let owner = match self.busy {
            1 => self.in_flight.clients().next().map(|client| client.member),
            _ => None,
        };
        // Whoever waits for a subscription has a request in flight too.
        let owner = owner.filter(|key| !self.subscriptions.another_waits(*key));
        let owner = owner.filter(|key| !self.abandoned.of_another(*key, now));
        let Some((owner, member)) = owner.and_then(|key| Some((key, self.members.get(&key)?))) else {
            return self.drop_message(DropReason::UnattributableLog);
        };
        // Whoever asked for nothing does not get what another session asked for.
        let threshold = member.level.or(self.level.map(|level| level.max(Level::Info)));
        match level(line, envelope) < threshold {
            true => self.drop_message(DropReason::BelowLevel),
            false => self.place(owner, jsonrpc::splice(line, &[])),
        }
    }

    /// A request of the server's.
    fn asked(&mut self, line: &Bytes, envelope: &Envelope) {
        let Some(at) = envelope.span(Field::Id) else { return };
        // A copy: a question may stay open for long, and must not pin the read buffer.
        let id = Bytes::copy_from_slice(at.of(line));
        let method = envelope.method(line);
        if method == "ping" {
            return self.reply(jsonrpc::build::response(&id, b"{}"));
        }
        let (code, reason) = match self.only_member() {
            _ if self.sharing == Sharing::Shared => (
                code::METHOD_NOT_FOUND,
                "this server is shared by several clients, and the request names none of them",
            ),
            _ if self.questions.is_full() => (code::OVERLOADED, "too many requests to the client are open"),
            Some(key) => return self.ask(key, id, at, line),
            None => (code::REFUSED, "the client has gone away"),
        };
        let error = RpcError::new(code, format!("{method}: {reason}"));
        self.reply(error.to_response(Some(&id)));
    }

    fn ask(&mut self, member: MemberKey, id: Bytes, at: Span, line: &Bytes) {
        let shown = self.questions.ask(Question { member, id });
        self.place(member, jsonrpc::splice(line, &[Edit { at, with: shown.to_string().into() }]));
    }

    /// Puts a message that names no request on the stream of the session's newest request, else on its
    /// standalone stream.
    fn place(&mut self, key: MemberKey, message: Payload) {
        let newest = self.members.get(&key).and_then(|member| member.in_flight.last());
        match newest.and_then(|id| self.in_flight.client(*id)).map(|client| client.to.clone()) {
            Some(to) => self.effects.push_back(Effect::Related { to, message }),
            None => self.background(key, message),
        }
    }

    pub(super) fn background(&mut self, key: MemberKey, message: Payload) {
        if let Some(member) = self.members.get(&key) {
            self.effects.push_back(Effect::Background { to: member.session.clone(), message });
        }
    }
}
