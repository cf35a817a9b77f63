//! Prometheus metrics, registered once.

use std::{sync::atomic::AtomicU64, time::Duration};

use prometheus_client::{
    encoding::{EncodeLabelSet, EncodeLabelValue},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::{Registry, Unit},
};

/// How a look at a server ended.
#[derive(Clone, Copy, Debug, EncodeLabelValue, Eq, Hash, PartialEq)]
pub enum Outcome {
    /// All is as planned.
    Done,
    /// The API server refuses a part of the plan.
    Refused,
    /// Somebody else was faster.
    Conflict,
    /// Something failed that may work later.
    Failed,
}

/// What was done with an object.
#[derive(Clone, Copy, Debug, EncodeLabelValue, Eq, Hash, PartialEq)]
pub enum Change {
    /// It was not there.
    Create,
    /// It was another.
    Update,
    /// It was not planned.
    Delete,
    /// Its status was written.
    Status,
}

/// How a question was answered.
#[derive(Clone, Copy, Debug, EncodeLabelValue, Eq, Hash, PartialEq)]
pub enum Answer {
    /// With what was asked for.
    Known,
    /// Not.
    Failed,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct ByOutcome {
    outcome: Outcome,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct ByAnswer {
    outcome: Answer,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct ByWrite {
    kind: String,
    action: Change,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct ByRequest {
    verb: &'static str,
    resource: String,
    code: u16,
}

/// All metrics of the process.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    reconciles: Family<ByOutcome, Counter>,
    durations: Histogram,
    /// Looks at a server that go on now.
    pub running: Gauge,
    /// Servers that have failed at the last look.
    pub failing: Gauge,
    /// Servers that are known.
    pub servers: Gauge,
    /// Whether this process works, or waits for the lease.
    pub leader: Gauge,
    requests: Family<ByRequest, Counter>,
    writes: Family<ByWrite, Counter>,
    image_lookups: Family<ByAnswer, Counter>,
    status_polls: Family<ByAnswer, Counter>,
    duration_of_polls: Counter<f64, AtomicU64>,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("waggle_controller");
        let metrics = Self {
            reconciles: Family::default(),
            durations: Histogram::new([0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0]),
            running: Gauge::default(),
            failing: Gauge::default(),
            servers: Gauge::default(),
            leader: Gauge::default(),
            requests: Family::default(),
            writes: Family::default(),
            image_lookups: Family::default(),
            status_polls: Family::default(),
            duration_of_polls: Counter::default(),
            registry: Registry::default(),
        };
        registry.register("reconciles", "Looks at a server", metrics.reconciles.clone());
        registry.register_with_unit(
            "reconcile_duration",
            "How long a look at a server takes",
            Unit::Seconds,
            metrics.durations.clone(),
        );
        registry.register("reconciles_running", "Looks at a server that go on now", metrics.running.clone());
        registry.register("servers_failing", "Servers whose last look failed", metrics.failing.clone());
        registry.register("servers", "MCPServers that are watched", metrics.servers.clone());
        registry.register("leader", "1 while this process holds the lease", metrics.leader.clone());
        registry.register(
            "api_requests",
            "Requests to the API server; code 0 for those without an answer",
            metrics.requests.clone(),
        );
        registry.register("writes", "Objects written", metrics.writes.clone());
        registry.register(
            "image_lookups",
            "Images whose command was asked of a registry",
            metrics.image_lookups.clone(),
        );
        registry.register(
            "status_polls",
            "Proxies that were asked for their status",
            metrics.status_polls.clone(),
        );
        registry.register_with_unit(
            "status_poll_duration",
            "Time spent on that",
            Unit::Seconds,
            metrics.duration_of_polls.clone(),
        );
        Self { registry, ..metrics }
    }
}

impl Metrics {
    /// A look at a server is over.
    pub fn reconciled(&self, outcome: Outcome, duration: Duration) {
        self.reconciles.get_or_create(&ByOutcome { outcome }).inc();
        self.durations.observe(duration.as_secs_f64());
    }

    /// A request was answered, or not: code 0.
    pub fn requested(&self, verb: &'static str, resource: String, code: u16) {
        self.requests.get_or_create(&ByRequest { verb, resource, code }).inc();
    }

    /// An object was written.
    pub fn wrote(&self, kind: &str, action: Change) {
        self.writes.get_or_create(&ByWrite { kind: kind.to_owned(), action }).inc();
    }

    /// A registry was asked.
    pub fn looked_up(&self, outcome: Answer) {
        self.image_lookups.get_or_create(&ByAnswer { outcome }).inc();
    }

    /// A proxy was asked.
    pub fn polled(&self, outcome: Answer, duration: Duration) {
        self.status_polls.get_or_create(&ByAnswer { outcome }).inc();
        self.duration_of_polls.inc_by(duration.as_secs_f64());
    }

    /// As OpenMetrics text.
    pub fn encode(&self) -> String {
        let mut text = String::new();
        // Writing into a string does not fail.
        let _ = prometheus_client::encoding::text::encode(&mut text, &self.registry);
        text
    }
}
