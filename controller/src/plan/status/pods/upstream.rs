//! Why a server cannot be used that the proxy reaches over HTTP.

use super::{super::words, Diagnosis, Rank};

/// What to do about it, by a part of what the proxy says.
const REMEDIES: [(&str, &str); 6] = [
    ("lookup address", "Check the host in `spec.remote.url`: the cluster's DNS does not know it."),
    ("Connection refused", "Check the port in `spec.remote.url`, and that the server runs."),
    ("certificate", "If an authority of your own has signed its certificate, name that in `spec.remote.ca`."),
    ("credentials", "Check `spec.remote.headers` and the Secrets in it."),
    ("404", "Check the path in `spec.remote.url`."),
    ("redirects", "Write the address that it leads to in `spec.remote.url`."),
];
/// For everything else.
const REMEDY: &str = "Check `spec.remote.url`, and that the network lets the pod reach it.";

/// A server elsewhere.
pub(super) fn remote(reason: &str) -> Diagnosis {
    let remedy = REMEDIES.iter().find(|(part, _)| reason.contains(part)).map_or(REMEDY, |(_, remedy)| remedy);
    let message = format!("The remote server {}. {remedy}", said(reason));
    Diagnosis { rank: Rank::Failing, reason: "RemoteFailed", message }
}

/// A server in the pod.
pub(super) fn listening(reason: &str) -> Diagnosis {
    let message =
        format!("The server {}. Check that it listens on `spec.port` and `spec.path`.", said(reason));
    Diagnosis { rank: Rank::Silent, reason: "NotListening", message }
}

/// What the proxy says, as the end of a sentence. It names options of its own.
fn said(reason: &str) -> String {
    let reason = reason.strip_prefix("the MCP server ").unwrap_or(reason);
    words::clause(reason.split_once("; see `--").map_or(reason, |(said, _)| said))
}
