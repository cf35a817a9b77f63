//! `Available`: whether as many pods are ready as there shall be.

use k8s_openapi::api::apps::v1::Deployment;

use super::{
    super::{command::Command, context::Context},
    pods::Diagnosis,
    ready_replicas,
    verdict::Verdict,
};

/// The reason when nobody wants a pod.
pub(super) const SCALED_TO_ZERO: &str = "ScaledToZero";
/// The sentence to it.
pub(super) const NO_PODS_WANTED: &str = "No pods are wanted: the number of replicas is 0.";

pub(super) fn verdict(
    context: &Context<'_>,
    command: &Command,
    refused: bool,
    diagnosis: Option<&Diagnosis>,
) -> Verdict {
    let Some(deployment) = context.deployment() else {
        return without_deployment(command, refused);
    };
    let (ready, wanted) = (ready_replicas(context), context.replicas());
    if wanted == 0 {
        return Verdict::good(SCALED_TO_ZERO, NO_PODS_WANTED);
    }
    let count = if wanted == 1 {
        if ready > 0 { "The pod is ready".to_owned() } else { "The pod is not ready".to_owned() }
    } else {
        format!("{} of {wanted} pods are ready", ready.min(wanted))
    };
    match (ready >= wanted, diagnosis) {
        // A new pod that does not become ready replaces no old one.
        (true, Some(found)) => Verdict::good(
            "RolloutStuck",
            format!("{count}, but those of the last edit are not. {}", found.message),
        )
        .alarming(found.reason),
        (true, None) if is_overdue(deployment) => Verdict::good(
            "RolloutStuck",
            format!(
                "{count}, but those of the last edit have not answered a handshake in time. {}",
                logs(context)
            ),
        )
        .alarming("TooSlow"),
        (true, None) => Verdict::good("PodsReady", format!("{count}.")),
        (false, Some(found)) => {
            let verdict = Verdict::bad(found.reason, format!("{count}. {}", found.message));
            let alarming = found.is_alarming() || is_overdue(deployment);
            if alarming { verdict.alarming(found.reason) } else { verdict }
        }
        (false, None) if is_overdue(deployment) => Verdict::bad(
            "TooSlow",
            format!("{count}: the server has not answered a handshake in time. {}", logs(context)),
        )
        .alarming("TooSlow"),
        (false, None) if wanted == 1 => Verdict::bad("Starting", format!("{count} yet.")),
        (false, None) => Verdict::bad("Starting", format!("{count}.")),
    }
}

fn without_deployment(command: &Command, refused: bool) -> Verdict {
    match command {
        _ if refused => {
            Verdict::bad("NotAccepted", "There are no pods: the specification cannot be carried out.")
        }
        Command::Unknown { .. } => {
            Verdict::bad("ImageNotResolved", "There are no pods: it is not known what the image runs.")
        }
        _ => Verdict::bad("Starting", "There are no pods yet."),
    }
}

/// Where to read on.
fn logs(context: &Context<'_>) -> String {
    let (namespace, name) = (context.namespace(), context.name());
    format!("See `kubectl logs -n {namespace} deployment/{name} --all-containers`.")
}

/// Whether Kubernetes has given the rollout up.
fn is_overdue(deployment: &Deployment) -> bool {
    let conditions = deployment.status.as_ref().and_then(|status| status.conditions.as_ref());
    let overdue = |reason: &Option<String>| reason.as_deref() == Some("ProgressDeadlineExceeded");
    conditions.into_iter().flatten().any(|condition| overdue(&condition.reason))
}
