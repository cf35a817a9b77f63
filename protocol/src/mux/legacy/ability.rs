//! What a server may ask a client for, and what clients have declared that they can be asked.

use serde_json::{Map, Value, json};

/// A kind of request that a server sends to a client.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Ask {
    Elicitation,
    Sampling,
    Roots,
}

impl Ask {
    pub(super) fn of(method: &str) -> Option<Self> {
        match method {
            "elicitation/create" => Some(Self::Elicitation),
            "sampling/createMessage" => Some(Self::Sampling),
            "roots/list" => Some(Self::Roots),
            _ => None,
        }
    }

    pub(super) fn method(self) -> &'static str {
        match self {
            Self::Elicitation => "elicitation/create",
            Self::Sampling => "sampling/createMessage",
            Self::Roots => "roots/list",
        }
    }

    /// What a key of such a question begins with.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Elicitation => "elicitation",
            Self::Sampling => "sampling",
            Self::Roots => "roots",
        }
    }

    /// What a client must be able to do to answer a question with these raw params.
    pub(super) fn needs(self, params: Option<&[u8]>) -> Abilities {
        let is_url = || {
            let params: Option<Value> = params.and_then(|raw| serde_json::from_slice(raw).ok());
            params.is_some_and(|params| params["mode"] == "url")
        };
        let none = Abilities::default();
        match self {
            Self::Elicitation if is_url() => Abilities { url: true, ..none },
            Self::Elicitation => Abilities { form: true, ..none },
            Self::Sampling => Abilities { sampling: true, ..none },
            Self::Roots => Abilities { roots: true, ..none },
        }
    }
}

/// What of a client's capabilities questions depend on.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Abilities {
    pub(super) form: bool,
    pub(super) url: bool,
    pub(super) sampling: bool,
    pub(super) roots: bool,
}

impl Abilities {
    /// Reads a client's raw capabilities.
    pub(super) fn parse(raw: &[u8]) -> Self {
        let value: Value = serde_json::from_slice(raw).unwrap_or_default();
        let elicitation = &value["elicitation"];
        let url = elicitation["url"].is_object();
        Self {
            // An empty object means forms, as it did before there were others.
            form: elicitation.is_object() && (elicitation["form"].is_object() || !url),
            url,
            sampling: value["sampling"].is_object(),
            roots: value["roots"].is_object(),
        }
    }

    pub(super) fn any(self) -> bool {
        self != Self::default()
    }

    pub(super) fn covers(self, needed: Self) -> bool {
        self.with(needed) == self
    }

    pub(super) fn with(self, other: Self) -> Self {
        Self {
            form: self.form || other.form,
            url: self.url || other.url,
            sampling: self.sampling || other.sampling,
            roots: self.roots || other.roots,
        }
    }

    /// As a `requiredCapabilities` object.
    pub(super) fn to_value(self) -> Value {
        let mut required = Map::new();
        let mut elicitation = Map::new();
        for (mode, needed) in [("form", self.form), ("url", self.url)] {
            elicitation.extend(needed.then(|| (mode.to_owned(), json!({}))));
        }
        if !elicitation.is_empty() {
            required.insert("elicitation".to_owned(), elicitation.into());
        }
        for (kind, needed) in [("sampling", self.sampling), ("roots", self.roots)] {
            required.extend(needed.then(|| (kind.to_owned(), json!({}))));
        }
        required.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn declared_elicitation_means_forms_unless_only_urls_are_named() {
        let none = Abilities::default();
        for (raw, expected) in [
            ("{}", none),
            ("null", none),
            (r#"{"elicitation":{}}"#, Abilities { form: true, ..none }),
            (r#"{"elicitation":{"url":{}}}"#, Abilities { url: true, ..none }),
            (
                r#"{"elicitation":{"url":{},"form":{}},"roots":{}}"#,
                Abilities { sampling: false, form: true, url: true, roots: true },
            ),
            (r#"{"sampling":{"tools":{}},"roots":null}"#, Abilities { sampling: true, ..none }),
        ] {
            assert_eq!(Abilities::parse(raw.as_bytes()), expected, "{raw}");
        }
    }

    #[test]
    fn what_is_missing_is_named_as_it_would_be_declared() {
        let all = Abilities { form: true, url: true, sampling: true, roots: true };
        assert_eq!(Abilities::parse(all.to_value().to_string().as_bytes()), all);
        let url = Ask::Elicitation.needs(Some(br#"{"mode":"url"}"#));
        assert_eq!(url.to_value(), json!({"elicitation":{"url":{}}}));
        assert!(all.covers(url) && !Ask::Elicitation.needs(None).covers(url));
    }
}
