//! Prometheus metrics: registered once, closed label sets, no lock on the hot path.

use std::{sync::atomic::AtomicU64, time::Duration};

use prometheus_client::{
    encoding::{EncodeLabelSet, EncodeLabelValue},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::{Registry, Unit},
};

/// Methods that have a series of their own; everything else is `other`.
#[derive(Clone, Copy, Debug, EncodeLabelValue, Eq, Hash, PartialEq)]
pub(crate) enum MethodLabel {
    ToolsCall,
    ToolsList,
    ResourcesRead,
    ResourcesList,
    PromptsGet,
    PromptsList,
    Other,
}

impl MethodLabel {
    const ALL: [Self; 7] = [
        Self::ToolsCall,
        Self::ToolsList,
        Self::ResourcesRead,
        Self::ResourcesList,
        Self::PromptsGet,
        Self::PromptsList,
        Self::Other,
    ];

    pub(crate) fn of(method: &[u8]) -> Self {
        match method {
            b"tools/call" => Self::ToolsCall,
            b"tools/list" => Self::ToolsList,
            b"resources/read" => Self::ResourcesRead,
            b"resources/list" => Self::ResourcesList,
            b"prompts/get" => Self::PromptsGet,
            b"prompts/list" => Self::PromptsList,
            _ => Self::Other,
        }
    }
}

/// How an SSE stream ended.
#[derive(Clone, Copy, Debug, EncodeLabelValue, Eq, Hash, PartialEq)]
pub(crate) enum StreamEnd {
    Complete,
    ClientGone,
    Replaced,
    Lagged,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct ByMethod {
    method: MethodLabel,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct ByEnd {
    end: StreamEnd,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct ByReason {
    reason: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct ByOutcome {
    outcome: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct ByLimit {
    limit: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct ByStatus {
    status: u16,
}

/// Everything that is counted. Gauges of what others own are set when the metrics are read.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    pub(crate) sessions: Gauge,
    pub(crate) processes: Gauge,
    pub(crate) spares: Gauge,
    pub(crate) in_flight: Gauge,
    pub(crate) connections: Gauge,
    pub(crate) restarts: Counter,
    latency: [Histogram; MethodLabel::ALL.len()],
    streams_ended: Family<ByEnd, Counter>,
    dropped: Family<ByReason, Counter>,
    limits_hit: Family<ByLimit, Counter>,
    refusals: Family<ByStatus, Counter>,
    config_reloads: Family<ByOutcome, Counter>,
    bytes_from_server: Counter,
    bytes_to_server: Counter,
    bytes_from_client: Counter,
    bytes_to_client: Counter,
}

/// From 50 µs, which a pipe and two sockets take, to a minute.
fn latency_histogram() -> Histogram {
    const BUCKETS: [f64; 16] = [
        0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.1, 0.25, 1.0, 2.5, 10.0,
        30.0, 60.0,
    ];
    Histogram::new(BUCKETS)
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("waggle");
        let latency_family = Family::<ByMethod, Histogram>::new_with_constructor(latency_histogram);
        let latency =
            MethodLabel::ALL.map(|method| latency_family.get_or_create(&ByMethod { method }).clone());
        let metrics = Self {
            sessions: Gauge::default(),
            processes: Gauge::default(),
            spares: Gauge::default(),
            in_flight: Gauge::default(),
            connections: Gauge::default(),
            restarts: Counter::default(),
            latency,
            streams_ended: Family::default(),
            dropped: Family::default(),
            limits_hit: Family::default(),
            refusals: Family::default(),
            config_reloads: Family::default(),
            bytes_from_server: Counter::default(),
            bytes_to_server: Counter::default(),
            bytes_from_client: Counter::default(),
            bytes_to_client: Counter::default(),
            registry: Registry::default(),
        };
        let m = &metrics;
        registry.register("sessions", "Sessions that are open", m.sessions.clone());
        registry.register(
            "server_processes",
            "Server processes that run, spares included",
            m.processes.clone(),
        );
        registry.register("spare_processes", "Server processes started ahead of need", m.spares.clone());
        registry.register("requests_in_flight", "Requests that wait for the server", m.in_flight.clone());
        registry.register("connections", "HTTP connections that are open", m.connections.clone());
        registry.register(
            "server_failures",
            "Server processes that failed and are restarted",
            m.restarts.clone(),
        );
        registry.register_with_unit(
            "request_duration",
            "Time from a request's arrival to the server's answer",
            Unit::Seconds,
            latency_family,
        );
        registry.register("streams_ended", "SSE responses that ended, by how", m.streams_ended.clone());
        registry.register("messages_dropped", "Messages dropped, by reason", m.dropped.clone());
        registry.register("limit_hits", "Times that a limit was hit, by its option", m.limits_hit.clone());
        registry.register("http_refusals", "HTTP requests refused, by status", m.refusals.clone());
        registry.register(
            "config_reloads",
            "Times that the configuration was read again, by whether it was put in force",
            m.config_reloads.clone(),
        );
        for (name, help, counter) in [
            ("from_server", "Read from servers' stdout", &m.bytes_from_server),
            ("to_server", "Queued for servers' stdin", &m.bytes_to_server),
            ("from_client", "Read from HTTP request bodies", &m.bytes_from_client),
            ("to_client", "Handed to HTTP response bodies", &m.bytes_to_client),
        ] {
            registry.register_with_unit(name, help, Unit::Bytes, counter.clone());
        }
        Self { registry, ..metrics }
    }
}

impl Metrics {
    /// The text that Prometheus reads.
    pub(crate) fn encode(&self) -> String {
        let mut text = String::new();
        // Writing into a string cannot fail.
        let _ = prometheus_client::encoding::text::encode(&mut text, &self.registry);
        text
    }

    /// The server has answered a request.
    pub(crate) fn answered(&self, method: MethodLabel, after: Duration) {
        self.in_flight.dec();
        self.latency[method as usize].observe(after.as_secs_f64());
    }

    pub(crate) fn stream_ended(&self, end: StreamEnd) {
        self.streams_ended.get_or_create(&ByEnd { end }).inc();
    }

    pub(crate) fn dropped(&self, reason: &'static str) {
        self.dropped.get_or_create(&ByReason { reason }).inc();
    }

    pub(crate) fn limit_hit(&self, limit: &'static str) {
        self.limits_hit.get_or_create(&ByLimit { limit }).inc();
    }

    pub(crate) fn config_reloaded(&self, outcome: &'static str) {
        self.config_reloads.get_or_create(&ByOutcome { outcome }).inc();
    }

    pub(crate) fn refused(&self, status: u16) {
        self.refusals.get_or_create(&ByStatus { status }).inc();
    }

    pub(crate) fn bytes_from_server(&self, bytes: usize) {
        add(&self.bytes_from_server, bytes);
    }

    pub(crate) fn bytes_to_server(&self, bytes: usize) {
        add(&self.bytes_to_server, bytes);
    }

    pub(crate) fn bytes_from_client(&self, bytes: usize) {
        add(&self.bytes_from_client, bytes);
    }

    pub(crate) fn bytes_to_client(&self, bytes: usize) {
        add(&self.bytes_to_client, bytes);
    }
}

fn add(counter: &Counter<u64, AtomicU64>, bytes: usize) {
    counter.inc_by(bytes as u64);
}
