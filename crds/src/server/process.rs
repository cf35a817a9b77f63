//! How clients share server processes.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::rules;
use crate::schema::text;

/// How clients share the processes of a stdio server.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules::process()))]
pub struct Process {
    /// `session`: each session has a process of its own, and nothing of the protocol is lost. `shared`: one process for
    /// all, which costs least and cannot ask a client back. `auto`: `shared` for servers of 2026-07-28, else `session`.
    /// Example: `shared`
    #[serde(default)]
    pub mode: ProcessMode,

    /// How many server processes may run in a pod at once, spare ones included. At the limit, a request that
    /// needs one more is answered 503 with `Retry-After`. Default: `64`. Example: `20`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100_000))]
    pub max: Option<i32>,

    /// How many spare processes are kept ready, so that no new session waits for a start. Default: `1`.
    /// Example: `0`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 10_000))]
    pub warm: Option<i32>,

    /// How long the process of a session lives without a message; the session lives on, and its next request starts a
    /// new process. Default: `15m`. Example: `5m`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "text::duration")]
    pub idle: Option<String>,
}

/// Whether sessions share a process.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ProcessMode {
    /// `shared` for servers of 2026-07-28, else `session`.
    #[default]
    Auto,
    /// A process for each session.
    Session,
    /// One process for all.
    Shared,
}
