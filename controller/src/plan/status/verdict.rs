//! What is found for one condition.

use std::borrow::Cow;

/// The `status` of a condition.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in super::super) enum Truth {
    True,
    False,
    Unknown,
}

impl Truth {
    pub(in super::super) const fn as_str(self) -> &'static str {
        match self {
            Self::True => "True",
            Self::False => "False",
            Self::Unknown => "Unknown",
        }
    }
}

/// What is found for one condition.
#[derive(Clone, Debug)]
pub(in super::super) struct Verdict {
    pub(in super::super) truth: Truth,
    /// One word in CamelCase.
    pub(in super::super) reason: Cow<'static, str>,
    /// A sentence.
    pub(in super::super) message: String,
    /// The reason of the event that tells a person of it, if one has to know.
    pub(in super::super) alarm: Option<&'static str>,
}

impl Verdict {
    pub(super) fn good(reason: &'static str, message: impl Into<String>) -> Self {
        Self { truth: Truth::True, reason: reason.into(), message: message.into(), alarm: None }
    }

    pub(super) fn bad(reason: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self { truth: Truth::False, reason: reason.into(), message: message.into(), alarm: None }
    }

    pub(super) fn unknown(reason: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self { truth: Truth::Unknown, reason: reason.into(), message: message.into(), alarm: None }
    }

    /// With an event.
    pub(super) fn alarming(self, reason: &'static str) -> Self {
        Self { alarm: Some(reason), ..self }
    }
}
