//! What a subscription asks for, or is granted.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::{jsonrpc, mux::ListKind};

impl ListKind {
    /// The capability that may say `listChanged`.
    fn capability(self) -> &'static str {
        match self {
            Self::Tools => "tools",
            Self::Prompts => "prompts",
            Self::Resources => "resources",
        }
    }

    /// Its member in a filter.
    fn member(self) -> &'static str {
        match self {
            Self::Tools => "toolsListChanged",
            Self::Prompts => "promptsListChanged",
            Self::Resources => "resourcesListChanged",
        }
    }
}

/// A set of lists.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Kinds([bool; 3]);

impl Kinds {
    /// Those whose changes the server can tell.
    pub(super) fn advertised(capabilities: &Value) -> Self {
        Self(ListKind::ALL.map(|kind| capabilities[kind.capability()]["listChanged"] == Value::Bool(true)))
    }

    pub(super) fn iter(self) -> impl Iterator<Item = ListKind> {
        ListKind::ALL.into_iter().filter(move |kind| self.0[*kind as usize])
    }
}

/// The `notifications` of `subscriptions/listen` and of its acknowledgement, as far as the feed and a restart
/// need them.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Filter {
    pub(super) kinds: Kinds,
    pub(super) uris: BTreeSet<String>,
}

impl Filter {
    pub(super) fn parse(raw: &[u8]) -> Self {
        let value: Value = serde_json::from_slice(raw).unwrap_or_default();
        let uris = value["resourceSubscriptions"].as_array().into_iter().flatten();
        Self {
            kinds: Kinds(ListKind::ALL.map(|kind| value[kind.member()] == Value::Bool(true))),
            uris: uris.filter_map(Value::as_str).map(str::to_owned).collect(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The raw object.
    pub(super) fn to_json(&self) -> String {
        let mut object = serde_json::Map::new();
        object.extend(self.kinds.iter().map(|kind| (kind.member().to_owned(), Value::Bool(true))));
        if !self.uris.is_empty() {
            object.insert("resourceSubscriptions".to_owned(), json!(self.uris));
        }
        Value::Object(object).to_string()
    }
}

/// The raw params of a notification that belongs to the subscription with this raw id.
pub(super) fn tag(id: &[u8]) -> Vec<u8> {
    [br#"{"_meta":{"io.modelcontextprotocol/subscriptionId":"#, id, b"}}"].concat()
}

/// The subscription that a raw id names. Servers exist that make a string of a number.
pub(super) fn number(raw: &[u8]) -> Option<u64> {
    use jsonrpc::text::{integer_value, string_value};
    integer_value(raw).or_else(|| integer_value(string_value(raw)?.as_bytes()))
}
