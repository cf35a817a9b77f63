//! What a server wants to know before it answers: one member of `inputRequests`.

use bytes::Bytes;
use serde_json::Value;

use crate::jsonrpc::{self, Envelope, Field};

/// One member of `inputRequests`.
#[derive(Debug)]
pub(super) struct Input {
    /// The raw key.
    pub(super) key: Bytes,
    pub(super) asks_for: AsksFor,
    /// The raw params.
    params: Option<Bytes>,
}

/// What it takes to answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum AsksFor {
    Form,
    /// To visit a URL; the raw params have no `elicitationId`, which clients of 2025-11-25 demand, if false.
    Url {
        identified: bool,
    },
    Sampling,
    Roots,
}

impl AsksFor {
    fn parse(method: &str, params: Option<&[u8]>) -> Option<Self> {
        match method {
            "elicitation/create" => {
                let params: Value = serde_json::from_slice(params.unwrap_or_default()).unwrap_or_default();
                let identified = params.get("elicitationId").is_some();
                Some(if params["mode"] == "url" { Self::Url { identified } } else { Self::Form })
            }
            "sampling/createMessage" => Some(Self::Sampling),
            "roots/list" => Some(Self::Roots),
            _ => None,
        }
    }

    /// The request that asks a client for it.
    pub(super) fn method(self) -> &'static str {
        match self {
            Self::Form | Self::Url { .. } => "elicitation/create",
            Self::Sampling => "sampling/createMessage",
            Self::Roots => "roots/list",
        }
    }

    /// Whether a client of these capabilities can answer.
    pub(super) fn is_declared(self, capabilities: &Value) -> bool {
        match self {
            Self::Form => capabilities["elicitation"]["form"].is_object(),
            Self::Url { .. } => capabilities["elicitation"]["url"].is_object(),
            Self::Sampling => capabilities["sampling"].is_object(),
            Self::Roots => capabilities["roots"].is_object(),
        }
    }
}

impl Input {
    /// The raw params of the question with this id.
    pub(super) fn params(&self, number: u64) -> Option<Bytes> {
        let params = self.params.clone()?;
        match self.asks_for {
            // There is a member at least: the mode.
            AsksFor::Url { identified: false } => {
                let id = format!(r#"{{"elicitationId":"{number}","#);
                Some([id.as_bytes(), &params[1..]].concat().into())
            }
            _ => Some(params),
        }
    }
}

/// The result's input requests, in order; none if it has none.
pub(super) fn inputs(line: &Bytes, envelope: &Envelope) -> Option<Vec<Input>> {
    let Some(requests) = envelope.span(Field::ResultInputRequests).map(|span| span.of(line)) else {
        return Some(Vec::new());
    };
    let members = jsonrpc::members(requests).ok()?;
    let input = |member: &jsonrpc::Member| {
        let request = member.value.of(requests);
        let parts = jsonrpc::members(request).ok()?;
        let part = |key| parts.iter().find(|part| part.is(key, request)).map(|part| part.value.of(request));
        let method = jsonrpc::text::string_value(part("method")?)?;
        let params = part("params").filter(|params| params.starts_with(b"{"));
        let asks_for = AsksFor::parse(&method, params)?;
        let key = Bytes::copy_from_slice(member.key.of(requests));
        Some(Input { key, asks_for, params: params.map(Bytes::copy_from_slice) })
    };
    members.iter().map(input).collect()
}
