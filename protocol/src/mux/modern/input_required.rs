//! Multi-round-trip requests (2026-07-28) for legacy clients: what the server wants to know before it answers
//! becomes requests to the client, and when all are answered the call is sent again with the answers.

use std::time::Duration;

use bytes::Bytes;

use super::{
    Effect, ModernMux, WireId,
    input::{AsksFor, Input, inputs},
    metadata,
    request::{Call, From},
    rounds::Asked,
};
use crate::{
    error::{RpcError, code},
    jsonrpc::{self, Envelope, Field, Kind},
    mux::{DropReason, MemberKey, questions::Question},
    time::Timestamp,
};

/// A call ends after this many times that the server has asked for input.
const MAX_ROUNDS: u32 = 8;

/// Questions of one round.
const MAX_QUESTIONS: usize = 64;

/// How long a call may wait for its client's answers, from the first question on.
const PATIENCE: Duration = Duration::from_secs(600);

impl<S: Clone, X: Clone> ModernMux<S, X> {
    /// The server has answered a legacy client's call that it needs input first.
    pub(super) fn input_required(&mut self, id: WireId, line: &Bytes, envelope: &Envelope, now: Timestamp) {
        if let Err(error) = self.open_round(id, line, envelope, now) {
            self.fail(id, &error, now);
        }
    }

    fn open_round(
        &mut self,
        id: WireId,
        line: &Bytes,
        envelope: &Envelope,
        now: Timestamp,
    ) -> Result<(), RpcError> {
        let inputs = inputs(line, envelope).ok_or_else(|| invalid("inputRequests cannot be understood"))?;
        let state = envelope.span(Field::ResultRequestState).map(|at| Bytes::copy_from_slice(at.of(line)));
        if inputs.is_empty() && state.is_none() {
            return Err(invalid("there are neither inputRequests nor a requestState"));
        }
        if inputs.len() > MAX_QUESTIONS || self.questions.is_full() {
            return Err(RpcError::new(code::OVERLOADED, "the server asks the client too much at once"));
        }
        let Some(Call { member, to, legacy: Some(legacy), .. }) = self.in_flight.call_mut(id) else {
            return Ok(());
        };
        let (member, to, rounds) = (*member, to.clone(), &mut legacy.rounds);
        if rounds.message.is_none() {
            return Err(invalid("this method's result cannot ask for input"));
        }
        if rounds.count == MAX_ROUNDS {
            return Err(invalid("it was asked for too often"));
        }
        let capabilities = self.sessions.get(&member).map(|session| &session.capabilities);
        let undeclared = |input: &&Input| !capabilities.is_some_and(|c| input.asks_for.is_declared(c));
        if let Some(input) = inputs.iter().find(undeclared) {
            let method = input.asks_for.method();
            return Err(invalid(&format!("the client has not declared that it can answer {method}")));
        }
        rounds.count += 1;
        rounds.state = state;
        if inputs.is_empty() {
            self.retry(id, now);
            return Ok(());
        }
        let until = *rounds.until.get_or_insert(now.after(PATIENCE));
        for input in inputs {
            let number = self.questions.ask(Question { member, id: input.key.clone() });
            let params = input.params(number);
            let method = input.asks_for.method();
            let message = jsonrpc::build::request(number, method, params.as_deref()).into();
            self.effects.push_back(Effect::Related { to: to.clone(), message });
            rounds.questions.push(Asked { number, input, response: None });
        }
        self.logging.remove(&id);
        if let Some(request) = self.in_flight.get_mut(id) {
            request.deadline = Some(until);
        }
        self.look_at(id);
        Ok(())
    }

    /// A legacy client's response to a question.
    pub fn response(&mut self, member: MemberKey, message: &Bytes, envelope: &Envelope, now: Timestamp) {
        let number = envelope.span(Field::Id).and_then(|span| jsonrpc::text::integer_value(span.of(message)));
        let asked = number.filter(|number| self.questions.answer(*number, member).is_some());
        let calls = self.sessions.get(&member).map_or(&[][..], |session| &session.in_flight[..]);
        let mut open = calls.iter().filter_map(|id| Some((*id, self.in_flight.call(*id)?)));
        let of_call = asked.and_then(|number| {
            open.find_map(|(id, call)| {
                let rounds = &call.legacy.as_ref()?.rounds;
                Some((id, rounds.questions.iter().position(|asked| asked.number == number)?))
            })
        });
        let Some((id, position)) = of_call else { return self.drop_message(DropReason::UnknownAnswer) };
        let Some(legacy) = self.in_flight.call_mut(id).and_then(|call| call.legacy.as_mut()) else { return };
        let asked = &mut legacy.rounds.questions[position];
        asked.response = match (envelope.span(Field::Result), asked.input.asks_for) {
            (Some(result), _) if envelope.kind() == Kind::Response => {
                let line = jsonrpc::one_line(message.clone(), envelope);
                Some(Bytes::copy_from_slice(result.of(&line)))
            }
            // An error has no form among input responses.
            (_, AsksFor::Form | AsksFor::Url { .. }) => Some(Bytes::from_static(br#"{"action":"cancel"}"#)),
            (_, asks_for) => {
                let method = asks_for.method();
                let error = invalid(&format!("the client has answered {method} with an error"));
                return self.fail(id, &error, now);
            }
        };
        if legacy.rounds.questions.iter().all(|asked| asked.response.is_some()) {
            self.retry(id, now);
        }
    }

    /// Sends the call again, with what the client has answered.
    fn retry(&mut self, id: WireId, now: Timestamp) {
        let Some(From::Call(mut call)) = self.unregister(id).map(|request| request.from) else { return };
        let session = self.sessions.get(&call.member);
        let (Some(session), Some(legacy)) = (session, call.legacy.as_mut()) else { return };
        let Some(message) = legacy.rounds.message.clone() else { return };
        let Ok(envelope) = jsonrpc::scan(&message) else { return };
        let more = legacy.rounds.close();
        call.logs = session.level().is_some() || envelope.span(Field::MetaLogLevel).is_some();
        let member = call.member;
        let wire = self.register(From::Call(call), now);
        if let Some(session) = self.sessions.get(&member) {
            let payload = metadata::request(&message, &envelope, wire, &session.metadata, &more);
            self.send(wire, payload);
        }
    }

    /// Tells the client, if there is still one, that nobody waits for its answers.
    pub(super) fn withdraw_questions(&mut self, id: WireId) {
        let Some(Call { member, to, legacy: Some(legacy), .. }) = self.in_flight.call_mut(id) else { return };
        for asked in legacy.rounds.questions.drain(..) {
            if self.questions.answer(asked.number, *member).is_some() {
                let params = format!(r#"{{"requestId":{}}}"#, asked.number);
                let message =
                    jsonrpc::build::notification("notifications/cancelled", Some(params.as_bytes())).into();
                self.effects.push_back(Effect::Related { to: to.clone(), message });
            }
        }
    }
}

fn invalid(why: &str) -> RpcError {
    RpcError::new(code::INTERNAL_ERROR, format!("the server needs input that it cannot get: {why}"))
}
