//! Ways into the cluster: Ingress and HTTPRoute, with what their controllers need so that no stream is buffered or cut.

mod check;
mod http_route;
mod ingress;
mod streams;
mod urls;

use super::context::Context;
use crate::observed::Part;

pub(super) use check::{check, obstacles};
pub(super) use http_route::{backend_traffic_policy, http_route};
pub(super) use ingress::ingress;
pub(super) use urls::{of_routes, public_urls};

/// Whether there will be an Ingress of ours.
fn has_ingress(context: &Context<'_>) -> bool {
    context.spec.ingress.is_some() && !context.is_foreign(Part::Ingress)
}

/// Whether there will be an HTTPRoute of ours.
fn has_http_route(context: &Context<'_>) -> bool {
    context.spec.http_route.is_some()
        && context.observed.apis.http_route
        && !context.is_foreign(Part::HttpRoute)
}
