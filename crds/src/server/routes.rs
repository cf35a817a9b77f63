//! Ways into the cluster: Ingress and HTTPRoute.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{StringMap, rules};
use crate::schema::text;

/// An Ingress to the Service.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Ingress {
    /// The IngressClass. Default: the cluster's default one. Example: `nginx`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "text::object_name")]
    pub class_name: Option<String>,

    /// Which controller serves that class, so that its settings for long streams are written; `none` writes none.
    /// Default: known from `className`. Example: `nginx`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<IngressClass>,

    /// The host name. Default: every host. Example: `mcp.example.org`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "text::host")]
    pub host: Option<String>,

    /// The path under which the proxy is reached; what follows it is the proxy's: `/mcp`, `/sse`, `/.well-known`.
    /// Another path than `/` needs an ingress controller that cuts it off. Example: `/github`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "text::path", extend("default" = "/"))]
    pub path: Option<String>,

    /// TLS of the Ingress. Default: none. Example: `[{secretName: mcp-tls, hosts: [mcp.example.org]}]`
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "atomic"))]
    pub tls: Vec<IngressTls>,

    /// Annotations of the Ingress; they win over those that the controller writes. Default: none.
    /// Example: `{cert-manager.io/cluster-issuer: letsencrypt}`
    #[serde(default, skip_serializing_if = "StringMap::is_empty")]
    #[schemars(extend("maxProperties" = 128))]
    pub annotations: StringMap,
}

/// TLS for some hosts of an Ingress.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct IngressTls {
    /// The Secret of type `kubernetes.io/tls`. Default: what the ingress controller has for the hosts.
    /// Example: `mcp-tls`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "text::object_name")]
    pub secret_name: Option<String>,

    /// The hosts. Default: the `host` of the Ingress. Example: `[mcp.example.org]`
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "text::hosts")]
    pub hosts: Vec<String>,
}

/// A controller of Ingress objects.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum IngressClass {
    /// ingress-nginx and those that read its annotations.
    Nginx,
    /// Traefik.
    Traefik,
    /// HAProxy's own controller.
    Haproxy,
    /// AWS Load Balancer Controller.
    Alb,
    /// Contour.
    Contour,
    /// Istio.
    Istio,
    /// Another one: no settings are written.
    None,
}

/// An HTTPRoute to the Service.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HttpRoute {
    /// The Gateways to attach to. Example: `[{name: public, namespace: gateways}]`
    #[schemars(length(max = 32), extend("x-kubernetes-list-type" = "atomic", "x-kubernetes-validations" = rules::some_gateway()))]
    pub parent_refs: Vec<ParentReference>,

    /// The host names. Default: those of the Gateway. Example: `[mcp.example.org]`
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "text::hosts")]
    pub hostnames: Vec<String>,

    /// The path under which the proxy is reached; it is cut off before the request arrives there.
    /// Example: `/github`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "text::path", extend("default" = "/"))]
    pub path: Option<String>,

    /// Which implementation serves the Gateway, for what the Gateway API itself cannot say: `envoy-gateway` gets a
    /// BackendTrafficPolicy. Default: `none`. Example: `envoy-gateway`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<HttpRouteClass>,

    /// Annotations of the HTTPRoute. Default: none. Example: `{example.org/owner: tools}`
    #[serde(default, skip_serializing_if = "StringMap::is_empty")]
    #[schemars(extend("maxProperties" = 128))]
    pub annotations: StringMap,
}

/// An implementation of the Gateway API.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum HttpRouteClass {
    /// Envoy Gateway.
    EnvoyGateway,
    /// Any other: the HTTPRoute says all.
    None,
}

/// A Gateway, or a listener of it.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ParentReference {
    /// The Gateway's name. Example: `public`
    #[schemars(schema_with = "text::object_name")]
    pub name: String,

    /// The Gateway's namespace. Default: that of the `MCPServer`. Example: `gateways`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "text::object_name")]
    pub namespace: Option<String>,

    /// The listener's name. Default: every listener that lets the route in. Example: `https`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "text::object_name")]
    pub section_name: Option<String>,

    /// The listener's port. Default: every listener that lets the route in. Example: `443`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 65535))]
    pub port: Option<i32>,
}
