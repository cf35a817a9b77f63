//! What holds for all servers of one controller.

use k8s_openapi::api::core::v1::{LocalObjectReference, ResourceRequirements};
use waggle_crds::server::{ImagePullPolicy, Injection};

/// What the controller was told at its start about the pods that it plans.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// The image of the data plane, with `/waggle-proxy` in it.
    pub proxy_image: String,
    /// When that image is pulled; `None` leaves it to Kubernetes.
    pub proxy_pull_policy: Option<ImagePullPolicy>,
    /// Secrets for that image's registry; they must exist in the servers' namespaces.
    pub proxy_pull_secrets: Vec<LocalObjectReference>,
    /// CPU and memory of the proxy's container where `spec.proxy.resources` says nothing.
    pub proxy_resources: ResourceRequirements,
    /// What `injection: auto` means; never [`Injection::Auto`].
    pub injection: Injection,
    /// The user and group id that pods run as; `None` where the platform gives them out (OpenShift).
    pub run_as: Option<i64>,
    /// The DNS domain of the cluster, such as `cluster.local`.
    pub cluster_domain: String,
    /// The namespace in which the controller runs: a NetworkPolicy lets it read the pods' status.
    pub namespace: String,
}
