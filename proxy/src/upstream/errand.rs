//! A request of the proxy's own: no client waits for its answer.

use std::sync::Arc;

use bytes::Bytes;
use waggle_protocol::jsonrpc::Payload;

use super::Server;
use crate::{
    stream::{Exchange, First, Outlet},
    telemetry::metrics::MethodLabel,
};

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct Errand<'a> {
    server: &'a Server,
    outlet: Arc<Outlet>,
}

impl<'a> Errand<'a> {
    /// The errand, and the exchange with which it is sent.
    pub(super) fn new(server: &'a Server, method: MethodLabel) -> (Self, Exchange) {
        let outlet = Arc::new(Outlet::for_call(server));
        // What else the server sends for it is of no interest.
        outlet.refuse_messages();
        let exchange = Exchange::of_call(outlet.clone(), server.metrics.clone(), method, server.clock.now());
        (Self { server, outlet }, exchange)
    }

    /// The response, once it has been sent; `None` if that does not come within `request-timeout`.
    pub(super) async fn answer(&self) -> Option<Bytes> {
        let until = self.server.clock.now().after(self.server.config.now().times.request_timeout);
        match self.outlet.first(&self.server.silence, until).await {
            First::Answers(answers) => answers.first().map(Payload::to_bytes),
            _ => None,
        }
    }
}
