//! The fields of the specification that are options of the proxy with a range.

use std::{borrow::Cow, ops::RangeInclusive};

use serde_json::Value;
use waggle_crds::McpServerSpec;

use super::values::{DAY, GIB, HOUR, KIB, Kind, MINUTE, SECOND};

/// A field with the option of the same meaning.
#[derive(Debug)]
pub(super) struct Field<'a> {
    /// Where it stands, below `spec`.
    pub(super) path: &'static str,
    /// The proxy's name for it.
    pub(super) option: &'static str,
    /// What it takes.
    pub(super) kind: Kind,
    /// What is written there.
    pub(super) text: Option<Cow<'a, str>>,
}

impl Field<'_> {
    /// The value of the option: a number where it is one.
    pub(super) fn value(&self) -> Option<Value> {
        let text = self.text.as_deref()?;
        Some(match (&self.kind, self.kind.read(text)) {
            (Kind::Count(_), Some(number)) => number.into(),
            _ => text.into(),
        })
    }
}

/// Numbers, sizes and times, in the order in which they are written.
pub(super) fn fields(spec: &McpServerSpec) -> Vec<Field<'_>> {
    let count = |path, option, range: RangeInclusive<u64>, value: Option<i32>| Field {
        path,
        option,
        kind: Kind::Count(range),
        text: value.map(|number| Cow::Owned(number.to_string())),
    };
    fn text<'a>(
        path: &'static str,
        option: &'static str,
        kind: Kind,
        value: &'a Option<String>,
    ) -> Field<'a> {
        Field { path, option, kind, text: value.as_deref().map(Cow::Borrowed) }
    }
    let size = || Kind::Size(KIB..=GIB);
    let span = |shortest, longest| Kind::Span(shortest..=longest);
    let (process, limits, times) = (&spec.process, &spec.proxy.limits, &spec.proxy.timeouts);
    vec![
        count("process.max", "max-processes", 1..=100_000, process.max),
        count("process.warm", "warm-processes", 0..=10_000, process.warm),
        text("process.idle", "process-idle", span(100, 30 * DAY), &process.idle),
        count("proxy.limits.maxSessions", "max-sessions", 1..=10_000_000, limits.max_sessions),
        count("proxy.limits.maxConnections", "max-connections", 1..=10_000_000, limits.max_connections),
        text("proxy.limits.maxBody", "max-body", size(), &limits.max_body),
        text("proxy.limits.maxLine", "max-line", size(), &limits.max_line),
        count("proxy.limits.maxBatch", "max-batch", 1..=100_000, limits.max_batch),
        count("proxy.limits.maxInFlight", "max-in-flight", 1..=10_000_000, limits.max_in_flight),
        text("proxy.limits.streamQueue", "stream-queue", size(), &limits.stream_queue),
        text("proxy.limits.stdinQueue", "stdin-queue", size(), &limits.stdin_queue),
        text("proxy.limits.replayBytes", "replay-bytes", Kind::Size(0..=GIB), &limits.replay_bytes),
        count("proxy.limits.replayEvents", "replay-events", 0..=1_000_000, limits.replay_events),
        text("proxy.timeouts.sessionIdle", "session-idle", span(100, 365 * DAY), &times.session_idle),
        text("proxy.timeouts.requestTimeout", "request-timeout", span(100, DAY), &times.request_timeout),
        text(
            "proxy.timeouts.handshakeTimeout",
            "handshake-timeout",
            span(100, HOUR),
            &times.handshake_timeout,
        ),
        text("proxy.timeouts.inputTimeout", "input-timeout", span(SECOND, DAY), &times.input_timeout),
        text(
            "proxy.timeouts.upstreamConnectTimeout",
            "upstream-connect-timeout",
            span(100, 10 * MINUTE),
            &times.upstream_connect_timeout,
        ),
        text(
            "proxy.timeouts.upstreamIdleTimeout",
            "upstream-idle-timeout",
            span(100, DAY),
            &times.upstream_idle_timeout,
        ),
        text("proxy.timeouts.keepAlive", "keep-alive", span(SECOND, HOUR), &times.keep_alive),
        text("proxy.timeouts.replayAge", "replay-age", span(SECOND, DAY), &times.replay_age),
        text("proxy.timeouts.grace", "grace", span(100, HOUR), &times.grace),
        text("proxy.timeouts.headerTimeout", "header-timeout", span(100, 10 * MINUTE), &times.header_timeout),
        text("proxy.timeouts.bodyTimeout", "body-timeout", span(100, HOUR), &times.body_timeout),
        text("proxy.timeouts.stallTimeout", "stall-timeout", span(100, HOUR), &times.stall_timeout),
        text("proxy.timeouts.queueTimeout", "queue-timeout", span(10, 10 * MINUTE), &times.queue_timeout),
    ]
}
