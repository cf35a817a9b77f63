//! Why a container does not run.

use k8s_openapi::api::core::v1::{Container, ContainerStateTerminated, ContainerStatus, Pod};

use super::{
    super::{
        super::{context::Context, names},
        words,
    },
    Diagnosis, Rank, start,
};

/// What is wrong with one container, if it is.
pub(super) fn diagnosis(context: &Context<'_>, pod: &Pod, status: &ContainerStatus) -> Option<Diagnosis> {
    let waiting = status.state.as_ref().and_then(|state| state.waiting.as_ref());
    let message = waiting.and_then(|waiting| waiting.message.as_deref()).unwrap_or_default();
    match waiting.and_then(|waiting| waiting.reason.as_deref()) {
        Some(
            "ErrImagePull" | "ImagePullBackOff" | "ErrImageNeverPull" | "InvalidImageName"
            | "ImageInspectError",
        ) => Some(image(pod, status, message)),
        Some("CreateContainerConfigError") => Some(configuration(status, message)),
        Some("CreateContainerError" | "RunContainerError") => Some(start::diagnosis(&status.name, message)),
        _ => terminated(status).and_then(|end| ended(context, pod, status, end)),
    }
}

/// How the container ended last, whether it was started again or not: an answer that does not change in between.
fn terminated(status: &ContainerStatus) -> Option<&ContainerStateTerminated> {
    let now = status.state.as_ref().and_then(|state| state.terminated.as_ref());
    now.or_else(|| status.last_state.as_ref()?.terminated.as_ref())
}

fn image(pod: &Pod, status: &ContainerStatus, message: &str) -> Diagnosis {
    let image =
        written(pod, &status.name).and_then(|container| container.image.as_deref()).unwrap_or(&status.image);
    // The pause between tries says the same with a preface.
    let why = words::clause(message.rsplit_once("ErrImagePull: ").map_or(message, |(_, why)| why));
    let remedy = if status.name == names::SERVER {
        "Check `spec.image` and `spec.imagePullSecrets`."
    } else {
        "Check the proxy's image where the controller is installed."
    };
    Diagnosis {
        rank: Rank::Stillborn,
        reason: "ImagePullFailed",
        message: format!("The image `{image}` cannot be pulled: {why}. {remedy}"),
    }
}

/// A Secret or a ConfigMap that is missing, or a user that the pod must not have.
fn configuration(status: &ContainerStatus, message: &str) -> Diagnosis {
    let why = words::clause(message);
    let (reason, message) = if message.contains("runAsNonRoot") || message.contains("non-root") {
        (
            "RunsAsRoot",
            format!(
                "The image of the container `{}` would run as root or as a user without a number: {why}. Give it a numeric USER, or write `spec.podTemplate.spec.securityContext.runAsUser`.",
                status.name
            ),
        )
    } else {
        ("ContainerConfigError", format!("The container `{}` cannot be made: {why}.", status.name))
    };
    Diagnosis { rank: Rank::Stillborn, reason, message }
}

fn ended(
    context: &Context<'_>,
    pod: &Pod,
    status: &ContainerStatus,
    end: &ContainerStateTerminated,
) -> Option<Diagnosis> {
    let name = &status.name;
    let message = end.message.as_deref().unwrap_or_default();
    match end.reason.as_deref() {
        // An init container that has done its work.
        Some("Completed") if !is_kept_running(pod, name) => return None,
        Some("OOMKilled") => return Some(out_of_memory(pod, name)),
        Some("StartError" | "ContainerCannotRun") => return Some(start::diagnosis(name, message)),
        _ => {}
    }
    let last_exit = context.observed.server.as_ref().and_then(|server| server.last_exit.as_ref());
    let of_server = last_exit.filter(|_| name == names::SERVER).map(|exit| words::clause(&exit.reason));
    let last_words =
        words::last_line(message).map(|line| line.trim_end_matches('.').to_owned()).or(of_server);
    let said = last_words.map_or_else(String::new, |line| format!(" Its last words: {line}."));
    Some(Diagnosis {
        rank: Rank::Crashing,
        reason: "CrashLoop",
        message: format!("The container `{name}` ended with exit code {}.{said}", end.exit_code),
    })
}

fn out_of_memory(pod: &Pod, name: &str) -> Diagnosis {
    let limits = written(pod, name).and_then(|container| container.resources.as_ref()?.limits.as_ref());
    let limit = limits.and_then(|limits| limits.get("memory"));
    let limit = limit.map_or_else(String::new, |limit| format!(" of {}", limit.0));
    let field = match name {
        names::SERVER => "spec.resources.limits.memory",
        names::PROXY => "spec.proxy.resources.limits.memory",
        _ => "its limit in spec.podTemplate",
    };
    Diagnosis {
        rank: Rank::Crashing,
        reason: "OutOfMemory",
        message: format!("The container `{name}` needed more memory than its limit{limit}; raise `{field}`."),
    }
}

/// Whether the end of the container is one that nobody planned.
fn is_kept_running(pod: &Pod, name: &str) -> bool {
    let init = pod.spec.as_ref().and_then(|spec| spec.init_containers.as_ref());
    let once = |container: &Container| container.name == name && container.restart_policy.is_none();
    !init.into_iter().flatten().any(once)
}

/// The container as the pod has it written.
fn written<'a>(pod: &'a Pod, name: &str) -> Option<&'a Container> {
    let spec = pod.spec.as_ref()?;
    spec.init_containers.iter().flatten().chain(&spec.containers).find(|container| container.name == name)
}
