//! What the controller reports of an `MCPServer`.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::server::transport::Transport;

/// What was observed of the server. Written by the controller only.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct McpServerStatus {
    /// The `metadata.generation` that this status is about. While it is smaller than the current one, the
    /// controller has not seen the last edit yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,

    /// `Accepted`, `ImageResolved`, `Available`, `Reachable`, and their sum `Ready`, each with a reason and a sentence.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,

    /// The URL for clients: that of the Ingress or HTTPRoute if there is one with a host, else the Service's.
    /// Example: `http://mcp-github.tools.svc.cluster.local/mcp`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,

    /// How the proxy reaches the server: `spec.transport`, its default, or what was found behind `spec.remote`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transport: Option<Transport>,

    /// `legacy` for a server of revisions up to 2025-11-25, `modern` for one of 2026-07-28. Clients of both are served.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub era: Option<String>,

    /// What the server says of itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_info: Option<ServerInfo>,

    /// The protocol revisions that the server speaks. Example: `["2025-11-25"]`
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub protocol_versions: Vec<String>,

    /// How many tools the server has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tools: Option<i64>,

    /// The image as it was found in its registry, by digest. Only when the controller had to look there.
    /// Example: `ghcr.io/acme/mcp@sha256:…`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolved_image: Option<String>,

    /// Pods that exist; `kubectl scale` and autoscalers read it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replicas: Option<i32>,

    /// Pods that are ready: in each the server has answered a handshake.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready_replicas: Option<i32>,

    /// The label selector of the pods, as text; autoscalers read it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<String>,
}

/// Name and version of a server, from its handshake.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ServerInfo {
    /// The server's name. Example: `github-mcp-server`
    pub name: String,

    /// The server's name for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,

    /// The server's version. Example: `1.4.0`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}
