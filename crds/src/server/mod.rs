//! The specification of an `MCPServer`.

mod network;
mod pod;
mod process;
mod proxy;
mod remote;
mod routes;
mod rules;
mod service;
pub mod transport;

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    EnvFromSource, EnvVar, LocalObjectReference, PodTemplateSpec, ResourceRequirements, Volume, VolumeMount,
};
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use network::{DisruptionBudget, NetworkPolicy};
pub use process::{Process, ProcessMode};
pub use proxy::{Injection, Limits, LogFormat, LogLevel, Proxy, Timeouts};
pub use remote::{Remote, RemoteHeader};
pub use routes::{HttpRoute, HttpRouteClass, Ingress, IngressClass, IngressTls, ParentReference};
pub use service::{Service, ServiceType, SessionAffinity};
pub use transport::Transport;

use crate::{schema::text, status::McpServerStatus};

/// Annotations or labels.
pub type StringMap = BTreeMap<String, String>;

/// An MCP server: a container image that the cluster runs, or a server elsewhere. Write exactly one of `image` and
/// `remote`; everything else has a default.
#[derive(Clone, CustomResource, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[kube(
    group = "waggle.dev",
    version = "v1alpha1",
    kind = "MCPServer",
    root = "McpServer",
    plural = "mcpservers",
    singular = "mcpserver",
    namespaced,
    status = "McpServerStatus",
    shortname = "wmcp",
    category = "waggle",
    scale(
        spec_replicas_path = ".spec.replicas",
        status_replicas_path = ".status.replicas",
        label_selector_path = ".status.selector"
    ),
    printcolumn = r#"{"name": "Ready", "type": "string", "jsonPath": ".status.conditions[?(@.type==\"Ready\")].status", "description": "Whether clients can use the server"}"#,
    printcolumn = r#"{"name": "Transport", "type": "string", "jsonPath": ".status.transport", "description": "How the proxy speaks to the server"}"#,
    printcolumn = r#"{"name": "URL", "type": "string", "jsonPath": ".status.url", "description": "The URL for clients"}"#,
    printcolumn = r#"{"name": "Server", "type": "string", "jsonPath": ".status.serverInfo.name", "description": "The name that the server gives itself"}"#,
    printcolumn = r#"{"name": "Tools", "type": "integer", "jsonPath": ".status.tools", "description": "How many tools the server has"}"#,
    printcolumn = r#"{"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}"#,
    printcolumn = r#"{"name": "Reason", "type": "string", "priority": 1, "jsonPath": ".status.conditions[?(@.type==\"Ready\")].reason", "description": "Why the server is ready or not"}"#,
    printcolumn = r#"{"name": "Era", "type": "string", "priority": 1, "jsonPath": ".status.era", "description": "Which revisions of MCP the server speaks"}"#,
    printcolumn = r#"{"name": "Replicas", "type": "integer", "priority": 1, "jsonPath": ".status.readyReplicas", "description": "Pods that are ready"}"#,
    printcolumn = r#"{"name": "Image", "type": "string", "priority": 1, "jsonPath": ".spec.image", "description": "The image of the server"}"#,
    schema = "disabled",
    derive = "PartialEq"
)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules::specification()))]
pub struct McpServerSpec {
    /// The container image of the server. Its own entrypoint is run unless `command` is given. Default: none; then `remote`
    /// is needed.
    /// Example: `ghcr.io/acme/github-mcp:1.4.0`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "text::image")]
    pub image: Option<String>,

    /// When the image is pulled. Default: as Kubernetes does, `Always` for the tag `latest` and `IfNotPresent` for all
    /// others. Example: `IfNotPresent`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_pull_policy: Option<ImagePullPolicy>,

    /// Secrets with credentials for the image's registry; also used to read the image's entrypoint there. Default: none.
    /// Example: `[{name: ghcr}]`
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub image_pull_secrets: Vec<LocalObjectReference>,

    /// A server that runs elsewhere and is reached by URL; the pod then holds the proxy alone. Default: none; then
    /// `image` is needed.
    /// Example: `{url: "https://mcp.example.org/mcp"}`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remote: Option<Remote>,

    /// How the server is spoken to: `stdio`, `streamable-http` or `sse`. Default: `stdio` for an image; for a remote
    /// server Streamable HTTP, and HTTP+SSE if the server does not know it. Example: `streamable-http`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transport: Option<Transport>,

    /// Which revisions the server speaks: `modern` is 2026-07-28, `legacy` is all before; `auto` asks the server.
    /// Example: `legacy`
    #[serde(default)]
    pub era: Era,

