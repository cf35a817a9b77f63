//! The HTTPRoute, and what Envoy Gateway needs beside it.

use kube::{
    api::DynamicObject,
    core::{ObjectMeta, TypeMeta},
};
use serde_json::{Value, json};
use waggle_crds::server::{HttpRouteClass, ParentReference};

use super::super::{context::Context, service};
use super::has_http_route;
use crate::observed::Part;

/// The HTTPRoute, if one is asked for and the cluster knows what that is.
pub(in super::super) fn http_route(context: &Context<'_>) -> Option<DynamicObject> {
    let route = context.spec.http_route.as_ref().filter(|_| has_http_route(context))?;
    let path = route.path.as_deref().unwrap_or("/");
    let mut rule = json!({
        "matches": [{ "path": { "type": "PathPrefix", "value": path } }],
        "backendRefs": [{ "name": context.name(), "port": service::port(context) }],
        // Without this some implementations end every response after 15 seconds.
        "timeouts": { "request": "0s", "backendRequest": "0s" },
    });
    if path != "/" {
        rule["filters"] = json!([{
            "type": "URLRewrite",
            "urlRewrite": { "path": { "type": "ReplacePrefixMatch", "replacePrefixMatch": "/" } },
        }]);
    }
    let mut spec = json!({
        "parentRefs": route.parent_refs.iter().map(parent).collect::<Vec<_>>(),
        "rules": [rule],
    });
    if !route.hostnames.is_empty() {
        spec["hostnames"] = json!(route.hostnames);
    }
    Some(object(
        "gateway.networking.k8s.io/v1",
        "HTTPRoute",
        context.annotated(route.annotations.clone()),
        spec,
    ))
}

fn parent(parent: &ParentReference) -> Value {
    let mut reference = json!({ "name": parent.name });
    for (key, value) in [
        ("namespace", parent.namespace.as_ref().map(|text| json!(text))),
        ("sectionName", parent.section_name.as_ref().map(|text| json!(text))),
        ("port", parent.port.map(|port| json!(port))),
    ] {
        if let Some(value) = value {
            reference[key] = value;
        }
    }
    reference
}

/// Envoy Gateway's own times for the route.
pub(in super::super) fn backend_traffic_policy(context: &Context<'_>) -> Option<DynamicObject> {
    let route = context.spec.http_route.as_ref().filter(|_| has_http_route(context))?;
    let wanted = route.class == Some(HttpRouteClass::EnvoyGateway)
        && context.observed.apis.backend_traffic_policy
        && !context.is_foreign(Part::BackendTrafficPolicy);
    wanted.then(|| {
        let spec = json!({
            "targetRefs": [{ "group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "name": context.name() }],
            "timeout": { "http": { "requestTimeout": "0s", "connectionIdleTimeout": "1h" } },
        });
        object("gateway.envoyproxy.io/v1alpha1", "BackendTrafficPolicy", context.metadata(), spec)
    })
}

fn object(api_version: &str, kind: &str, metadata: ObjectMeta, spec: Value) -> DynamicObject {
    let types = TypeMeta { api_version: api_version.to_owned(), kind: kind.to_owned() };
    DynamicObject { types: Some(types), metadata, data: json!({ "spec": spec }) }
}
