//! Objects of somebody else in the place of ours.

use super::{context::Context, problem::Problem};
use crate::observed::Part;

/// What of somebody else's is in the way; it is never touched.
pub(super) fn obstacles(context: &Context<'_>) -> Vec<Problem> {
    let parts = context.observed.foreign.iter().copied().filter(|part| is_wanted(context, *part));
    parts.map(|part| problem(context, part)).collect()
}

fn is_wanted(context: &Context<'_>, part: Part) -> bool {
    let spec = context.spec;
    match part {
        Part::ConfigMap | Part::Deployment | Part::Service => true,
        Part::ServiceAccount => spec.service_account_name.is_none(),
        Part::Ingress => spec.ingress.is_some(),
        Part::HttpRoute | Part::BackendTrafficPolicy => spec.http_route.is_some(),
        Part::DisruptionBudget => context.replicas() > 1 && spec.disruption_budget.enabled != Some(false),
        Part::NetworkPolicy => spec.network_policy.is_some(),
    }
}

fn problem(context: &Context<'_>, part: Part) -> Problem {
    let (kind, name) = (part.kind(), context.name());
    Problem {
        reason: "ForeignObject",
        message: format!(
            "The {kind} `{name}` that is there already belongs to somebody else; delete it, or give this MCPServer another name."
        ),
    }
}
