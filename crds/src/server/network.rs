//! What may reach the pods, and how many of them may be away at once.

use k8s_openapi::{
    api::networking::v1::{NetworkPolicyEgressRule, NetworkPolicyPeer},
    apimachinery::pkg::util::intstr::IntOrString,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::rules;

/// A NetworkPolicy for the pods of the server.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NetworkPolicy {
    /// Who may reach the proxy's port. Nothing else of the pod can be reached but the admin port, by the controller and by
    /// `metricsFrom`. Default: everybody.
    /// Example: `[{namespaceSelector: {matchLabels: {team: ai}}}]`
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), extend("x-kubernetes-list-type" = "atomic"))]
    pub from: Vec<NetworkPolicyPeer>,

    /// Who may reach the admin port with metrics and status besides the controller. Default: nobody.
    /// Example: `[{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: monitoring}}}]`
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), extend("x-kubernetes-list-type" = "atomic"))]
    pub metrics_from: Vec<NetworkPolicyPeer>,

    /// Where the server may connect to, besides the cluster's DNS. Default: nowhere.
    /// Example: `[{to: [{ipBlock: {cidr: 140.82.112.0/20}}], ports: [{port: 443}]}]`
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), extend("x-kubernetes-list-type" = "atomic"))]
    pub egress: Vec<NetworkPolicyEgressRule>,
}

/// The PodDisruptionBudget.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DisruptionBudget {
    /// Whether there is one; `false` for none. Default: `true`. Example: `false`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,

    /// How many pods may be away at once, as a number or a percentage. Default: `1`. Example: `50%`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kubernetes-validations" = rules::number_or_percentage()))]
    pub max_unavailable: Option<IntOrString>,
}
