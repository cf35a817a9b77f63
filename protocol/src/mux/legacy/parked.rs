//! Questions of the server's to modern clients (multi-round-trip requests over a call that blocks).
//!
//! A modern client cannot be asked while it waits: its exchange is answered with what the server asks, and it
//! comes back with the answers. Until then the call stays open at the server, parked.

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
use serde_json::value::RawValue;

use super::{
    DropReason, Effect, LegacyMux, MemberKey, Sharing, WireId,
    ability::Ask,
    dialogue::Notification,
    request::{Call, ClientRequest, From},
    retain,
};
use crate::{
    error::{RpcError, code},
    jsonrpc::{self, Envelope, Field, Span, object},
    mux::progress_token,
    time::Timestamp,
};

/// After a question, others that are asked at the same time have this long to come.
const SILENCE: Duration = Duration::from_millis(15);

/// Why a shared server's questions are refused.
const SHARED: &str = "this server is shared by several clients, and the request names none of them";

/// A call that has been answered while its client was away.
#[derive(Debug)]
pub(super) struct Returned<X> {
    client: ClientRequest<X>,
    line: Bytes,
    envelope: Box<Envelope>,
}

impl<S: Clone, X: Clone> LegacyMux<S, X> {
    /// The client of a parked call has come back with the same request and `inputResponses`. The driver has
    /// verified the state that it brought; `round` is the one that the state names.
    ///
    /// # Errors
    /// The state is outdated or the answers are malformed: nothing has changed.
    pub fn resume(
        &mut self,
        key: MemberKey,
        round: u32,
        to: X,
        message: &Bytes,
        envelope: &Envelope,
        now: Timestamp,
    ) -> Result<(), RpcError> {
        let invalid = |sentence: &'static str| RpcError::new(code::INVALID_PARAMS, sentence);
        let wire = self.calls.get(&key).copied();
        let client = match self.returned.get(&key) {
            Some(returned) => Some(&returned.client),
            None => wire.and_then(|wire| self.in_flight.client(wire)),
        };
        let dialogue = client.and_then(|client| client.call.as_deref()).map(|call| &call.dialogue);
        match dialogue.filter(|dialogue| dialogue.is_parked()) {
            None => return Err(invalid("no call waits for these input responses")),
            Some(dialogue) if dialogue.round() != round => {
                return Err(invalid("this request state has been used already"));
            }
            Some(_) => {}
        }
        let answers = input_responses(message, envelope)?;
        let id = envelope.span(Field::Id).ok_or_else(|| invalid("the request has no id"))?;
        let (id, token) = (retain(id, message), progress_token(message, envelope));
        let token = token.map(|span| retain(span, message));
        if let Some(Returned { mut client, line, envelope: answer }) = self.returned.remove(&key) {
            (client.to, client.id, client.token) = (to, id, token);
            self.effects.extend(client.kept());
            self.answer_call(&line, &answer, client, now);
        } else if let Some(request) = wire.and_then(|wire| self.in_flight.get_mut(wire))
            && let From::Client(client) = &mut request.from
            && let Some(call) = &mut client.call
        {
            call.renew(message, envelope);
            (client.to, client.id, client.token) = (to, id, token);
            (request.sent, request.deadline) = (now, now.after(self.limits.request_timeout));
            let replies = call.dialogue.take_answers(&answers);
            self.effects.extend(client.kept());
            replies.into_iter().for_each(|reply| self.reply(reply));
            wire.into_iter().for_each(|wire| self.go_on(wire));
            self.sync_level(now);
        }
        Ok(())
    }

    /// The client's exchange is there (again): what is open is asked at once, else the call runs.
    fn go_on(&mut self, wire: WireId) {
        let Some(request) = self.in_flight.get_mut(wire) else { return };
        let From::Client(ClientRequest { call: Some(call), .. }) = &mut request.from else { return };
        if call.dialogue.run() {
            self.deadlines.push(request.deadline, wire);
        }
        self.tell(wire);
    }

    /// Tells the client what the server asks, if anything is open: a round.
    fn tell(&mut self, wire: WireId) {
        let Some(client) = self.in_flight.client_mut(wire) else { return };
        let Some(dialogue) = client.call.as_mut().map(|call| &mut call.dialogue) else { return };
        let Some((round, requests)) = dialogue.tell() else { return };
        let (to, id, member) = (client.to.clone(), client.id.clone(), client.member);
        self.effects.push_back(Effect::InputRequired { to, id, member, round, requests });
    }

    /// Tells what has been gathered, where nothing has been asked for a while.
    pub(super) fn end_silences(&mut self, now: Timestamp) {
        while let Some(position) = self.gathering.iter().position(|(_, until)| *until <= now) {
            let (wire, _) = self.gathering.swap_remove(position);
            self.tell(wire);
        }
    }

