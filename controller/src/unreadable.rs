//! A resource that the API server took and nobody can read: its pod template says something that no pod can be.

use std::time::Duration;

use k8s_openapi::jiff::{Timestamp, Unit};
use kube::{
    Api, Resource as _,
    core::{ApiResource, DynamicObject, error_boundary::InvalidObject},
};
use serde::Deserialize as _;
use waggle_crds::{McpServer, McpServerStatus};

use crate::{
    apply::write_status,
    context::Context,
    error::{Error, Refusal},
    events,
    memory::Key,
    metrics::Outcome,
    refusal,
    text::full_stop,
    watch::Server,
};

/// Tells it in the status. What runs is left as it is.
pub(crate) async fn tell_unreadable(
    key: &Key,
    server: &Server,
    error: &InvalidObject,
    context: &Context,
) -> Result<(Outcome, Duration), Error> {
    let shared = &context.shared;
    let (namespace, name) = key;
    let resource = ApiResource::erase::<McpServer>(&());
    let api: Api<DynamicObject> = Api::namespaced_with(shared.client.clone(), namespace, &resource);
    let found = api.get_opt(name).await.map_err(|error| Error::new("get", "mcpservers", name, error))?;
    let done = (Outcome::Refused, shared.resync);
    let Some(found) = found else { return Ok(done) };
    let before = found.data.get("status").and_then(|status| McpServerStatus::deserialize(status).ok());
    let mut status = before.clone().unwrap_or_default();
    status.observed_generation = server.meta().generation;
    let refusal = Refusal {
        reason: "Unreadable",
        message: format!(
            "The specification cannot be read: {} Only `spec.podTemplate` is not checked before: `kubectl explain \
             pod.spec` tells what can stand there.",
            full_stop(&error.error)
        ),
    };
    let now = Timestamp::now().round(Unit::Second).unwrap_or_default();
    refusal::tell(&mut status, before.as_ref(), &refusal, now);
    write_status(shared, &context.memory, key, server.meta(), before.as_ref(), status).await?;
    let notices = [refusal::notice(&refusal)];
    events::tell(&shared.client, &shared.identity, &context.memory, key, server, &notices).await;
    Ok(done)
}
