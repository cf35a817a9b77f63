//! Calls of modern clients that a legacy server holds up with a question: the client has been answered
//! `input_required`, and the call waits in its process for the client to come back with the answer.

use std::{collections::HashMap, sync::Arc};

use bytes::Bytes;
use parking_lot::Mutex;
use waggle_protocol::{
    error::{RpcError, code},
    jsonrpc::{self, Field, Payload},
    mux::MemberKey,
    seal::{Digest, Sealer, State as RequestState},
    time::Timestamp,
};

use super::{State, Upstream, pool::Key};
use crate::error::Refusal;

/// Names a parked call: not to be guessed, and for one round only.
pub(super) type Handle = [u8; 16];

/// What binds the state that a client is given to its call.
#[derive(Clone, Debug)]
pub(super) struct Ticket {
    /// Whose call it is, and what the client can be asked.
    pub(super) key: Key,
    /// The request as it came.
    pub(super) request: Bytes,
}

impl Ticket {
    /// Of the method and its params. Most calls never need it.
    fn digest(&self) -> Digest {
        let scanned = jsonrpc::scan(&self.request).ok();
        let method = scanned.as_ref().map(|envelope| envelope.method(&self.request)).unwrap_or_default();
        let params = scanned.as_ref().and_then(|envelope| envelope.span(Field::Params));
        Digest::of(&method, params.map_or(&b"{}"[..], |span| span.of(&self.request)))
    }
}

/// A call that waits for its client.
#[derive(Clone, Debug)]
pub(super) struct Parked {
    pub(super) handle: Handle,
    pub(super) upstream: Arc<Upstream>,
    pub(super) member: MemberKey,
    until: Timestamp,
}

/// All of them.
#[derive(Debug)]
pub(super) struct Parking {
    sealer: Sealer,
    calls: Mutex<HashMap<Handle, Parked>>,
}

impl Parking {
    pub(super) fn new(sealer: Sealer) -> Self {
        Self { sealer, calls: Mutex::default() }
    }

    /// The call that `state` stands for, and the round that it was given in. The client must be the one that it
    /// was given to, with the same request.
    pub(super) fn find(
        &self,
        state: &str,
        ticket: &Ticket,
        now: Timestamp,
    ) -> Result<(Parked, u32), Refusal> {
        let state = self.sealer.open(state).map_err(|error| Refusal::request_state(&error))?;
        state
            .admit(&ticket.key.principal, &ticket.digest(), now)
            .map_err(|refused| Refusal::request_state(&refused))?;
        let call = self.calls.lock().get(&state.handle).cloned();
        Ok((call.ok_or_else(Refusal::stale_state)?, state.round))
    }

    pub(super) fn remove(&self, handle: Handle) {
        self.calls.lock().remove(&handle);
    }

    /// Calls whose clients have not come back in time.
    pub(super) fn overdue(&self, now: Timestamp) -> Vec<Parked> {
        self.calls.lock().extract_if(|_, call| call.until <= now).map(|(_, call)| call).collect()
    }

    /// All that wait.
    pub(super) fn take_all(&self) -> Vec<Parked> {
        self.calls.lock().drain().map(|(_, call)| call).collect()
    }

    pub(super) fn len(&self) -> usize {
        self.calls.lock().len()
    }
}

impl Upstream {
    /// Parks the call of `member`: makes the answer that asks its client for input.
    ///
    /// # Errors
    /// The client cannot be asked now. The call is given up with its exchange.
    pub(super) fn park(
        &self,
        state: &mut State,
        member: MemberKey,
        id: &Bytes,
        round: u32,
        requests: &Bytes,
    ) -> Result<Payload, RpcError> {
        let server = &self.server;
        let (mut handle, mut nonce) = (Handle::default(), [0; 24]);
        let random = getrandom::fill(&mut handle).and_then(|()| getrandom::fill(&mut nonce));
        // Each stands for a user, as a session does.
        let full = server.parking.len() >= server.config.now().limits.max_sessions;
        if full {
            server.metrics.limit_hit("max_sessions");
        }
        let upstream = self.this.upgrade().filter(|_| random.is_ok() && !full);
        let (Some(upstream), Some(ticket)) = (upstream, &state.leased) else {
            let message = "the server asks for input, and too many calls wait for theirs";
            return Err(RpcError::new(code::OVERLOADED, message));
        };
        let until = server.clock.now().after(server.config.now().times.input_timeout);
        let request_state = RequestState {
            handle,
            principal: ticket.key.principal,
            digest: ticket.digest(),
            round,
            expires: until,
        };
        let sealed = server.parking.sealer.seal(&request_state, nonce);
        server.parking.calls.lock().insert(handle, Parked { handle, upstream, member, until });
        state.parked = Some(handle);
        let result = [
            br#"{"resultType":"input_required","inputRequests":"#,
            &requests[..],
            br#","requestState":""#,
            sealed.as_bytes(),
            br#""}"#,
        ];
        Ok(jsonrpc::build::response(id, &result.concat()).into())
    }

    /// Gives up a parked call: the server's questions are answered with an error, the call is cancelled.
    pub(super) fn unpark(self: &Arc<Self>, parked: &Parked) {
        let waits = {
            let mut state = self.state.lock();
            let waits = state.parked == Some(parked.handle);
            if waits {
                state.parked = None;
            }
            waits
        };
        if waits {
            self.release(Some(parked.member));
        }
    }

    /// The HTTP exchange of a call is over: unless the call is parked, so is the call.
    pub(super) fn release(self: &Arc<Self>, member: Option<MemberKey>) {
        let ticket = {
            let mut state = self.state.lock();
            if state.parked.is_some() {
                return;
            }
            if let Some(member) = member {
                state.mux.detach(member, self.server.clock.now());
                self.perform(&mut state);
            }
            state.leased.take()
        };
        if let Some(ticket) = ticket {
            self.server.pool.give_back(ticket.key, self.clone());
        }
    }
}
