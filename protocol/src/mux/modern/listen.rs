//! Subscriptions of modern clients: exchanges that live on, even when the server process does not.

use std::time::Duration;

use bytes::Bytes;

use super::{
    Effect, ModernMux, WireId,
    filter::{Filter, tag},
    request::{From, Listen},
};
use crate::{
    error::code,
    jsonrpc::{self, Edit, Envelope, Field},
    mux::{progress_token, readdress},
    time::Timestamp,
};

/// How long after a subscription has broken off it is opened again.
const PAUSE: Duration = Duration::from_secs(1);

impl<S: Clone, X: Clone> ModernMux<S, X> {
    /// A notification of a client's subscription.
    pub(super) fn listener_notified(&mut self, id: WireId, line: &Bytes, envelope: &Envelope) {
        let Some(listen) = self.in_flight.listen_mut(id) else { return };
        if envelope.method(line) == "notifications/subscriptions/acknowledged" {
            let filter = envelope.span(Field::ParamsNotifications).map_or(&b"{}"[..], |span| span.of(line));
            // Only the first counts to the client; another one comes from the next process.
            if listen.granted.replace(Filter::parse(filter).kinds).is_some() {
                return;
            }
        }
        let (to, with) = (listen.to.clone(), listen.id.clone());
        let edit = envelope.span(Field::MetaSubscriptionId).map(|at| Edit { at, with });
        let message = jsonrpc::splice(line, edit.as_slice());
        self.effects.push_back(Effect::Related { to, message });
    }

    /// Ends all subscriptions of modern clients with their final result: nobody will serve them any longer.
    pub fn end_listens(&mut self) {
        let listens = self.in_flight.iter().filter(|(_, request)| matches!(request.from, From::Listen(_)));
        for id in listens.map(|(id, _)| id).collect::<Vec<_>>() {
            self.listener_dismissed(id);
        }
    }

    /// The server has ended a client's subscription without a response.
    pub(super) fn listener_dismissed(&mut self, id: WireId) {
        let Some(From::Listen(listen)) = self.unregister(id).map(|request| request.from) else { return };
        let tag = tag(&listen.id);
        let result = [br#"{"resultType":"complete","#, &tag[1..]].concat();
        self.answer(listen.to, jsonrpc::build::response(&listen.id, &result));
    }

    /// Over HTTP the stream of a subscription can break off, which is not the end of it once the server has
    /// acknowledged it. False if this is another error, for the client.
    pub(super) fn listener_interrupted(&mut self, id: WireId, error: Option<i64>, now: Timestamp) -> bool {
        let broken = matches!(error, Some(code::BAD_GATEWAY | code::GATEWAY_TIMEOUT));
        let acknowledged = self.in_flight.listen_mut(id).is_some_and(|listen| listen.granted.is_some());
        if let Some(request) = self.in_flight.get_mut(id).filter(|_| broken && acknowledged) {
            request.deadline = Some(now.after(PAUSE));
            self.look_at(id);
        }
        broken && acknowledged
    }

    /// Opens a subscription that has broken off. False if the request is none.
    pub(super) fn listen_again(&mut self, id: WireId) -> bool {
        let Some(request) = self.in_flight.get_mut(id) else { return false };
        let From::Listen(listen) = &request.from else { return false };
        request.deadline = None;
        self.effects.extend(Self::reopening(id, listen));
        true
    }

    /// Opens the clients' subscriptions in a new process.
    pub(super) fn listen_anew(&mut self) {
        for (id, request) in self.in_flight.iter() {
            if let From::Listen(listen) = &request.from {
                self.effects.extend(Self::reopening(id, listen));
            }
        }
    }

    /// Asks for the subscription once more. What has changed meanwhile is not known, so the client is told of every
    /// list that it was promised.
    fn reopening(id: WireId, listen: &Listen<X>) -> Vec<Effect<S, X>> {
        let envelope = jsonrpc::scan(&listen.message).ok();
        let request = envelope.map(|envelope| {
            let token = progress_token(&listen.message, &envelope);
            readdress(&listen.message, envelope.span(Field::Id), token, id)
        });
        let changes = listen.granted.unwrap_or_default();
        let told = changes.iter().map(|kind| Effect::Related {
            to: listen.to.clone(),
            message: Self::tagged_change(kind, &listen.id),
        });
        request.map(Effect::ToServer).into_iter().chain(told).collect()
    }
}
