//! The status of the resource.

use kube::{
    Api, Resource as _,
    api::{ObjectMeta, Patch, PatchParams},
    core::{ApiResource, DynamicObject},
};
use serde_json::json;
use waggle_crds::{McpServer, McpServerStatus};

use super::MANAGER;
use crate::{
    context::Shared,
    error::Error,
    memory::{Key, Memory},
    metrics::Change,
};

/// Writes a status if it is another one than the resource with this metadata has.
///
/// # Errors
///
/// When the API server does not take it.
pub async fn write_status(
    shared: &Shared,
    memory: &Memory,
    key: &Key,
    meta: &ObjectMeta,
    before: Option<&McpServerStatus>,
    status: McpServerStatus,
) -> Result<(), Error> {
    if before == Some(&status) {
        return Ok(());
    }
    let (namespace, name) = key;
    // Without its type, for it may be one that cannot be read.
    let resource = ApiResource::erase::<McpServer>(&());
    let api: Api<DynamicObject> = Api::namespaced_with(shared.client.clone(), namespace, &resource);
    let body = json!({
        "apiVersion": resource.api_version,
        "kind": resource.kind,
        // The uid: a new resource of the same name shall not get the status of the old one.
        "metadata": {"name": name, "uid": meta.uid},
        "status": status,
    });
    let params = PatchParams::apply(MANAGER).force();
    api.patch_status(name, &params, &Patch::Apply(&body))
        .await
        .map_err(|error| Error::new("patch", "mcpservers/status", name, error))?;
    shared.metrics.wrote(&McpServer::kind(&()), Change::Status);
    memory.wrote(key, meta.resource_version.clone().unwrap_or_default(), status);
    Ok(())
}
