//! The schema of the resource as the API server takes it, made from the types in [`crate::server`].
//!
//! - `structural`: from JSON Schema with references and nulls to the plain tree that the API server wants.
//! - `kubernetes`: what Kubernetes' own types lack there: both spellings of quantities, short descriptions, how
//!   lists merge.
//! - `text`: texts with a form: durations, sizes, URLs, names.
//! - `rule`: conditions that the API server evaluates, each with the sentence that says what to write.

mod kubernetes;
pub(crate) mod rule;
mod structural;
pub(crate) mod text;

use kube::CustomResourceExt;
use schemars::{JsonSchema, generate::SchemaSettings};
use serde_json::{Value, json};

use crate::{McpServer, McpServerSpec, McpServerStatus};
use rule::Rule;

/// The CustomResourceDefinition, as `crds/mcpservers.yaml` holds it.
pub fn definition() -> Value {
    // The derived definition has the names, the columns and the subresources, but no schema; it always serializes.
    let mut definition = serde_json::to_value(McpServer::crd()).unwrap_or_default();
    definition["spec"]["versions"][0]["schema"] = json!({ "openAPIV3Schema": root() });
    definition
}

fn root() -> Value {
    let named = "self.metadata.name.size() <= 59 && !self.metadata.name.contains('.')";
    let message = "choose a name of at most 59 characters without dots: the Service gets the name `mcp-NAME`";
    json!({
        "description": "An MCP server that one URL makes usable for every MCP client.",
        "type": "object",
        "required": ["spec"],
        "properties": { "spec": tree::<McpServerSpec>(), "status": tree::<McpServerStatus>() },
        "x-kubernetes-validations": [Rule::new(named, message)],
    })
}

/// The schema of a type without references.
pub(crate) fn tree<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12();
    structural::rewrite(settings.into_generator().into_root_schema_for::<T>().to_value())
}
