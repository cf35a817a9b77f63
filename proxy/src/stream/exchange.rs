//! One request's way back to its client.

use std::{sync::Arc, time::Instant};

use waggle_protocol::jsonrpc::Payload;

use super::Outlet;
use crate::telemetry::metrics::{MethodLabel, Metrics};

/// Where the messages that concern one request go.
#[derive(Clone, Debug)]
pub(crate) struct Exchange {
    /// The stream of the POST; in HTTP+SSE the session's only stream.
    outlet: Arc<Outlet>,
    /// Where to put what the POST cannot carry: its client has gone, or takes JSON only.
    standalone: Arc<Outlet>,
    metrics: Arc<Metrics>,
    method: MethodLabel,
    started: Instant,
}

impl Exchange {
    pub(crate) fn new(
        outlet: Arc<Outlet>,
        standalone: Arc<Outlet>,
        metrics: Arc<Metrics>,
        method: MethodLabel,
    ) -> Self {
        Self { outlet, standalone, metrics, method, started: Instant::now() }
    }

    /// The response: nothing follows.
    pub(crate) fn answer(self, message: Payload) {
        self.metrics.answered(self.method, self.started.elapsed());
        self.outlet.response(message);
    }

    /// There will be no response.
    pub(crate) fn end(self) {
        self.metrics.in_flight.dec();
        self.outlet.forgo_response();
    }

    /// A message that precedes the response.
    pub(crate) fn related(&self, message: Payload) {
        match self.outlet.takes_messages() {
            true => self.outlet.message(message),
            false => self.standalone.message(message),
        }
    }
}
