//! `Reachable`: whether the server has answered a handshake.

use waggle_crds::McpServerStatus;

use super::{super::context::Context, available, pods::Diagnosis, verdict::Verdict};

/// A pod is ready when its server has answered; the count of those is all that is needed.
pub(super) fn verdict(
    context: &Context<'_>,
    status: &McpServerStatus,
    diagnosis: Option<&Diagnosis>,
) -> Verdict {
    if status.ready_replicas > Some(0) {
        return Verdict::good("HandshakeAnswered", answered(status));
    }
    if context.replicas() == 0 {
        return Verdict::bad(available::SCALED_TO_ZERO, available::NO_PODS_WANTED);
    }
    match diagnosis {
        Some(found) => Verdict::bad(found.reason, format!("No pod is ready. {}", found.message)),
        None => Verdict::bad("NoPodReady", "No pod is ready: the server has not answered a handshake yet."),
    }
}

fn answered(status: &McpServerStatus) -> String {
    let server = match &status.server_info {
        Some(info) => match &info.version {
            Some(version) => format!("`{}` {version}", info.name),
            None => format!("`{}`", info.name),
        },
        None => "The server".to_owned(),
    };
    match status.tools {
        None => format!("{server} has answered the handshake."),
        Some(1) => format!("{server} has answered the handshake and has 1 tool."),
        Some(tools) => format!("{server} has answered the handshake and has {tools} tools."),
    }
}
