//! Labels of the objects and the selector of the pods.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use waggle_crds::server::StringMap;

/// The resource's name, on all of its objects.
const SERVER: &str = "waggle.dev/server";
const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// Who writes the objects.
const CONTROLLER: &str = "waggle-controller";

/// The labels of all objects and of the pods.
pub(super) fn all(instance: &str) -> StringMap {
    let fixed = [
        ("app.kubernetes.io/name", "waggle-server"),
        ("app.kubernetes.io/instance", instance),
        ("app.kubernetes.io/component", "mcp-server"),
        ("app.kubernetes.io/part-of", "waggle"),
    ];
    let mut labels: StringMap =
        fixed.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
    labels.append(&mut selected(instance));
    labels
}

/// The labels that pods are selected by. A Deployment's selector can never be changed: nothing is in it that may.
pub(super) fn selected(instance: &str) -> StringMap {
    [(SERVER, instance), (MANAGED_BY, CONTROLLER)]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into()
}

/// The selector of the pods.
pub(super) fn selector(instance: &str) -> LabelSelector {
    LabelSelector { match_labels: Some(selected(instance)), ..LabelSelector::default() }
}

/// The selector as text.
pub(super) fn selector_text(instance: &str) -> String {
    let labels = selected(instance);
    labels.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(",")
}
