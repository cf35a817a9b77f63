//! Messages from the server.

use bytes::Bytes;

use super::{
    DropReason, Effect, ModernMux, WireId,
    filter::number,
    request::{From, Own},
};
use crate::{
    error::{RpcError, code},
    jsonrpc::{self, Edit, Envelope, Field, Kind, ScanError},
    mux::{each_message, error_code, level},
    time::Timestamp,
};

impl<S: Clone, X: Clone> ModernMux<S, X> {
    /// One line from the server: a message, or a batch of them, which this revision has not but which does no
    /// harm.
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
        let envelope = jsonrpc::scan(line)?;
        if !self.link.has_process() {
            // The last words of a process that has been given up.
            return Ok(());
        }
        let line = &jsonrpc::one_line(line.clone(), &envelope);
        let origin = origin.map(WireId::new);
        match envelope.kind() {
            Kind::Response | Kind::Error => self.answered(line, &envelope, now),
            Kind::Notification => self.notified(line, &envelope, origin, now),
            Kind::Request => self.asked(line, &envelope),
        }
        Ok(())
    }

    fn answered(&mut self, line: &Bytes, envelope: &Envelope, now: Timestamp) {
        let span = envelope.span(Field::Id);
        let id = span.and_then(|span| jsonrpc::text::integer_value(span.of(line))).map(WireId::new);
        let known = id.and_then(|id| self.in_flight.get(id)).and_then(|request| match &request.from {
            // It has had its response; the next one will bear another id.
            From::Call(call) if call.asks() => None,
            From::Call(call) => Some(call.legacy.is_some()),
            From::Listen(_) | From::Own(_) => Some(false),
        });
        let (Some(id), Some(at), Some(is_legacy)) = (id, span, known) else {
            if let Some(id) = id {
                self.abandoned.answered(id);
            }
            return self.drop_message(DropReason::UnknownResponse);
        };
        if is_legacy {
            return self.legacy_answered(id, line, envelope, now);
        }
        if self.listener_interrupted(id, error_code(line, envelope), now) {
            return;
        }
        match self.unregister(id).map(|request| request.from) {
            Some(From::Call(call)) => {
                let message = jsonrpc::splice(line, &[Edit { at, with: call.id }]);
                let error = error_code(line, envelope);
                self.effects.push_back(Effect::Answer { to: call.to, message, error });
            }
            Some(From::Listen(listen)) => {
                let tag = envelope.span(Field::ResultSubscriptionId);
                let mut edits: Vec<_> = [Some(at), tag]
                    .into_iter()
                    .flatten()
                    .map(|at| Edit { at, with: listen.id.clone() })
                    .collect();
                edits.sort_unstable_by_key(|edit| edit.at);
                let (message, error) = (jsonrpc::splice(line, &edits), error_code(line, envelope));
                self.effects.push_back(Effect::Answer { to: listen.to, message, error });
            }
            Some(From::Own(Own::Discover)) => self.discovered(line, envelope, now),
            Some(From::Own(Own::Feed)) => self.feed_answered(id, line, envelope, now),
            None => {}
        }
    }

    fn notified(&mut self, line: &Bytes, envelope: &Envelope, origin: Option<WireId>, now: Timestamp) {
        match &*envelope.method(line) {
            "notifications/progress" => self.progressed(line, envelope, now),
            "notifications/message" => self.logged(line, envelope, origin, now),
            "notifications/cancelled" => self.dismissed(line, envelope, now),
            method => self.subscription_notified(method, line, envelope, origin, now),
        }
    }

    /// A notification of a subscription.
    fn subscription_notified(
        &mut self,
        method: &str,
        line: &Bytes,
        envelope: &Envelope,
        origin: Option<WireId>,
        now: Timestamp,
    ) {
        let id = match envelope.span(Field::MetaSubscriptionId) {
            Some(span) => number(span.of(line)).map(WireId::new),
            None if origin.is_some() => origin,
            None => return self.drop_message(DropReason::Unattributable),
        };
        match id.and_then(|id| Some((id, &self.in_flight.get(id)?.from))) {
            Some((id, From::Listen(_))) => self.listener_notified(id, line, envelope),
            Some((id, From::Own(Own::Feed))) => self.feed_notified(id, method, line, envelope, now),
            _ => self.drop_message(DropReason::UnknownSubscription),
        }
    }

    /// The server ends a subscription.
    fn dismissed(&mut self, line: &Bytes, envelope: &Envelope, now: Timestamp) {
        let id =
            envelope.span(Field::ParamsRequestId).and_then(|span| number(span.of(line))).map(WireId::new);
        match id.and_then(|id| Some((id, &self.in_flight.get(id)?.from))) {
            Some((id, From::Listen(_))) => self.listener_dismissed(id),
            Some((id, From::Own(Own::Feed))) => {
                let error = RpcError::new(code::SERVER_GONE, "the server has ended the subscription");
                self.fail(id, &error, now);
            }
            _ => self.drop_message(DropReason::UnknownCancellation),
        }
    }

    /// Progress belongs to the stream of the request that bears its token.
    fn progressed(&mut self, line: &Bytes, envelope: &Envelope, now: Timestamp) {
        let span = envelope.span(Field::ParamsProgressToken);
        let id = span.and_then(|at| jsonrpc::text::integer_value(at.of(line))).map(WireId::new);
        let call = id.and_then(|id| self.in_flight.call_mut(id)).filter(|call| !call.asks());
        let known = call.and_then(|call| Some((call.to.clone(), call.token.clone()?, call.legacy.as_mut())));
        let (Some(id), Some(at), Some((to, with, legacy))) = (id, span, known) else {
            return self.drop_message(DropReason::UnknownProgress);
        };
        // Each round of a legacy client's call may count from zero; to the client it is one call.
        let is_stale = legacy.is_some_and(|legacy| {
            let raw = envelope.span(Field::ParamsProgress).map_or(&b""[..], |span| span.of(line));
            let progress = std::str::from_utf8(raw).ok().and_then(|text| text.parse::<f64>().ok());
            let grows = progress.is_none_or(|progress| progress > legacy.progress);
            legacy.progress = progress.unwrap_or(legacy.progress).max(legacy.progress);
            !grows
        });
        if let Some(request) = self.in_flight.get_mut(id) {
            request.deadline = Some(self.limits.extended(request.sent, now));
        }
        if is_stale {
            return self.drop_message(DropReason::StaleProgress);
        }
        let message = jsonrpc::splice(line, &[Edit { at, with }]);
        self.effects.push_back(Effect::Related { to, message });
    }

    /// A log message names no request. Unless its stream does, it is given to a call only when that call alone
    /// has asked for logs, and the server is not still at work on another one that somebody has given up.
    fn logged(&mut self, line: &Bytes, envelope: &Envelope, origin: Option<WireId>, now: Timestamp) {
        let only = self.logging.first().filter(|_| self.logging.len() == 1).copied();
        let id = origin.or(only).filter(|id| self.logging.contains(id));
        let Some((to, member)) =
            id.and_then(|id| self.in_flight.call(id)).map(|call| (call.to.clone(), call.member))
        else {
            return self.drop_message(DropReason::UnattributableLog);
        };
        if origin.is_none() && self.abandoned.of_another(member, now) {
            return self.drop_message(DropReason::UnattributableLog);
        }
        // A session may have raised its level since.
        let threshold = self.sessions.get(&member).and_then(|session| session.level());
        match threshold.is_some() && level(line, envelope) < threshold {
            true => self.drop_message(DropReason::BelowLevel),
            false => self.effects.push_back(Effect::Related { to, message: jsonrpc::splice(line, &[]) }),
        }
    }

    /// A request of the server's: this revision has none.
    fn asked(&mut self, line: &Bytes, envelope: &Envelope) {
        let id = envelope.span(Field::Id).map(|span| span.of(line));
        let message = format!("{}: a server of {} asks nothing", envelope.method(line), super::VERSION);
        let response = RpcError::new(code::METHOD_NOT_FOUND, message).to_response(id);
        self.effects.push_back(Effect::ToServer(response.into()));
    }
}
