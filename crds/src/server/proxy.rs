//! The proxy in front of a server.

use k8s_openapi::api::core::v1::ResourceRequirements;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schema::text;

/// The proxy in front of the server. All but `resources` and `injection` takes effect without a restart.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Proxy {
    /// How the launcher comes into the server's container: `copy` copies it into a volume before the server starts,
    /// `imageVolume` mounts the proxy's image (Kubernetes 1.33 and a runtime that can), `none` expects `waggle-proxy` in
    /// the `PATH` of the server's image. `auto` is the controller's choice, `copy` unless it was told otherwise.
    /// Example: `imageVolume`
    #[serde(default)]
    pub injection: Injection,

    /// CPU and memory of the proxy's container. Default: the controller's.
    /// Example: `{requests: {cpu: 20m, memory: 16Mi}, limits: {memory: 128Mi}}`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<ResourceRequirements>,

    /// Web origins that may call; `*` for every one. Programs send none and are not concerned. Default: none.
    /// Example: `["https://app.example.org"]`
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "text::origins")]
    pub allowed_origins: Vec<String>,

    /// Names in the `Host` header that are served. Default: every name, as the cluster's routing decides who arrives.
    /// Example: `[mcp.example.org]`
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "text::served_hosts")]
    pub allowed_hosts: Vec<String>,

    /// What the proxy logs: `"off"` (in quotes, as YAML takes the bare word for `false`), `error`, `warn`, `info`, `debug`
    /// (each request) or `trace` (each message). Default: `info`. Example: `debug`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<LogLevel>,

    /// The shape of its log: lines of `text` for people, or of `json`. Default: `json`. Example: `text`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_format: Option<LogFormat>,

    /// How much of everything. Each has a default that suits most servers.
    /// Example: `{maxBody: 16MiB}`
    #[serde(default)]
    pub limits: Limits,

    /// How long for everything, as durations with units: `250ms`, `15s`, `5m`, `1h30m`.
    /// Example: `{requestTimeout: 10m}`
    #[serde(default)]
    pub timeouts: Timeouts,
}

/// How the launcher comes into the server's container.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Injection {
    /// The controller's choice.
    #[default]
    Auto,
    /// The proxy's container copies it into a volume.
    Copy,
    /// The proxy's image is mounted as a volume.
    ImageVolume,
    /// The server's image has it.
    None,
}

/// How much the proxy logs.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// Nothing.
    Off,
    /// What an operator has to look at.
    Error,
    /// What may become trouble.
    Warn,
    /// The usual.
    Info,
    /// Each request.
    Debug,
    /// Each message.
    Trace,
}

/// The shape of the log.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// A line of text for people.
    Text,
    /// A JSON object a line.
    Json,
}

/// Limits of the proxy in each pod. The field `maxBody` is the proxy's option `max-body`, and so on.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Limits {
    /// Sessions open at once. At the limit, a further `initialize` is answered 503. Default: `10000`. Example: `500`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 10_000_000))]
    pub max_sessions: Option<i32>,

    /// Client connections open at once. At the limit, further ones wait. Default: `20000`. Example: `1000`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 10_000_000))]
    pub max_connections: Option<i32>,

    /// Size of one request. A larger one is answered 413. Default: `4MiB`. Example: `16MiB`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "text::size")]
    pub max_body: Option<String>,

    /// Size of one message of the server. A longer one is skipped, and its request gets an error. Default: `64MiB`.
    /// Example: `128MiB`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "text::size")]
    pub max_line: Option<String>,

    /// Messages in one batch, which only revision 2025-03-26 has. Default: `100`. Example: `20`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100_000))]
    pub max_batch: Option<i32>,

    /// Requests in flight for one server process. At the limit, a further one is answered 503. Default: `10000`.
    /// Example: `1000`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 10_000_000))]
    pub max_in_flight: Option<i32>,

    /// Bytes queued for one stream whose client reads slowly. At the limit, that stream ends. Default: `1MiB`. Example:
    /// `4MiB`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "text::size")]
    pub stream_queue: Option<String>,

    /// Bytes queued for one server process that reads slowly. At the limit, requests wait. Default: `16MiB`. Example:
    /// `32MiB`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "text::size")]
    pub stdin_queue: Option<String>,

    /// Bytes of past events kept for a session whose client comes back. Default: `1MiB`. Example: `"0"`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "text::size_or_none")]
    pub replay_bytes: Option<String>,

    /// Past events kept for a stream whose client comes back. Default: `1000`. Example: `0`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1_000_000))]
    pub replay_events: Option<i32>,
}

/// Times of the proxy. The field `sessionIdle` is the proxy's option `session-idle`, and so on.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Timeouts {
    /// How long a session lives without a request and without an open stream. Default: `1h`. Example: `8h`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "text::duration")]
    pub session_idle: Option<String>,

    /// How long the server may take for an answer; progress starts the time anew. Default: `5m`. Example: `10m`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "text::duration")]
    pub request_timeout: Option<String>,

    /// How long the server may take to answer its handshake, the download of its package included. Default: `1m`.
    /// Example: `3m`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "text::duration")]
    pub handshake_timeout: Option<String>,

    /// How long a call that waits for its user's input is kept for a client of 2026-07-28. Default: `10m`. Example:
    /// `30m`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "text::duration")]
    pub input_timeout: Option<String>,

    /// How long a connection to a server over HTTP may take. Default: `10s`. Example: `5s`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "text::duration")]
    pub upstream_connect_timeout: Option<String>,

    /// How long a response of a server over HTTP may be silent. Default: `5m`. Example: `15m`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "text::duration")]
    pub upstream_idle_timeout: Option<String>,

    /// Pause after which a silent stream carries a comment, so that nothing on the way closes it. Default: `15s`.
    /// Example: `10s`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "text::duration")]
    pub keep_alive: Option<String>,

    /// How long past events are kept for clients that come back. Default: `5m`. Example: `1m`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "text::duration")]
    pub replay_age: Option<String>,

    /// How long requests in flight and server processes have to end when the pod is stopped; the pod's own grace period
    /// follows it. Default: `30s`. Example: `1m`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "text::duration")]
    pub grace: Option<String>,

    /// How long a client may take to send the head of a request. Default: `1m15s`. Example: `30s`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "text::duration")]
    pub header_timeout: Option<String>,

    /// How long a client may take to send the next part of a request. Default: `30s`. Example: `1m`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "text::duration")]
    pub body_timeout: Option<String>,

    /// How long a client may take nothing of what is sent to it. Default: `1m`. Example: `2m`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "text::duration")]
    pub stall_timeout: Option<String>,

    /// How long a request waits for room when the server reads slowly. Default: `5s`. Example: `1s`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "text::duration")]
    pub queue_timeout: Option<String>,
}
