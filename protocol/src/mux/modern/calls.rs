//! Messages from modern clients.

use bytes::Bytes;

use super::{
    Effect, ModernMux, WireId,
    request::{Call, From, Listen},
};
use crate::{
    jsonrpc::{Envelope, Field},
    mux::{MemberKey, Overloaded, progress_token, readdress, retain},
    time::Timestamp,
};

impl<S: Clone, X: Clone> ModernMux<S, X> {
    /// A modern client's request. It ends in exactly one [`Effect::Answer`] or [`Effect::End`] for `to`; until
    /// then the key names it, for [`ModernMux::detach`].
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
        if !self.has_room() {
            return Err(Overloaded);
        }
        let member = self.next_key();
        let Some(id_span) = envelope.span(Field::Id) else {
            self.effects.push_back(Effect::End { to });
            return Ok(member);
        };
        let id = retain(id_span, message);
        let token_span = progress_token(message, envelope);
        if envelope.method(message) == "subscriptions/listen" {
            // A copy: it is kept for long, and must not pin the read buffer.
            let copy = Bytes::copy_from_slice(message);
            let wire =
                self.register(From::Listen(Listen { member, to, id, message: copy, granted: None }), now);
            // Whichever process comes next is asked then.
            if self.link.is_up() {
                let message = readdress(message, Some(id_span), token_span, wire);
                self.effects.push_back(Effect::ToServer(message));
            }
            return Ok(member);
        }
        let token = token_span.map(|span| retain(span, message));
        let logs = envelope.span(Field::MetaLogLevel).is_some();
        let wire = self.register(From::Call(Call { member, to, id, token, logs, legacy: None }), now);
        self.send(wire, readdress(message, Some(id_span), token_span, wire));
        Ok(member)
    }

    /// The client of [`ModernMux::call`] has gone away.
    pub(super) fn caller_gone(&mut self, id: WireId, now: Timestamp) {
        self.cancel_upstream(id, "the client has gone away", now);
        self.end(id);
    }
}
