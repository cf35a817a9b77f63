//! The kinds of object that a plan consists of.

use k8s_openapi::api::{
    apps::v1::Deployment,
    core::v1::{ConfigMap, Service, ServiceAccount},
    networking::v1::{Ingress, NetworkPolicy},
    policy::v1::PodDisruptionBudget,
};
use kube::core::{ApiResource, GroupVersionKind};
use serde::Serialize;
use serde_json::Value;

use crate::{observed::Part, plan::Plan};

/// The order in which parts are written: what pods need, and what guards them, comes before them.
pub const ORDER: [Part; 9] = [
    Part::ServiceAccount,
    Part::ConfigMap,
    Part::NetworkPolicy,
    Part::Deployment,
    Part::Service,
    Part::Ingress,
    Part::HttpRoute,
    Part::BackendTrafficPolicy,
    Part::DisruptionBudget,
];

/// The API of a part.
pub fn resource(part: Part) -> ApiResource {
    match part {
        Part::ServiceAccount => ApiResource::erase::<ServiceAccount>(&()),
        Part::ConfigMap => ApiResource::erase::<ConfigMap>(&()),
        Part::Deployment => ApiResource::erase::<Deployment>(&()),
        Part::Service => ApiResource::erase::<Service>(&()),
        Part::Ingress => ApiResource::erase::<Ingress>(&()),
        Part::HttpRoute => {
            ApiResource::from_gvk(&GroupVersionKind::gvk("gateway.networking.k8s.io", "v1", "HTTPRoute"))
        }
        Part::BackendTrafficPolicy => ApiResource::from_gvk(&GroupVersionKind::gvk(
            "gateway.envoyproxy.io",
            "v1alpha1",
            "BackendTrafficPolicy",
        )),
        Part::DisruptionBudget => ApiResource::erase::<PodDisruptionBudget>(&()),
        Part::NetworkPolicy => ApiResource::erase::<NetworkPolicy>(&()),
    }
}

/// What the plan says of a part, as JSON.
///
/// # Errors
///
/// When a value has no JSON form, such as a map without text keys.
pub fn desired(plan: &Plan, part: Part) -> serde_json::Result<Option<Value>> {
    match part {
        Part::ServiceAccount => json(&plan.service_account),
        Part::ConfigMap => json(&plan.config_map),
        Part::Deployment => json(&plan.deployment),
        Part::Service => json(&plan.service),
        Part::Ingress => json(&plan.ingress),
        Part::HttpRoute => json(&plan.http_route),
        Part::BackendTrafficPolicy => json(&plan.backend_traffic_policy),
        Part::DisruptionBudget => json(&plan.disruption_budget),
        Part::NetworkPolicy => json(&plan.network_policy),
    }
}

fn json<T: Serialize>(object: &Option<T>) -> serde_json::Result<Option<Value>> {
    object.as_ref().map(serde_json::to_value).transpose()
}
