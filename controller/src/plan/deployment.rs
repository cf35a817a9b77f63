//! The Deployment.

use k8s_openapi::{
    api::{
        apps::v1::{Deployment, DeploymentSpec, DeploymentStrategy, RollingUpdateDeployment},
        core::v1::PodTemplateSpec,
    },
    apimachinery::pkg::util::intstr::IntOrString,
};

use super::{command::Command, config, context::Context, labels, names};

/// When a rollout counts as stuck, in seconds, unless the server may take longer for its handshake.
const PATIENCE: u64 = 600;
/// What a pod needs besides the server's handshake.
const START: u64 = 120;

/// The Deployment of these pods.
pub(super) fn deployment(context: &Context<'_>, command: &Command, template: PodTemplateSpec) -> Deployment {
    let image = context.spec.image.as_deref().unwrap_or_default();
    let memory = command.memory(image).map(|memory| (names::IMAGE_COMMAND.to_owned(), memory));
    let handshake = config::handshake_timeout(context).div_ceil(config::values::SECOND);
    Deployment {
        metadata: context.annotated(memory.into_iter().collect()),
        spec: Some(DeploymentSpec {
            // Left out, the number is an autoscaler's.
            replicas: context.spec.replicas,
            selector: labels::selector(&context.instance()),
            template,
            strategy: Some(DeploymentStrategy {
                type_: Some("RollingUpdate".to_owned()),
                rolling_update: Some(RollingUpdateDeployment {
                    max_unavailable: Some(IntOrString::Int(0)),
                    max_surge: Some(IntOrString::Int(1)),
                }),
            }),
            progress_deadline_seconds: i32::try_from((handshake + START).max(PATIENCE)).ok(),
            revision_history_limit: Some(3),
            ..DeploymentSpec::default()
        }),
        ..Deployment::default()
    }
}
