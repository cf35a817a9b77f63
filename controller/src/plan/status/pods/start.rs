//! Why the program of a container could not be started.

use super::{
    super::{super::names, words},
    Diagnosis, Rank,
};

/// From what the container runtime says.
pub(super) fn diagnosis(container: &str, message: &str) -> Diagnosis {
    let denied = message.contains("permission denied");
    let missing =
        message.contains("executable file not found") || message.contains("no such file or directory");
    let (reason, message) = if denied && message.contains(names::BIN_PATH) {
        (
            "ExecDenied",
            "Exec denied: the volume with the launcher is mounted noexec; write `imageVolume` or `none` in `spec.proxy.injection`.".to_owned(),
        )
    } else if missing && container == names::SERVER && message.contains(names::LAUNCHER) {
        (
            "LauncherMissing",
            "The image has no `waggle-proxy` in its PATH; write `copy` in `spec.proxy.injection`, or put it there.".to_owned(),
        )
    } else {
        ("StartFailed", format!("The container `{container}` cannot be started: {}.", words::clause(message)))
    };
    Diagnosis { rank: Rank::Stillborn, reason, message }
}
