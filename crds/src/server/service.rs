//! The Service in front of a server's pods.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{StringMap, rules};

/// The Service that leads to the proxy.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules::service()))]
pub struct Service {
    /// Where the Service can be reached: `ClusterIP` in the cluster, `NodePort` on a port of each node, `LoadBalancer` at
    /// an address of the cloud. Example: `LoadBalancer`
    #[serde(default, rename = "type")]
    pub kind: ServiceType,

    /// The port of the Service. Example: `8080`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 65535), extend("default" = 80))]
    pub port: Option<i32>,

    /// The port on each node, for the types `NodePort` and `LoadBalancer`. Default: one that the cluster picks.
    /// Example: `30080`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 65535))]
    pub node_port: Option<i32>,

    /// Whether requests from one address go to one pod: `ClientIP` or `None`. Default: `ClientIP` when `replicas` is more
    /// than one, since a session lives in one pod. Example: `ClientIP`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_affinity: Option<SessionAffinity>,

    /// Annotations of the Service. Default: none. Example: `{example.org/owner: tools}`
    #[serde(default, skip_serializing_if = "StringMap::is_empty")]
    #[schemars(extend("maxProperties" = 128))]
    pub annotations: StringMap,

    /// More labels of the Service. Default: none. Example: `{team: tools}`
    #[serde(default, skip_serializing_if = "StringMap::is_empty")]
    #[schemars(extend("maxProperties" = 128, "x-kubernetes-validations" = rules::reserved()))]
    pub labels: StringMap,
}

/// Where a Service can be reached.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub enum ServiceType {
    /// Inside the cluster.
    #[default]
    ClusterIP,
    /// On a port of each node.
    NodePort,
    /// At an address of the cloud's load balancer.
    LoadBalancer,
}

/// Whether requests from one address go to one pod.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub enum SessionAffinity {
    /// They do.
    ClientIP,
    /// They go to any.
    None,
}
