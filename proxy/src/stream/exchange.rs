//! One request's way back to its client.

use std::sync::Arc;

use waggle_protocol::{jsonrpc::Payload, time::Timestamp};

use super::Outlet;
use crate::telemetry::metrics::{MethodLabel, Metrics};

/// Where the messages that concern one request go.
#[derive(Clone, Debug)]
pub(crate) struct Exchange {
    /// The stream of the POST; in HTTP+SSE the session's only stream.
    outlet: Arc<Outlet>,
    /// Where to put what the POST cannot carry: its client has gone, or takes JSON only. A modern client has no
    /// other stream.
    standalone: Option<Arc<Outlet>>,
    metrics: Arc<Metrics>,
    method: MethodLabel,
    started: Timestamp,
}

impl Exchange {
    pub(crate) fn new(
        outlet: Arc<Outlet>,
        standalone: Arc<Outlet>,
        metrics: Arc<Metrics>,
        method: MethodLabel,
        started: Timestamp,
    ) -> Self {
        Self { outlet, standalone: Some(standalone), metrics, method, started }
    }

    /// Of a modern client: its POST's stream is all there is.
    pub(crate) fn of_call(
        outlet: Arc<Outlet>,
        metrics: Arc<Metrics>,
        method: MethodLabel,
        started: Timestamp,
    ) -> Self {
        Self { outlet, standalone: None, metrics, method, started }
    }

    /// When the request came.
    pub(crate) fn started(&self) -> Timestamp {
        self.started
    }

    /// The response, and its code if it is an error: nothing follows.
    pub(crate) fn answer(self, message: Payload, error: Option<i64>) {
        let now = self.outlet.now();
        self.metrics.answered(self.method, now.since(self.started));
        self.outlet.answer(message, error, now);
    }

    /// There will be no response.
    pub(crate) fn end(self) {
        self.metrics.in_flight.dec();
        self.outlet.forgo_response();
    }

    /// A message that precedes the response.
    pub(crate) fn related(&self, message: Payload) {
        match (self.outlet.takes_messages(), &self.standalone) {
            (true, _) => self.outlet.message(message),
            (false, Some(standalone)) => standalone.message(message),
            (false, None) => self.metrics.dropped("unread"),
        }
    }
}
