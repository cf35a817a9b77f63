//! `initialize`: answered from what the server answered before, so that it costs no process.

use bytes::Bytes;
use tokio::time::timeout;
use waggle_protocol::{jsonrpc, version::ProtocolVersion};

use super::{Endpoint, Message};
use crate::{
    error::Refusal,
    session::{Link, Session},
    upstream::{Handshake, Settled, requested},
};

/// What the client is to be told, before a session is opened for it.
pub(super) struct Welcome {
    settled: Settled,
    params: Bytes,
    version: ProtocolVersion,
    /// The response.
    pub(super) response: Bytes,
}

impl Endpoint {
    /// Waits for the server's own handshake, if it has not come yet.
    pub(super) async fn welcome(&self, message: &Message) -> Result<Welcome, Refusal> {
        let _inside = self.let_in()?;
        let params = message.params();
        let settled = self.settled().await?;
        let handshake = self.handshake(&params).await?;
        let (result, version) = handshake.result_for(requested(&params));
        let id = message.id().unwrap_or_default();
        Ok(Welcome { settled, params, version, response: jsonrpc::build::response(&id, &result) })
    }

    /// Gives the session its revision and its place at an upstream.
    pub(super) fn link(&self, session: &Session, welcome: &Welcome) {
        session.link(welcome.version, &welcome.params, || {
            self.fleet.for_session(&welcome.settled, &welcome.params)
        });
    }

    /// What the server answered to the handshake, for a client that opened with these raw params.
    pub(super) async fn handshake(&self, params: &Bytes) -> Result<Handshake, Refusal> {
        let within = self.server.config.now().times.handshake_timeout;
        let handshake = tokio::select! {
            biased;
            known = timeout(within, self.server.handshakes.answer(params)) => known,
            () = self.draining.cancelled() => return Err(Refusal::shutting_down()),
        };
        handshake.map_err(|_| Refusal::overloaded("the server has not answered initialize yet"))
    }
}

/// What `initialize` settled for the session.
pub(super) fn linked(session: &Session) -> Result<&Link, Refusal> {
    session.linked().ok_or_else(|| Refusal::invalid("initialize comes first"))
}
