//! A server that runs elsewhere.

use k8s_openapi::api::core::v1::SecretKeySelector;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::rules;
use crate::schema::text;

/// A server that runs elsewhere.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules::remote()))]
pub struct Remote {
    /// The URL of its MCP endpoint. Example: `https://mcp.example.org/mcp`
    #[schemars(schema_with = "text::url")]
    pub url: String,

    /// Headers for each request to it, such as its credentials. A client's own `Authorization` is never passed on.
    /// Default: none.
    /// Example: `[{name: Authorization, secretKeyRef: {name: example, key: header}}]`
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"], "x-kubernetes-validations" = rules::distinct_headers()))]
    pub headers: Vec<RemoteHeader>,

    /// A Secret's key with certificates to trust in addition to those of the system, as PEM. Default: none.
    /// Example: `{name: company-ca, key: ca.crt}`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<SecretKeySelector>,
}

/// One header. Its value comes from a Secret, for whatever is worth sending to a server is worth hiding.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RemoteHeader {
    /// The header's name. Example: `Authorization`
    #[schemars(schema_with = "text::header_name")]
    pub name: String,

    /// The Secret's key that holds the whole value. Example: `{name: example, key: header}`
    pub secret_key_ref: SecretKeySelector,
}
