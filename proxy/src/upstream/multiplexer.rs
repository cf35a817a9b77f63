//! The multiplexer that fits the server's era.

use std::time::Duration;

use bytes::Bytes;
use waggle_protocol::{
    error::RpcError,
    jsonrpc::{Envelope, ScanError},
    mux::{Effect, LegacyMux, MemberKey, ModernMux, MuxLimits, Overloaded},
    time::Timestamp,
};

use super::{Handshakes, Terms, dialect::Era};

/// One of the two, each as large as a few tables: an upstream has exactly one.
#[derive(Debug)]
pub(super) enum Multiplexer<S, X> {
    Legacy(LegacyMux<S, X>),
    Modern(ModernMux<S, X>),
}

/// A request of the proxy's own that the server is at work on.
#[derive(Clone, Copy, Debug)]
pub(super) enum Inquiry {
    /// By its id on the wire.
    Legacy(u64),
    Modern(MemberKey),
}

/// The same call to whichever it is.
macro_rules! either {
    ($self:ident, $mux:ident => $call:expr) => {
        match $self {
            Self::Legacy($mux) => $call,
            Self::Modern($mux) => $call,
        }
    };
}

impl<S: Clone, X: Clone> Multiplexer<S, X> {
    pub(super) fn new(terms: &Terms, limits: MuxLimits, linger: Duration) -> Self {
        match terms.dialect.era() {
            Era::Legacy => Self::Legacy(LegacyMux::new(terms.sharing, limits)),
            Era::Modern => {
                Self::Modern(ModernMux::new(limits, Handshakes::own_identity()).over_streams(linger))
            }
        }
    }

    pub(super) fn set_limits(&mut self, limits: MuxLimits) {
        either!(self, mux => mux.set_limits(limits));
    }

    pub(super) fn connect(&mut self, terms: &Terms, now: Timestamp) {
        match self {
            Self::Legacy(mux) => mux.connect(&terms.initialize, now),
            Self::Modern(mux) => mux.connect(now),
        }
    }

    pub(super) fn disconnected(&mut self, error: &RpcError) {
        either!(self, mux => mux.disconnected(error));
    }

    pub(super) fn poll_effect(&mut self) -> Option<Effect<S, X>> {
        either!(self, mux => mux.poll_effect())
    }

    pub(super) fn members(&self) -> usize {
        either!(self, mux => mux.members())
    }

    pub(super) fn in_flight(&self) -> usize {
        either!(self, mux => mux.in_flight())
    }

    pub(super) fn held_bytes(&self) -> usize {
        either!(self, mux => mux.held_bytes())
    }

    pub(super) fn is_up(&self) -> bool {
        either!(self, mux => mux.is_up())
    }

    pub(super) fn is_idle(&self) -> bool {
        either!(self, mux => mux.is_idle())
    }

    pub(super) fn next_deadline(&self) -> Option<Timestamp> {
        either!(self, mux => mux.next_deadline())
    }

    pub(super) fn expire(&mut self, now: Timestamp) {
        either!(self, mux => mux.expire(now));
    }

    pub(super) fn server_message(
        &mut self,
        line: &Bytes,
        origin: Option<u64>,
        now: Timestamp,
    ) -> Result<(), ScanError> {
        either!(self, mux => mux.server_message(line, origin, now))
    }

    pub(super) fn attach(&mut self, session: S, hello: &Bytes) -> MemberKey {
        match self {
            Self::Legacy(mux) => mux.attach(session),
            Self::Modern(mux) => mux.attach(session, hello),
        }
    }

    pub(super) fn initialized(&mut self, member: MemberKey) {
        either!(self, mux => mux.initialized(member));
    }

    pub(super) fn detach(&mut self, member: MemberKey, now: Timestamp) {
        either!(self, mux => mux.detach(member, now));
    }

    pub(super) fn request(
        &mut self,
        member: MemberKey,
        to: X,
        message: &Bytes,
        envelope: &Envelope,
        now: Timestamp,
    ) -> Result<(), Overloaded> {
        either!(self, mux => mux.request(member, to, message, envelope, now))
    }

    pub(super) fn notification(
        &mut self,
        member: MemberKey,
        message: &Bytes,
        envelope: &Envelope,
        now: Timestamp,
    ) {
        either!(self, mux => mux.notification(member, message, envelope, now));
    }

    pub(super) fn response(
        &mut self,
        member: MemberKey,
        message: &Bytes,
        envelope: &Envelope,
        now: Timestamp,
    ) {
        either!(self, mux => mux.response(member, message, envelope, now));
    }

    /// A modern client's request.
    pub(super) fn call(
        &mut self,
        to: X,
        message: &Bytes,
        envelope: &Envelope,
        now: Timestamp,
    ) -> Result<MemberKey, Overloaded> {
        let listens = envelope.method(message) == "subscriptions/listen";
        match self {
            Self::Legacy(mux) if listens => mux.listen(to, message, envelope, now),
            Self::Legacy(mux) => mux.call(to, message, envelope, now),
            Self::Modern(mux) => mux.call(to, message, envelope, now),
        }
    }

    /// A request of the proxy's own. For a modern server it is a caller like any other.
    pub(super) fn inquire(
        &mut self,
        to: X,
        message: &Bytes,
        envelope: &Envelope,
        now: Timestamp,
    ) -> Result<Inquiry, Overloaded> {
        match self {
            Self::Legacy(mux) => mux.inquire(to, message, envelope, now).map(Inquiry::Legacy),
            Self::Modern(mux) => mux.call(to, message, envelope, now).map(Inquiry::Modern),
        }
    }

    /// Gives up such a request, unless it has been answered.
    pub(super) fn withdraw(&mut self, inquiry: Inquiry, now: Timestamp) {
        match (self, inquiry) {
            (Self::Legacy(mux), Inquiry::Legacy(id)) => mux.withdraw(id, now),
            (mux, Inquiry::Modern(member)) => mux.detach(member, now),
            // Neither changes its era.
            (Self::Modern(_), Inquiry::Legacy(_)) => {}
        }
    }

    /// Ends what modern clients listen to, politely.
    pub(super) fn end_listens(&mut self) {
        either!(self, mux => mux.end_listens());
    }

    /// The multiplexer of a server that opens with `initialize`.
    pub(super) fn legacy(&mut self) -> Option<&mut LegacyMux<S, X>> {
        match self {
            Self::Legacy(mux) => Some(mux),
            Self::Modern(_) => None,
        }
    }
}
