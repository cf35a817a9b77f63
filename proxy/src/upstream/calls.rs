//! Calls of modern clients on one upstream.

use bytes::Bytes;
use waggle_protocol::{jsonrpc::Envelope, mux::MemberKey};

use super::{
    State, Upstream,
    parking::{Parked, Ticket},
};
use crate::{error::Refusal, stream::Exchange};

impl Upstream {
    /// A call of a modern client, which becomes a member for as long as it lasts.
    pub(super) async fn call(
        &self,
        exchange: Exchange,
        message: &Bytes,
        envelope: &Envelope,
    ) -> Result<MemberKey, Refusal> {
        // Who called may have waited for this upstream.
        let (mut state, now) = self.ready(message.len(), self.server.clock.now()).await?;
        let called = state.mux.call(exchange, message, envelope, now);
        self.sent(&mut state, called)
    }

    /// The client of the parked call has come back.
    pub(super) async fn resume(
        &self,
        parked: &Parked,
        round: u32,
        exchange: Exchange,
        message: &Bytes,
        envelope: &Envelope,
    ) -> Result<(), Refusal> {
        let (mut state, now) = self.ready(message.len(), self.server.clock.now()).await?;
        let State { mux, parked: waiting, .. } = &mut *state;
        let legacy = mux.legacy().filter(|_| *waiting == Some(parked.handle));
        let legacy = legacy.ok_or_else(Refusal::stale_state)?;
        legacy.resume(parked.member, round, exchange, message, envelope, now).map_err(Refusal::rpc)?;
        *waiting = None;
        self.server.parking.remove(parked.handle);
        self.server.metrics.in_flight.inc();
        self.perform(&mut state);
        Ok(())
    }

    pub(super) fn end_listens(&self) {
        let mut state = self.state.lock();
        state.mux.end_listens();
        self.perform(&mut state);
    }

    /// Gives the upstream to one call alone.
    pub(super) fn lease(&self, ticket: Ticket) {
        self.state.lock().leased = Some(ticket);
    }

    /// Whether nothing of an earlier call can still come.
    pub(super) fn is_quiet(&self) -> bool {
        self.state.lock().mux.legacy().is_some_and(|legacy| legacy.is_quiet())
    }

    /// Whether nobody has a place here.
    pub(super) fn is_empty(&self) -> bool {
        self.state.lock().mux.members() == 0
    }
}
