//! `Ready`: the sum of all other conditions.

use waggle_crds::{McpServerStatus, conditions::ConditionType};

use super::verdict::{Truth, Verdict};

/// True if all are; else what the first of them says that is false, or is not known.
pub(super) fn verdict(others: &[(ConditionType, Verdict)], status: &McpServerStatus) -> Verdict {
    let first = |truth| others.iter().map(|(_, verdict)| verdict).find(|verdict| verdict.truth == truth);
    match first(Truth::False).or_else(|| first(Truth::Unknown)) {
        Some(verdict) => Verdict { alarm: None, ..verdict.clone() },
        None => {
            let url = status.url.as_deref().unwrap_or_default();
            Verdict::good("Ready", format!("Clients can use the server at {url}."))
        }
    }
}
