//! The number of pods when the resource stops saying it. A field that its only owner leaves out falls back to its default, so
//! that three pods would become one. Somebody else of ours takes it first, from whom an autoscaler or a person can take it.

use kube::{
    Api,
    api::{Patch, PatchParams},
    core::DynamicObject,
};
use serde_json::{Value, json};

use super::MANAGER;

/// Who keeps the number then.
const KEEPER: &str = "waggle-controller-replicas";

/// Keeps the number of pods that `api` has of a Deployment, if the plan has said it before and `desired` does not.
pub(super) async fn keep(
    api: &Api<DynamicObject>,
    name: &str,
    desired: &Value,
) -> Result<(), (&'static str, kube::Error)> {
    if desired["kind"] != "Deployment" || desired["spec"].get("replicas").is_some() {
        return Ok(());
    }
    let Some(live) = api.get_opt(name).await.map_err(|error| ("get", error))? else { return Ok(()) };
    let Some(replicas) = live.data["spec"].get("replicas").filter(|_| is_ours(&live)) else { return Ok(()) };
    let body = json!({
        "apiVersion": desired["apiVersion"],
        "kind": desired["kind"],
        // The version: who has just changed the number is not overruled.
        "metadata": {"name": name, "uid": live.metadata.uid, "resourceVersion": live.metadata.resource_version},
        "spec": {"replicas": replicas},
    });
    let kept = api.patch(name, &PatchParams::apply(KEEPER), &Patch::Apply(&body)).await;
    kept.map(drop).map_err(|error| ("patch", error))
}

/// Whether the plan has said the number last.
fn is_ours(live: &DynamicObject) -> bool {
    let managers = live.metadata.managed_fields.iter().flatten();
    let mut ours = managers.filter(|entry| {
        entry.manager.as_deref() == Some(MANAGER)
            && entry.operation.as_deref() == Some("Apply")
            && entry.subresource.as_deref().unwrap_or_default().is_empty()
    });
    ours.any(|entry| {
        entry.fields_v1.as_ref().is_some_and(|fields| fields.0.pointer("/f:spec/f:replicas").is_some())
    })
}
