//! Messages from the server.

use bytes::Bytes;

use super::{
    DropReason, Effect, LegacyMux, Level, ListKind, MemberKey, Own, Sharing, WireId,
    request::{ClientRequest, From, Then},
    same,
};
use crate::{
    error::{RpcError, code},
    jsonrpc::{self, Edit, Envelope, Field, Kind, Payload, ScanError, Span},
    mux::{each_message, error_code, level, questions::Question},
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
        each_message(line, |message| self.one_server_message(message, origin, now))
    }

    fn one_server_message(
        &mut self,
        line: &Bytes,
        origin: Option<u64>,
        now: Timestamp,
    ) -> Result<(), ScanError> {
        let origin = origin.map(WireId::new);
        let envelope = jsonrpc::scan(line)?;
        if !self.link.has_process() {
            // The last words of a process that has been given up.
            return Ok(());
        }
        let line = &jsonrpc::one_line(line.clone(), &envelope);
        match envelope.kind() {
            Kind::Response | Kind::Error => self.answered(line, &envelope, now),
            Kind::Notification => self.notified(line, &envelope, origin, now),
            Kind::Request => self.asked(line, &envelope, origin, now),
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
            From::Client(client) if client.is_parked() => self.keep_answer(line, envelope, client),
            From::Client(client) if client.call.is_some() => self.answer_call(line, envelope, client, now),
            From::Client(client) => {
                if good {
                    self.apply(&client);
                }
                let message = jsonrpc::splice(line, &[Edit { at, with: client.id }]);
                self.effects.push_back(Effect::Answer { to: client.to, message, error });
            }
            From::Driver { to, id } => {
                let message = jsonrpc::splice(line, &[Edit { at, with: id }]);
                self.effects.push_back(Effect::Answer { to, message, error });
            }
            From::Own(Own::Initialize) => self.handshake_answered(line, envelope, now),
            From::Own(Own::Subscribe(uri)) => {
                let (waiters, abandoned) = match good {
                    true => self.subscriptions.confirmed(&uri),
                    false => (self.subscriptions.refused(&uri), false),
                };
                for waiter in waiters {
                    let Some(waiter) = self.settle(&uri, waiter, good) else { continue };
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

    /// The answer to a modern client's request.
    pub(super) fn answer_call(
        &mut self,
        line: &Bytes,
        envelope: &Envelope,
        client: ClientRequest<X>,
        now: Timestamp,
    ) {
        let (Some(at), Some(mut call)) = (envelope.span(Field::Id), client.call) else { return };
        let id = Edit { at, with: client.id };
        let (message, error) = self.completion.answer(line, envelope, id, &call);
        self.effects.push_back(Effect::Answer { to: client.to, message, error });
        self.refuse_questions(&mut call, "the request that asked this has been answered");
        if call.level.is_some() {
            self.sync_level(now);
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

    fn notified(&mut self, line: &Bytes, envelope: &Envelope, origin: Option<WireId>, now: Timestamp) {
        let session = self.only_member();
        match &*envelope.method(line) {
            "notifications/progress" => self.progressed(line, envelope, now),
            "notifications/cancelled" => self.question_withdrawn(line, envelope, origin, now),
            "notifications/tools/list_changed" => self.list_changed(ListKind::Tools, line, envelope),
            "notifications/prompts/list_changed" => self.list_changed(ListKind::Prompts, line, envelope),
            "notifications/resources/list_changed" => self.list_changed(ListKind::Resources, line, envelope),
            "notifications/resources/updated" => self.resource_updated(line, envelope),
            "notifications/message" if !self.is_owned() => self.logged(line, envelope, origin, now),
            method => match session {
                Some(key) => self.place(key, origin, jsonrpc::splice(line, &[])),
                None => self.place_alone(origin, method, line, now),
            },
        }
    }

    /// A notification that only its stream can tell the owner of, or that it has the process for itself.
    fn place_alone(&mut self, origin: Option<WireId>, method: &str, line: &Bytes, now: Timestamp) {
        let id = match self.is_leased() {
            true => self.requester(origin, now),
            false => origin,
        };
        // What modern clients know nothing of.
        let gone =
            method == "notifications/elicitation/complete" || method.starts_with("notifications/tasks");
        match id.and_then(|id| Some((id, self.in_flight.client(id)?))) {
            Some((id, client)) if client.call.is_none() => {
                self.place(client.member, Some(id), jsonrpc::splice(line, &[]));
            }
            Some((id, _)) if !gone => self.relate(id, line, None),
            _ => self.drop_message(DropReason::Unattributable),
        }
    }

    fn list_changed(&mut self, kind: ListKind, line: &Bytes, envelope: &Envelope) {
        self.effects.push_back(Effect::ListChanged(kind));
        self.broadcast(jsonrpc::splice(line, &[]));
        self.tell_listeners(kind, line, envelope);
    }

    /// Progress belongs to the stream of the request that bears its token.
    fn progressed(&mut self, line: &Bytes, envelope: &Envelope, now: Timestamp) {
        let Some(at) = envelope.span(Field::ParamsProgressToken) else {
            return self.drop_message(DropReason::UnknownProgress);
        };
        let id = match self.only_member() {
            None => jsonrpc::text::integer_value(at.of(line)).map(WireId::new),
            Some(_) => self.bearer_of(at.of(line)),
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
        let to = (client.call.is_none()).then(|| client.to.clone());
        let deadline = self.limits.extended(sent, now);
        if let Some(request) = self.in_flight.get_mut(id) {
            request.deadline = deadline;
        }
        let Some(to) = to else { return self.relate(id, line, Some(at)) };
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

    fn question_withdrawn(
        &mut self,
        line: &Bytes,
        envelope: &Envelope,
        origin: Option<WireId>,
        now: Timestamp,
    ) {
        let span = envelope.span(Field::ParamsRequestId);
        match span.and_then(|at| Some((at, self.questions.withdraw(at.of(line))?))) {
            Some((at, (id, member))) => {
                self.extend_all_of(member, now);
                let message = jsonrpc::splice(line, &[Edit { at, with: id.to_string().into() }]);
                self.place(member, origin, message);
            }
            None if span.is_some_and(|at| self.withdraw_question(at.of(line))) => {}
            None => self.drop_message(DropReason::UnknownCancellation),
        }
    }

    fn resource_updated(&mut self, line: &Bytes, envelope: &Envelope) {
        let message = jsonrpc::splice(line, &[]).compact();
        if self.is_owned() {
            return self.broadcast(message);
        }
        let uri = envelope.span(Field::ParamsUri).and_then(|span| jsonrpc::text::string_value(span.of(line)));
        let uri = uri.unwrap_or_default();
        for member in self.subscriptions.concerned(&uri) {
            if !self.tell_listener(member, &uri, line, envelope) {
                self.background(member, message.clone());
            }
        }
    }

    /// A log message. Where clients share the server, each gets what it asked for and no more.
    fn logged(&mut self, line: &Bytes, envelope: &Envelope, origin: Option<WireId>, now: Timestamp) {
        let id = self.requester(origin, now);
        let Some((id, client)) = id.and_then(|id| Some((id, self.in_flight.client(id)?))) else {
            return self.drop_message(DropReason::UnattributableLog);
        };
        let level = level(line, envelope);
        if let Some(call) = &client.call {
            return match call.level.is_none_or(|threshold| level < Some(threshold)) {
                true => self.drop_message(DropReason::BelowLevel),
                false => self.relate(id, line, None),
            };
        }
        let owner = client.member;
        // Whoever asked for nothing does not get what another session asked for.
        let own = self.members.get(&owner).and_then(|member| member.level);
        let threshold = own.or(self.level.map(|level| level.max(Level::Info)));
        match level < threshold {
            true => self.drop_message(DropReason::BelowLevel),
            false => self.place(owner, origin, jsonrpc::splice(line, &[])),
        }
    }

    /// The request that a message belongs to: the one that `origin` names, else one of whoever alone has requests
    /// in flight, if the server is not still at work on what another has given up.
    pub(super) fn requester(&mut self, origin: Option<WireId>, now: Timestamp) -> Option<WireId> {
        if let Some(id) = origin {
            // A stream whose request is over is nobody else's.
            return self.in_flight.client(id).map(|_| id);
        }
        if self.busy != 1 {
            return None;
        }
        let (id, member) = self.in_flight.clients().next().map(|(id, client)| (id, client.member))?;
        // Whoever waits for a subscription has a request in flight too.
        let alone = !self.subscriptions.another_waits(member) && !self.abandoned.of_another(member, now);
        alone.then_some(id)
    }

    /// A request of the server's.
    fn asked(&mut self, line: &Bytes, envelope: &Envelope, origin: Option<WireId>, now: Timestamp) {
        let Some(at) = envelope.span(Field::Id) else { return };
        // A copy: a question may stay open for long, and must not pin the read buffer.
        let id = Bytes::copy_from_slice(at.of(line));
        let method = envelope.method(line);
        if method == "ping" {
            return self.reply(jsonrpc::build::response(&id, b"{}"));
        }
        if !self.is_owned() {
            return self.ask_call(id, line, envelope, origin, now);
        }
        let (code, reason) = match self.only_member() {
            _ if self.questions.is_full() => (code::OVERLOADED, "too many requests to the client are open"),
            Some(key) => return self.ask(key, origin, id, at, line),
            None => (code::REFUSED, "the client has gone away"),
        };
        let error = RpcError::new(code, format!("{method}: {reason}"));
        self.reply(error.to_response(Some(&id)));
    }

    fn ask(&mut self, member: MemberKey, origin: Option<WireId>, id: Bytes, at: Span, line: &Bytes) {
        let shown = self.questions.ask(Question { member, id });
        self.place(member, origin, jsonrpc::splice(line, &[Edit { at, with: shown.to_string().into() }]));
    }

    /// Puts a message on the stream of the session's request that `origin` names, else of its newest one, else
    /// on its standalone stream.
    fn place(&mut self, key: MemberKey, origin: Option<WireId>, message: Payload) {
        let newest = || self.members.get(&key)?.in_flight.last();
        let client = origin
            .and_then(|id| self.in_flight.client(id))
            .or_else(|| newest().and_then(|id| self.in_flight.client(*id)));
        match client.map(|client| client.to.clone()) {
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
