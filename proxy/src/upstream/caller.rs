//! Where a modern client's request goes: to the upstream that all share, to one of the pool, or back to the call that it
//! goes on with.

use std::sync::Arc;

use bytes::Bytes;
use waggle_protocol::{
    jsonrpc::{Envelope, Field, text::string_value},
    modern::discover::LegacyCapabilities,
    mux::MemberKey,
    seal::Principal,
};

use super::{Era, Fleet, Upstream, fleet::Settled, parking::Ticket, pool::Key};
use crate::{error::Refusal, stream::Exchange};

/// A modern client's request that is being served; dropped, the client has gone or has its answer.
#[derive(Debug)]
pub(crate) struct Caller {
    upstream: Arc<Upstream>,
    /// `None` until the request has been sent.
    member: Option<MemberKey>,
}

impl Drop for Caller {
    fn drop(&mut self) {
        self.upstream.release(self.member);
    }
}

impl Fleet {
    /// Sends a modern client's request to the server; what comes back goes to `exchange`.
    ///
    /// # Errors
    /// A limit, or a request state that does not fit: the request was not sent.
    pub(crate) async fn call(
        &self,
        settled: &Settled,
        principal: Principal,
        exchange: Exchange,
        message: &Bytes,
        envelope: &Envelope,
    ) -> Result<Caller, Refusal> {
        let server = &self.server;
        let state = envelope.span(Field::ParamsRequestState);
        if let Some(shared) = &settled.shared {
            if state.is_some() && settled.dialect.era() == Era::Legacy {
                return Err(Refusal::stale_state());
            }
            let member = shared.call(exchange, message, envelope).await?;
            return Ok(Caller { upstream: shared.clone(), member: Some(member) });
        }
        let declared = envelope.span(Field::MetaCapabilities).map_or(&b"{}"[..], |span| span.of(message));
        let key = Key { principal, capabilities: LegacyCapabilities::from_modern(declared) };
        let may_ask = may_ask(&envelope.method(message)) && !key.capabilities.is_empty();
        let ticket = Ticket { key: key.clone(), request: message.clone() };
        if let Some(span) = state {
            let state =
                string_value(span.of(message)).filter(|_| may_ask).ok_or_else(Refusal::stale_state)?;
            let (parked, round) = server.parking.find(&state, &ticket, server.clock.now())?;
            parked.upstream.resume(&parked, round, exchange, message, envelope).await?;
            return Ok(Caller { upstream: parked.upstream, member: Some(parked.member) });
        }
        let upstream = match may_ask {
            true => Some(server.pool.lease(server, settled.dialect, &key).await?),
            // What calls have changed in their process is to be seen by who lists afterwards.
            false if envelope.method(message) != "subscriptions/listen" => server.pool.take_idle(&key),
            false => None,
        };
        let Some(upstream) = upstream else {
            let common = server.pool.common(server, settled.dialect, key.principal);
            let member = common.call(exchange, message, envelope).await?;
            return Ok(Caller { upstream: common, member: Some(member) });
        };
        upstream.lease(ticket);
        // From here on whatever happens gives the lease back.
        let mut caller = Caller { upstream, member: None };
        caller.member = Some(caller.upstream.call(exchange, message, envelope).await?);
        Ok(caller)
    }
}

/// Whether the server may ask its client something before it answers (multi-round-trip requests).
fn may_ask(method: &str) -> bool {
    matches!(method, "tools/call" | "prompts/get" | "resources/read")
}
