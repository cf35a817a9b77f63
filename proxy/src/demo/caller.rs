//! What a request may know about its sender: protocol revision, capabilities, log level.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The protocol revisions this server speaks, oldest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Revision {
    V2024_11_05,
    V2025_03_26,
    V2025_06_18,
    V2025_11_25,
}

impl Revision {
    const ALL: [Self; 4] = [Self::V2024_11_05, Self::V2025_03_26, Self::V2025_06_18, Self::V2025_11_25];

    /// The requested revision if it is spoken here, else the newest (lifecycle, "Version Negotiation").
    pub(super) fn negotiate(requested: &str) -> Self {
        Self::ALL.into_iter().find(|revision| revision.as_str() == requested).unwrap_or(Self::V2025_11_25)
    }

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::V2024_11_05 => "2024-11-05",
            Self::V2025_03_26 => "2025-03-26",
            Self::V2025_06_18 => "2025-06-18",
            Self::V2025_11_25 => "2025-11-25",
        }
    }
}

/// Those client capabilities that a tool here needs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Capabilities {
    pub(super) elicitation_form: bool,
    pub(super) sampling: bool,
    pub(super) roots: bool,
}

impl Capabilities {
    /// Reads a `ClientCapabilities` object.
    pub(super) fn read(declared: &Value) -> Self {
        // An elicitation capability without modes means forms: so it was before 2025-11-25 named the modes.
        let elicitation_form = declared["elicitation"]
            .as_object()
            .is_some_and(|modes| modes.contains_key("form") || !modes.contains_key("url"));
        Self {
            elicitation_form,
            sampling: declared["sampling"].is_object(),
            roots: declared["roots"].is_object(),
        }
    }
}

/// Severity of a log message (RFC 5424), mildest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum LogLevel {
    Debug,
    Info,
    Notice,
    Warning,
    Error,
    Critical,
    Alert,
    Emergency,
}

/// Who a request comes from. A session makes this value once; a stateless revision, from each request.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    pub(super) revision: Revision,
    pub(super) capabilities: Capabilities,
    /// The mildest severity that the caller wants to see.
    pub(super) log_level: LogLevel,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_spoken_revision_is_kept_and_any_other_answered_with_the_newest() {
        for revision in Revision::ALL {
            assert_eq!(Revision::negotiate(revision.as_str()), revision);
        }
        assert_eq!(Revision::negotiate("1999-01-01"), Revision::V2025_11_25);
    }

    #[test]
    fn elicitation_by_form_is_implied_unless_only_urls_are_declared() {
        let form =
            |elicitation: Value| Capabilities::read(&json!({ "elicitation": elicitation })).elicitation_form;
        assert!(form(json!({})));
        assert!(form(json!({ "form": {}, "url": {} })));
        assert!(!form(json!({ "url": {} })));
        assert_eq!(Capabilities::read(&json!({})), Capabilities::default());
    }
}
