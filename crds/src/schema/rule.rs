//! Conditions in CEL, evaluated by the API server when a resource is written.

use serde::Serialize;

/// One condition, with the sentence that says what to write when it does not hold.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Rule {
    rule: String,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    field_path: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
}

impl Rule {
    /// Whether `rule` holds for `self`; `message` is said if not.
    pub(crate) fn new(rule: impl Into<String>, message: impl Into<String>) -> Self {
        Self { rule: rule.into(), message: message.into(), field_path: None, reason: None }
    }

    /// Whether the text has the form `pattern`, which holds no `'`.
    pub(crate) fn matches(pattern: &str, message: impl Into<String>) -> Self {
        Self::new(format!("self.matches(r'{pattern}')"), message)
    }

    /// The field that the sentence is about, such as `.port`.
    pub(crate) fn at(self, path: &'static str) -> Self {
        Self { field_path: Some(path), ..self }
    }

    /// The field must be written.
    pub(crate) fn required(self) -> Self {
        Self { reason: Some("FieldValueRequired"), ..self }
    }

    /// The field must not be written.
    pub(crate) fn forbidden(self) -> Self {
        Self { reason: Some("FieldValueForbidden"), ..self }
    }
}