    /// The program to run, in place of the image's ENTRYPOINT and CMD. No shell reads it, and `$(NAME)` is expanded from
    /// `env` as Kubernetes does. Default: the image's own.
    /// Example: `[npx, "-y", "@modelcontextprotocol/server-everything"]`
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256), extend("x-kubernetes-list-type" = "atomic"))]
    pub command: Vec<String>,

    /// Arguments for the program: after `command`, or in place of the image's CMD. Default: the image's own, or
    /// none after `command`. Example: `["--read-only"]`
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 1024), extend("x-kubernetes-list-type" = "atomic"))]
    pub args: Vec<String>,

    /// Environment variables of the server. Default: none.
    /// Example: `[{name: GITHUB_TOKEN, valueFrom: {secretKeyRef: {name: github, key: token}}}]`
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 512), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub env: Vec<EnvVar>,

    /// ConfigMaps and Secrets whose keys become environment variables of the server. Default: none.
    /// Example: `[{secretRef: {name: github}}]`
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), extend("x-kubernetes-list-type" = "atomic"))]
    pub env_from: Vec<EnvFromSource>,

    /// CPU and memory of the server's container. The proxy's are `proxy.resources`. Default: none, as for any
    /// container.
    /// Example: `{requests: {cpu: 100m, memory: 128Mi}, limits: {memory: 512Mi}}`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<ResourceRequirements>,

    /// Volumes of the pod, for `volumeMounts`. Default: none.
    /// Example: `[{name: data, persistentVolumeClaim: {claimName: notes}}]`
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub volumes: Vec<Volume>,

    /// Where volumes appear in the server's container. `/tmp` and `/home/mcp` can be
    /// written anyway. Default: nowhere. Example: `[{name: data, mountPath: /data}]`
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["mountPath"]))]
    pub volume_mounts: Vec<VolumeMount>,

    /// The ServiceAccount of the pod. Default: one of its own without any right and without a token.
    /// Example: `github-mcp`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "text::object_name")]
    pub service_account_name: Option<String>,

    /// Whatever else is to be said of the pod, merged over what the controller plans as `kubectl patch` does
    /// (strategic merge). The server's container is named `mcp`, the proxy's `waggle-proxy`. Default: nothing more.
    /// Example: `{spec: {nodeSelector: {disk: ssd}, containers: [{name: mcp, workingDir: /srv}]}}`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "pod::template_schema")]
    pub pod_template: Option<PodTemplateSpec>,

    /// The port on which a server with an HTTP transport listens; such a server in an image needs it. Default: none.
    /// Example: `3000`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 65535))]
    pub port: Option<i32>,

    /// The path of the MCP endpoint of a server with an HTTP transport. Default: `/mcp`, or `/sse` for the transport
    /// `sse`. Example: `/api/mcp`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "text::path")]
    pub path: Option<String>,

    /// How many pods. Sessions live in one pod: with more, clients need an affinity (see `service.sessionAffinity`).
    /// Default: one at first, and whatever an autoscaler says from then on. Example: `2`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1000))]
    pub replicas: Option<i32>,

    /// How clients share the processes of a stdio server. Example: `{max: 20, idle: 5m}`
    #[serde(default)]
    pub process: Process,

    /// The proxy in front of the server. Example: `{log: debug, limits: {maxBody: 16MiB}}`
    #[serde(default)]
    pub proxy: Proxy,

    /// The Service that leads to the proxy, named `mcp-NAME`. Example: `{type: LoadBalancer}`
    #[serde(default)]
    pub service: Service,

    /// An Ingress to the Service, with what its controller needs so that streams are neither buffered nor cut. Default: none.
    /// Example: `{className: nginx, host: mcp.example.org}`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ingress: Option<Ingress>,

    /// An HTTPRoute of the Gateway API to the Service, with no limit to the time of a request. Default: none.
    /// Example: `{parentRefs: [{name: public}], hostnames: [mcp.example.org]}`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http_route: Option<HttpRoute>,

    /// A NetworkPolicy for the pods: in comes only what goes to the proxy, out goes only what is listed. Default: none,
    /// so that the rules of the namespace hold. Example: `{egress: [{ports: [{port: 443}]}]}`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network_policy: Option<NetworkPolicy>,

    /// The PodDisruptionBudget that exists when there is more than one replica. Example: `{maxUnavailable: 50%}`
    #[serde(default)]
    pub disruption_budget: DisruptionBudget,
}

/// Which revisions of the protocol a server speaks.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Era {
    /// Ask the server.
    #[default]
    Auto,
    /// Revisions up to 2025-11-25, which start with `initialize`.
    Legacy,
    /// Revision 2026-07-28.
    Modern,
}

/// When an image is pulled.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub enum ImagePullPolicy {
    /// Each time a container starts.
    Always,
    /// When the node does not have it.
    IfNotPresent,
    /// Never: the node must have it.
    Never,
}
