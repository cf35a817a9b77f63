//! What is told of a server: its conditions, and what its proxy says of it.

mod accepted;
mod available;
mod image;
mod pods;
mod reachable;
mod ready;
mod secrets;
mod verdict;
pub(super) mod words;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use waggle_crds::{McpServerStatus, conditions::ConditionType, server::Transport};

use super::{
    command::Command,
    context::{Context, Kind},
    labels,
    problem::Problem,
    routes, service,
};
use crate::observed::Part;

pub(super) use verdict::{Truth, Verdict};

/// The status with the verdicts that its conditions came from.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) status: McpServerStatus,
    pub(super) verdicts: Vec<(ConditionType, Verdict)>,
}

/// Makes the status. If the specification is refused, what runs is that of an earlier one.
pub(super) fn report(
    context: &Context<'_>,
    command: &Command,
    problems: &[Problem],
    refused: bool,
) -> Report {
    let mut status = facts(context, command, refused);
    let diagnosis = pods::diagnosis(context);
    let mut verdicts = vec![
        (ConditionType::Accepted, accepted::verdict(problems)),
        (ConditionType::ImageResolved, image::verdict(context, command)),
        (ConditionType::Available, available::verdict(context, command, refused, diagnosis.as_ref())),
        (ConditionType::Reachable, reachable::verdict(context, &status, diagnosis.as_ref())),
    ];
    let sum = ready::verdict(&verdicts, &status);
    verdicts.push((ConditionType::Ready, sum));
    status.conditions = verdicts.iter().map(|(about, verdict)| condition(context, *about, verdict)).collect();
    Report { status, verdicts }
}

/// Everything but the conditions. What only a pod can tell is kept from before while none does.
fn facts(context: &Context<'_>, command: &Command, refused: bool) -> McpServerStatus {
    let mut status = context.server.status.clone().unwrap_or_default();
    status.observed_generation = context.server.metadata.generation;
    if !refused {
        status.url = url(context);
    }
    let deployed = context.deployment().and_then(|deployment| deployment.status.as_ref());
    status.replicas = Some(deployed.and_then(|deployed| deployed.replicas).unwrap_or(0));
    status.ready_replicas = Some(ready_replicas(context));
    status.selector = Some(labels::selector_text(&context.instance()));
    match command {
        Command::OfImage { image, .. } => status.resolved_image = Some(image.resolved.clone()),
        Command::AsItIs | Command::Given(_) => status.resolved_image = None,
        Command::Unknown { .. } => {}
    }
    if let Some(server) = &context.observed.server {
        status.server_info = server.server_info.clone().or(status.server_info);
        status.era = server.era.clone().or(status.era);
        status.tools = server.tools.or(status.tools);
        if !server.protocol_versions.is_empty() {
            status.protocol_versions = server.protocol_versions.clone();
        }
    }
    status.transport = transport(context).or(status.transport);
    status
}

/// Where clients find the server: outside if there is a way in, else in the cluster.
fn url(context: &Context<'_>) -> Option<String> {
    let base = match routes::of_routes(context).first() {
        Some(public) => public.base(),
        None if context.is_foreign(Part::Service) => return None,
        None => format!("http://{}", service::host(context)),
    };
    Some(format!("{base}/mcp"))
}

/// What was written, or found behind `spec.remote`.
fn transport(context: &Context<'_>) -> Option<Transport> {
    let default = || match context.kind() {
        Kind::Launched => Some(Transport::Stdio),
        Kind::Listening | Kind::Remote => context.observed.server.as_ref()?.transport,
    };
    context.spec.transport.or_else(default)
}

/// Pods that are ready, as the Deployment counts them.
fn ready_replicas(context: &Context<'_>) -> i32 {
    let status = context.deployment().and_then(|deployment| deployment.status.as_ref());
    status.and_then(|status| status.ready_replicas).unwrap_or(0)
}

/// What the resource's status said of this before.
pub(super) fn previous<'a>(context: &Context<'a>, about: ConditionType) -> Option<&'a Condition> {
    context.server.status.as_ref()?.conditions.iter().find(|condition| condition.type_ == about.as_str())
}

fn condition(context: &Context<'_>, about: ConditionType, verdict: &Verdict) -> Condition {
    let status = verdict.truth.as_str();
    let unchanged = previous(context, about).filter(|before| before.status == status);
    Condition {
        type_: about.as_str().to_owned(),
        status: status.to_owned(),
        reason: verdict.reason.clone().into_owned(),
        message: verdict.message.clone(),
        observed_generation: context.server.metadata.generation,
        last_transition_time: unchanged
            .map_or(Time(context.observed.now), |before| before.last_transition_time.clone()),
    }
}
