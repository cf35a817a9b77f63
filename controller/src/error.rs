//! What can go wrong on the way to the API server, and what to do about it.

use std::time::Duration;

use kube::core::Status;
use thiserror::Error;

use crate::text::full_stop;

/// The reason of a refusal for want of a right.
const FORBIDDEN: &str = "Forbidden";

/// A request that failed.
#[derive(Debug, Error)]
#[error("cannot {verb} {resource} {name}: {}", sentence(.source))]
pub struct Error {
    /// What was asked for, as a role names it.
    pub verb: &'static str,
    /// Of what, as a role names it: plural and, for a subresource, a slash.
    pub resource: String,
    /// The object's name.
    pub name: String,
    /// The answer.
    pub source: Box<kube::Error>,
}

/// What a failure means for the server that it concerns.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Remedy {
    /// Somebody else was faster, or our view is old: look again soon.
    LookAgain,
    /// The API server does not want what we plan, and will not want it again: tell, and wait for an edit.
    Tell(Refusal),
    /// The namespace is going away: nothing is to be done.
    Nothing,
    /// Try again later; at the earliest after this time, if the API server said so.
    Later(Option<Duration>),
}

/// What is told of a refusal, as a condition.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Refusal {
    /// One word in CamelCase.
    pub reason: &'static str,
    /// A sentence with the remedy in it.
    pub message: String,
}

impl Refusal {
    /// Whether somebody has to give a right, or room in a quota, rather than to correct the specification.
    pub fn is_of_rights(&self) -> bool {
        self.reason == FORBIDDEN
    }
}

impl Error {
    /// Names the request that failed.
    pub fn new(verb: &'static str, resource: impl Into<String>, name: &str, source: kube::Error) -> Self {
        Self { verb, resource: resource.into(), name: name.to_owned(), source: Box::new(source) }
    }

    /// What to do about it.
    pub fn remedy(&self) -> Remedy {
        let kube::Error::Api(status) = &*self.source else { return Remedy::Later(None) };
        match status.code {
            _ if is_terminating(status) => Remedy::Nothing,
            404 | 409 | 410 => Remedy::LookAgain,
            400 | 422 => Remedy::Tell(Refusal {
                reason: "Invalid",
                message: format!(
                    "The API server refuses {} {}: {} Correct the fields of the MCPServer that lead to it, \
                     such as podTemplate.",
                    self.resource,
                    self.name,
                    full_stop(&status.message)
                ),
            }),
            403 => Remedy::Tell(Refusal {
                reason: FORBIDDEN,
                message: format!(
                    "The controller may not {} {}: {} If its role lacks the verb {:?} for {:?}, add it.",
                    self.verb,
                    self.resource,
                    full_stop(&status.message),
                    self.verb,
                    self.resource
                ),
            }),
            _ => Remedy::Later(retry_after(status)),
        }
    }

    /// The HTTP status, if there was an answer.
    pub fn code(&self) -> Option<u16> {
        match &*self.source {
            kube::Error::Api(status) => Some(status.code),
            _ => None,
        }
    }
}

/// What is wrong, without the debug output that kube adds.
pub fn sentence(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) if status.message.is_empty() => format!("HTTP status {}", status.code),
        kube::Error::Api(status) => status.message.clone(),
        // The cause says more than "ServiceError", and kube does not add its own words twice.
        kube::Error::Service(cause) => chain(&**cause),
        other => chain(other),
    }
}

/// An error and its causes, once each.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let words = error.to_string();
        if !text.contains(&words) {
            text = format!("{text}: {words}");
        }
        cause = error.source();
    }
    text
}

fn is_terminating(status: &Status) -> bool {
    let causes = status.details.iter().flat_map(|details| &details.causes);
    status.code == 403 && causes.into_iter().any(|cause| cause.reason == "NamespaceTerminating")
}

fn retry_after(status: &Status) -> Option<Duration> {
    let seconds = status.details.as_ref()?.retry_after_seconds;
    (seconds > 0).then(|| Duration::from_secs(seconds.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(status: serde_json::Value) -> Error {
        let status: Status = serde_json::from_value(status).unwrap();
        Error::new("patch", "deployments", "mcp-x", kube::Error::Api(status.boxed()))
    }

    #[test]
    fn a_missing_right_is_named() {
        let error = failed(serde_json::json!({"code": 403, "message": "User \"u\" cannot patch"}));
        let Remedy::Tell(refusal) = error.remedy() else { panic!("{error:?}") };
        assert_eq!(refusal.reason, "Forbidden");
        assert!(
            refusal
                .message
                .contains("cannot patch. If its role lacks the verb \"patch\" for \"deployments\"")
        );
    }

    #[test]
    fn a_namespace_that_goes_away_is_quiet() {
        let causes = serde_json::json!([{"reason": "NamespaceTerminating", "message": "", "field": ""}]);
        let error = failed(serde_json::json!({"code": 403, "message": "no", "details": {"causes": causes}}));
        assert_eq!(error.remedy(), Remedy::Nothing);
    }

    #[test]
    fn the_time_that_the_api_server_names_is_kept() {
        let error = failed(serde_json::json!({"code": 429, "details": {"retryAfterSeconds": 7}}));
        assert_eq!(error.remedy(), Remedy::Later(Some(Duration::from_secs(7))));
        assert_eq!(failed(serde_json::json!({"code": 500})).remedy(), Remedy::Later(None));
    }

    #[test]
    fn what_it_prints_has_no_debug_output() {
        let error = failed(serde_json::json!({"code": 422, "message": "bad port"}));
        assert_eq!(error.to_string(), "cannot patch deployments mcp-x: bad port");
    }
}
