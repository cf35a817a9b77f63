//! Requests of modern clients (2026-07-28). Each stands alone: it is a member for as long as it lives.

use bytes::Bytes;

use super::{
    Effect, LegacyMux, MemberKey, Overloaded, WireId,
    request::{Call, ClientRequest, From, Then},
    retain,
};
use crate::{
    error::{RpcError, code},
    jsonrpc::{self, Edit, Envelope, Field, Payload, Span, object},
    mux::progress_token,
    time::Timestamp,
};

impl<S: Clone, X: Clone> LegacyMux<S, X> {
    /// A modern client's request, which its edge has validated. It is a member for as long as it lives: until
    /// its [`Effect::Answer`] or [`Effect::End`], or until `detach`. [`Effect::InputRequired`] ends the
    /// exchange but not the call.
    ///
    /// # Errors
    /// [`Overloaded`]: nothing was done.
    pub fn call(
        &mut self,
        to: X,
        message: &Bytes,
        envelope: &Envelope,
        now: Timestamp,
    ) -> Result<MemberKey, Overloaded> {
        if self.is_full() {
            return Err(Overloaded);
        }
        let member = self.new_key();
        let Some(id) = envelope.span(Field::Id).map(|span| retain(span, message)) else {
            self.effects.push_back(Effect::End { to });
            return Ok(member);
        };
        let method = envelope.method(message);
        if method.starts_with("tasks/") {
            // Tasks of 2025-11-25 are something else than the extension of that name.
            let error = RpcError::new(code::METHOD_NOT_FOUND, "tasks are not offered by this server");
            self.answer_error(to, &error, &id);
            return Ok(member);
        }
        let token = progress_token(message, envelope).map(|span| retain(span, message));
        let call = Call::new(&method, message, envelope);
        let logs = call.level.is_some();
        let client = ClientRequest { member, to, id, token, then: Then::Nothing, call: Some(call) };
        let wire = self.register(From::Client(client), now);
        if logs {
            self.sync_level(now);
        }
        self.send_as(Some(wire), for_server(message, envelope, wire));
        Ok(member)
    }

    /// A request of the driver's own, on behalf of no client: what the server says while it is at work on it is told
    /// apart as if there were no such request. Ends in [`Effect::Answer`], or with [`LegacyMux::withdraw`], to which the
    /// request is known by the returned id.
    ///
    /// # Errors
    /// [`Overloaded`]: nothing was done.
    pub fn inquire(
        &mut self,
        to: X,
        message: &Bytes,
        envelope: &Envelope,
        now: Timestamp,
    ) -> Result<u64, Overloaded> {
        let id = envelope.span(Field::Id).map(|span| retain(span, message));
        let id = id.filter(|_| !self.is_full()).ok_or(Overloaded)?;
        let wire = self.register(From::Driver { to, id }, now);
        self.send_as(Some(wire), for_server(message, envelope, wire));
        Ok(wire.get())
    }

    /// Gives up a request of the driver's own, if it has not been answered.
    pub fn withdraw(&mut self, id: u64, now: Timestamp) {
        let id = WireId::new(id);
        if !self.in_flight.get(id).is_some_and(|request| matches!(request.from, From::Driver { .. })) {
            return;
        }
        self.cancel_upstream(id, "not waited for any longer", now);
        if let Some(From::Driver { to, .. }) = self.unregister(id).map(|request| request.from) {
            self.effects.push_back(Effect::End { to });
        }
    }

    /// Whether a process that calls have for themselves in turn may be given to the next one: it is at work on
    /// nothing, as far as can be known, and nobody is to come back.
    pub fn is_quiet(&self) -> bool {
        self.calls.is_empty()
            && self.returned.is_empty()
            && self.in_flight.clients().next().is_none()
            && self.abandoned.is_empty()
    }

    /// A modern client has gone, or is not waited for any longer.
    pub(super) fn detach_call(&mut self, key: MemberKey, now: Timestamp) {
        self.returned.remove(&key);
        let Some(wire) = self.calls.get(&key).copied() else { return };
        self.cancel_upstream(wire, "the client has gone away", now);
        let Some(From::Client(client)) = self.unregister(wire).map(|request| request.from) else { return };
        let Some(mut call) = client.call else { return };
        self.refuse_questions(&mut call, "the client has gone away");
        if !call.dialogue.is_parked() {
            self.effects.push_back(Effect::End { to: client.to });
        }
        if call.level.is_some() {
            self.sync_level(now);
        }
    }

    /// The modern call that a message of the server's belongs to: the one that `origin` names, else the only
    /// request that the server is at work on.
    pub(super) fn caller(&mut self, origin: Option<WireId>, now: Timestamp) -> Option<WireId> {
        let id = self.requester(origin, now)?;
        self.in_flight.client(id)?.call.is_some().then_some(id)
    }
}

/// What only a modern server may see: a server of both eras would take the request for a modern one. And what
/// belongs to a call that has been answered before.
const NOT_FOR_SERVER: [Field; 6] = [
    Field::MetaVersion,
    Field::MetaCapabilities,
    Field::MetaClientInfo,
    Field::MetaLogLevel,
    Field::ParamsInputResponses,
    Field::ParamsRequestState,
];

/// The request as the server is to see it: under its id there, which is its progress token too, and without
/// what is not for it.
fn for_server(message: &Bytes, envelope: &Envelope, wire: WireId) -> Payload {
    let with = wire.to_bytes();
    let end = Span::empty(message.len() as u32);
    let mut edits: [Edit; 8] = std::array::from_fn(|_| Edit { at: end, with: Bytes::new() });
    for (edit, at) in edits.iter_mut().zip([envelope.span(Field::Id), progress_token(message, envelope)]) {
        if let Some(at) = at {
            *edit = Edit { at, with: with.clone() };
        }
    }
    let mut removed = NOT_FOR_SERVER.map(|field| envelope.span(field));
    removed.sort();
    let mut floor = 0;
    for (edit, value) in edits[2..].iter_mut().zip(removed.into_iter().flatten()) {
        edit.at = object::removal(message, value, floor);
        floor = edit.at.end();
    }
    edits.sort_by_key(|edit| edit.at.start);
    jsonrpc::splice(message, &edits)
}
