//! What of the routes cannot be carried out.

use waggle_crds::server::HttpRouteClass;

use super::super::{config::values, context::Context, problem::Problem};

/// Mistakes in the specification of the routes.
pub(in super::super) fn check(context: &Context<'_>) -> Vec<Problem> {
    let (ingress, route) = (context.spec.ingress.as_ref(), context.spec.http_route.as_ref());
    let paths = [
        ("ingress", ingress.and_then(|ingress| ingress.path.as_deref())),
        ("httpRoute", route.and_then(|route| route.path.as_deref())),
    ];
    let mut messages = Vec::new();
    for (field, path) in paths {
        if let Some(path) = path.filter(|path| !values::is_prefix(path)) {
            messages.push(format!(
                "`spec.{field}.path` is `{path}`; write a plain path such as `/` or `/tools`."
            ));
        }
    }
    let prefix = |path: Option<&str>| path.unwrap_or_default().trim_end_matches('/').to_owned();
    if ingress.is_some() && route.is_some() && prefix(paths[0].1) != prefix(paths[1].1) {
        messages.push(
            "`spec.ingress.path` and `spec.httpRoute.path` differ; write the same in both: the proxy knows one public path."
                .to_owned(),
        );
    }
    if route.is_some_and(|route| route.parent_refs.is_empty()) {
        messages.push("`spec.httpRoute.parentRefs` is empty; write the Gateway to attach to, such as `[{name: public}]`.".to_owned());
    }
    messages.into_iter().map(Problem::invalid).collect()
}

/// What the cluster lacks for the routes; everything else goes on.
pub(in super::super) fn obstacles(context: &Context<'_>) -> Vec<Problem> {
    let Some(route) = &context.spec.http_route else { return Vec::new() };
    let apis = context.observed.apis;
    if !apis.http_route {
        return vec![Problem {
            reason: "GatewayApiMissing",
            message: "`spec.httpRoute` needs the Gateway API, which this cluster does not have (HTTPRoute of gateway.networking.k8s.io/v1); install it, or write `spec.ingress` instead.".to_owned(),
        }];
    }
    if route.class == Some(HttpRouteClass::EnvoyGateway) && !apis.backend_traffic_policy {
        return vec![Problem {
            reason: "EnvoyGatewayMissing",
            message: "`spec.httpRoute.class` is `envoy-gateway`, which this cluster does not have (BackendTrafficPolicy of gateway.envoyproxy.io/v1alpha1); install it, or leave `class` out.".to_owned(),
        }];
    }
    Vec::new()
}
