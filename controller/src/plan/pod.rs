//! The pod.

use k8s_openapi::{
    api::{
        apps::v1::Deployment,
        core::v1::{LocalObjectReference, PodSpec, PodTemplateSpec},
    },
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};

use super::{
    account,
    config::{self, Config},
    containers,
    context::{Context, Kind},
    labels, names,
    problem::Problem,
    security, template, volumes,
};

/// What the pod has beyond the launcher's time to end, and the farewell before it.
const GRACE_BEYOND: u64 = 5;

/// The template of the pods, with what the user says of them merged over it.
pub(super) fn template(
    context: &Context<'_>,
    config: &Config,
    argv: &[String],
) -> Result<PodTemplateSpec, Problem> {
    let planned = PodTemplateSpec {
        metadata: Some(ObjectMeta {
            labels: Some(labels::all(&context.instance())),
            annotations: Some([(names::RESTART_HASH.to_owned(), config.restart_hash())].into()),
            ..ObjectMeta::default()
        }),
        spec: Some(spec(context, argv)),
    };
    match &context.spec.pod_template {
        Some(given) => template::merge(context, planned, given),
        None => Ok(planned),
    }
}

/// What the pods of `deployment` were started with.
pub(super) fn restart_hash(deployment: &Deployment) -> Option<&str> {
    let annotations = deployment.spec.as_ref()?.template.metadata.as_ref()?.annotations.as_ref()?;
    annotations.get(names::RESTART_HASH).map(String::as_str)
}

fn spec(context: &Context<'_>, argv: &[String]) -> PodSpec {
    let proxy = containers::proxy(context);
    let (init_containers, containers) = match context.kind() {
        Kind::Remote => (Vec::new(), vec![proxy]),
        Kind::Launched | Kind::Listening => (vec![proxy], vec![containers::server(context, argv)]),
    };
    let farewell = u64::from(containers::FAREWELL_SECONDS);
    let grace = farewell + config::launcher_grace(context) + GRACE_BEYOND;
    PodSpec {
        init_containers: Some(init_containers).filter(|containers| !containers.is_empty()),
        containers,
        volumes: Some(volumes::volumes(context)),
        image_pull_secrets: pull_secrets(context),
        service_account_name: Some(account::name(context)),
        automount_service_account_token: Some(false),
        // A Service named `waggle` would otherwise set variables that look like options.
        enable_service_links: Some(false),
        security_context: Some(security::of_pod(context)),
        termination_grace_period_seconds: i64::try_from(grace).ok(),
        ..PodSpec::default()
    }
}

/// Those of the server's image and those of the proxy's, each once.
fn pull_secrets(context: &Context<'_>) -> Option<Vec<LocalObjectReference>> {
    let mut secrets: Vec<LocalObjectReference> = Vec::new();
    for secret in context.spec.image_pull_secrets.iter().chain(&context.settings.proxy_pull_secrets) {
        if !secrets.contains(secret) {
            secrets.push(secret.clone());
        }
    }
    Some(secrets).filter(|secrets| !secrets.is_empty())
}
