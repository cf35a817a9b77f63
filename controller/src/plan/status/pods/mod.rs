//! Why pods are not ready, from what Kubernetes tells of them.

mod container;
mod start;
mod upstream;

use k8s_openapi::api::core::v1::Pod;

use super::{
    super::context::{Context, Kind},
    words,
};

/// A cause with its remedy.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Diagnosis {
    /// How much it explains: of several causes the first counts.
    rank: Rank,
    /// One word in CamelCase.
    pub(super) reason: &'static str,
    /// Sentences.
    pub(super) message: String,
}

/// What explains more comes first.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Rank {
    /// The pods cannot be made.
    Refused,
    /// A container cannot be made or started.
    Stillborn,
    /// A container ends.
    Crashing,
    /// The pod has no place.
    Homeless,
    /// The server ends in a container that goes on, or cannot be reached.
    Failing,
    /// The server does not listen, which it may do yet.
    Silent,
}

impl Diagnosis {
    /// Whether a person has to know of it: not while it may only take its time.
    pub(super) fn is_alarming(&self) -> bool {
        self.rank != Rank::Silent
    }
}

/// The cause that explains most, if anything is known to be wrong. The same for pods in any order.
pub(super) fn diagnosis(context: &Context<'_>) -> Option<Diagnosis> {
    let of_pods =
        context.observed.pods.iter().filter(|pod| is_expected(pod)).flat_map(|pod| of_pod(context, pod));
    refused(context).into_iter().chain(of_pods).chain(failure(context)).min()
}

/// Whether the pod should become ready, and is not.
fn is_expected(pod: &Pod) -> bool {
    let status = pod.status.as_ref();
    let conditions = status.and_then(|status| status.conditions.as_ref());
    let ready = conditions
        .into_iter()
        .flatten()
        .any(|condition| condition.type_ == "Ready" && condition.status == "True");
    // Evicted ones and those of a drained node stay behind, and others have replaced them.
    let over = status
        .and_then(|status| status.phase.as_deref())
        .is_some_and(|phase| ["Failed", "Succeeded"].contains(&phase));
    pod.metadata.deletion_timestamp.is_none() && !ready && !over
}

fn of_pod(context: &Context<'_>, pod: &Pod) -> Vec<Diagnosis> {
    let Some(status) = &pod.status else { return Vec::new() };
    let containers = status.init_container_statuses.iter().chain(&status.container_statuses).flatten();
    let mut found: Vec<Diagnosis> =
        containers.filter_map(|status| container::diagnosis(context, pod, status)).collect();
    let unscheduled = status.conditions.iter().flatten().find(|condition| {
        condition.type_ == "PodScheduled"
            && condition.status == "False"
            && condition.reason.as_deref() == Some("Unschedulable")
    });
    found.extend(unscheduled.map(|condition| Diagnosis {
        rank: Rank::Homeless,
        reason: "Unschedulable",
        message: format!(
            "No node takes the pod: {}.",
            words::clause(condition.message.as_deref().unwrap_or_default())
        ),
    }));
    found
}

/// Pods that the API server refuses: a quota, or rules for pods.
fn refused(context: &Context<'_>) -> Option<Diagnosis> {
    let conditions = context.deployment()?.status.as_ref()?.conditions.as_ref()?;
    let failure = conditions
        .iter()
        .find(|condition| condition.type_ == "ReplicaFailure" && condition.status == "True")?;
    let message = failure.message.as_deref().unwrap_or_default();
    // Before it stands the pod's name, another one at each try.
    let why = words::clause(message.split_once("is forbidden: ").map_or(message, |(_, why)| why));
    let (reason, message) = if why.contains("quota") {
        ("QuotaExceeded", format!("The namespace's quota has no room for the pod: {why}."))
    } else {
        (
            "PodsRefused",
            format!("The cluster refuses the pod: {why}. Write what it asks for in `spec.podTemplate`."),
        )
    };
    Some(Diagnosis { rank: Rank::Refused, reason, message })
}

/// A server that ends again and again while the launcher in its container goes on, or one that cannot be reached.
fn failure(context: &Context<'_>) -> Option<Diagnosis> {
    if super::ready_replicas(context) > 0 {
        return None;
    }
    let reason = &context.observed.server.as_ref()?.last_exit.as_ref()?.reason;
    Some(match context.kind() {
        Kind::Launched => Diagnosis {
            rank: Rank::Failing,
            reason: "CrashLoop",
            message: format!("The server ends before it has answered: {}.", words::clause(reason)),
        },
        Kind::Listening => upstream::listening(reason),
        Kind::Remote => upstream::remote(reason),
    })
}
