//! How many pods may be away at once.

use k8s_openapi::{
    api::policy::v1::{PodDisruptionBudget, PodDisruptionBudgetSpec},
    apimachinery::pkg::util::intstr::IntOrString,
};

use super::{context::Context, labels};
use crate::observed::Part;

/// A budget when there is more than one pod: for a single one it would only keep nodes from being drained.
pub(super) fn disruption_budget(context: &Context<'_>) -> Option<PodDisruptionBudget> {
    let budget = &context.spec.disruption_budget;
    let wanted = context.replicas() > 1
        && budget.enabled != Some(false)
        && !context.is_foreign(Part::DisruptionBudget);
    wanted.then(|| PodDisruptionBudget {
        metadata: context.metadata(),
        spec: Some(PodDisruptionBudgetSpec {
            max_unavailable: Some(budget.max_unavailable.clone().unwrap_or(IntOrString::Int(1))),
            selector: Some(labels::selector(&context.instance())),
            ..PodDisruptionBudgetSpec::default()
        }),
        ..PodDisruptionBudget::default()
    })
}
