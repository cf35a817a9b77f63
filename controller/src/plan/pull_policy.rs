//! When an image is pulled.

use waggle_crds::server::ImagePullPolicy;

/// As Kubernetes spells it.
pub(super) fn pull_policy(policy: ImagePullPolicy) -> String {
    let policy = match policy {
        ImagePullPolicy::Always => "Always",
        ImagePullPolicy::IfNotPresent => "IfNotPresent",
        ImagePullPolicy::Never => "Never",
    };
    policy.to_owned()
}
