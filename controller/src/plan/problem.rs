//! What stands in the way of carrying out a specification.

/// A reason and a sentence for the condition `Accepted`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Problem {
    /// One word in CamelCase.
    pub(super) reason: &'static str,
    /// A sentence that says what to write or do instead.
    pub(super) message: String,
}

impl Problem {
    /// Something in the specification that cannot be carried out.
    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self { reason: "Invalid", message: message.into() }
    }

    /// Something in the pod template that would break what the pod is there for.
    pub(super) fn template(message: impl Into<String>) -> Self {
        Self { reason: "PodTemplateDoesNotFit", message: message.into() }
    }
}