    /// A request of the server's that is not for a session.
    pub(super) fn ask_call(
        &mut self,
        id: Bytes,
        line: &Bytes,
        envelope: &Envelope,
        origin: Option<WireId>,
        now: Timestamp,
    ) {
        let method = envelope.method(line);
        let wire = self.caller(origin, now);
        let call = wire.and_then(|wire| self.in_flight.call_mut(wire)).filter(|call| call.may_be_asked());
        let (code, reason) = match (Ask::of(&method), call) {
            (Some(ask), Some(call)) => {
                let params = envelope.span(Field::Params).map(|span| span.of(line));
                let needs = ask.needs(params);
                let declared = call.abilities().covers(needs);
                if !declared {
                    call.missing = call.missing.with(needs);
                }
                match self.sharing {
                    Sharing::Shared => (code::METHOD_NOT_FOUND, SHARED),
                    Sharing::Exclusive if !declared => {
                        (code::METHOD_NOT_FOUND, "the client does not offer this")
                    }
                    Sharing::Exclusive if call.dialogue.is_full() => {
                        (code::OVERLOADED, "too many requests to the client are open")
                    }
                    Sharing::Exclusive => {
                        let starts = call.dialogue.ask(ask, params_of(line, envelope), id);
                        return wire.filter(|_| starts).into_iter().for_each(|wire| self.gather(wire, now));
                    }
                }
            }
            (Some(Ask::Roots), None) if !self.has_session => {
                return self.reply(jsonrpc::build::response(&id, br#"{"roots":[]}"#));
            }
            _ if self.sharing == Sharing::Shared => (code::METHOD_NOT_FOUND, SHARED),
            _ => (code::METHOD_NOT_FOUND, "no client can be asked this now"),
        };
        let error = RpcError::new(code, format!("{method}: {reason}"));
        self.reply(error.to_response(Some(&id)));
    }

    /// Waits for the silence after a question.
    fn gather(&mut self, wire: WireId, now: Timestamp) {
        self.gathering.retain(|(gathered, _)| *gathered != wire);
        self.gathering.push((wire, now.after(SILENCE)));
    }

    /// The server withdraws a question with this raw id; false if it has asked no modern client that.
    pub(super) fn withdraw_question(&mut self, id: &[u8]) -> bool {
        let asks = |wire: &WireId| {
            let call = self.in_flight.client(*wire).and_then(|client| client.call.as_ref());
            call.is_some_and(|call| call.dialogue.asks(id))
        };
        // A shared server's questions are never open.
        let calls = self.calls.values().filter(|_| self.sharing == Sharing::Exclusive);
        let Some(wire) = calls.copied().find(asks) else { return false };
        let Some(call) = self.in_flight.call_mut(wire) else { return false };
        if call.dialogue.withdraw(id) {
            self.gathering.retain(|(gathered, _)| *gathered != wire);
            self.go_on(wire);
        }
        true
    }

    /// The call is over: whatever the server still asks will not be answered.
    pub(super) fn refuse_questions(&mut self, call: &mut Call, reason: &'static str) {
        for id in call.dialogue.close() {
            let error = RpcError::new(code::REFUSED, reason);
            self.reply(error.to_response(Some(&id)));
        }
    }

    /// A notification for a modern call's exchange, or for its next one if the client is away.
    pub(super) fn relate(&mut self, wire: WireId, line: &Bytes, token: Option<Span>) {
        let Some(client) = self.in_flight.client_mut(wire) else { return };
        let notification = Notification { line: line.clone(), token };
        let Some(call) = client.call.as_mut().filter(|call| call.dialogue.is_parked()) else {
            let message = notification.message(client.token.as_ref());
            let to = client.to.clone();
            return self.effects.extend(message.map(|message| Effect::Related { to, message }));
        };
        if !call.dialogue.keep(&notification) {
            self.drop_message(DropReason::ClientAway);
        }
    }

    /// The answer to a call whose client is away is kept until it comes back.
    pub(super) fn keep_answer(&mut self, line: &Bytes, envelope: &Envelope, mut client: ClientRequest<X>) {
        if let Some(call) = &mut client.call {
            self.refuse_questions(call, "the request that asked this has been answered");
        }
        let line = Bytes::copy_from_slice(line);
        let envelope = Box::new(envelope.clone());
        self.returned.insert(client.member, Returned { client, line, envelope });
    }

    /// As [`LegacyMux::keep_answer`], where the server will not give one.
    pub(super) fn keep_error(&mut self, error: &RpcError, client: ClientRequest<X>) {
        let line = error.to_response(Some(b"0"));
        if let Ok(envelope) = jsonrpc::scan(&line) {
            self.keep_answer(&line, &envelope, client);
        }
    }
}

impl<X: Clone> ClientRequest<X> {
    /// What came while the client was away.
    fn kept<S>(&mut self) -> Vec<Effect<S, X>> {
        let kept = self.call.as_mut().map(|call| call.dialogue.take_kept());
        let messages = kept.into_iter().flatten().filter_map(|kept| kept.message(self.token.as_ref()));
        messages.map(|message| Effect::Related { to: self.to.clone(), message }).collect()
    }
}

/// What the client is shown of a question: an id of its elicitation means nothing to it.
fn params_of(line: &Bytes, envelope: &Envelope) -> Option<Bytes> {
    let params = envelope.span(Field::Params).filter(|span| span.of(line)[0] == b'{')?;
    let Some(value) = envelope.span(Field::ParamsElicitationId) else {
        return Some(Bytes::copy_from_slice(params.of(line)));
    };
    let gone = object::removal(line, value, 0);
    Some([&line[params.start()..gone.start()], &line[gone.end()..params.end()]].concat().into())
}

fn input_responses<'a>(
    message: &'a Bytes,
    envelope: &Envelope,
) -> Result<BTreeMap<String, &'a RawValue>, RpcError> {
    let Some(span) = envelope.span(Field::ParamsInputResponses) else { return Ok(BTreeMap::new()) };
    serde_json::from_slice::<BTreeMap<String, &RawValue>>(span.of(message))
        .ok()
        .filter(|responses| responses.values().all(|response| response.get().starts_with('{')))
        .ok_or_else(|| {
            RpcError::new(code::INVALID_PARAMS, "inputResponses must be an object of result objects")
        })
}
