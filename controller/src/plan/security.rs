//! What the pod may do: Kubernetes' profile "restricted", and a root file system that is read only.

use k8s_openapi::api::core::v1::{Capabilities, PodSecurityContext, SeccompProfile, SecurityContext};

use super::context::Context;

/// Of the pod. With no id in the settings, the platform or the image's USER gives one, which must not be 0.
pub(super) fn of_pod(context: &Context<'_>) -> PodSecurityContext {
    let id = context.settings.run_as;
    PodSecurityContext {
        run_as_non_root: Some(true),
        run_as_user: id,
        run_as_group: id,
        fs_group: id,
        // Without it, a large volume is walked at each start.
        fs_group_change_policy: id.map(|_| "OnRootMismatch".to_owned()),
        seccomp_profile: Some(SeccompProfile {
            type_: "RuntimeDefault".to_owned(),
            ..SeccompProfile::default()
        }),
        ..PodSecurityContext::default()
    }
}

/// Of each container.
pub(super) fn of_container() -> SecurityContext {
    SecurityContext {
        allow_privilege_escalation: Some(false),
        capabilities: Some(Capabilities { drop: Some(vec!["ALL".to_owned()]), ..Capabilities::default() }),
        read_only_root_filesystem: Some(true),
        ..SecurityContext::default()
    }
}
