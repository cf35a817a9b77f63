//! What a scan finds.

use std::borrow::Cow;

use super::field::Field;
use super::span::Span;
use super::text;

/// What a message is (JSON-RPC 2.0 §4 and §5, as MCP narrows them).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// `method` and `id`: wants an answer.
    Request,
    /// `method` without `id`: wants none.
    Notification,
    /// `id` and `result`.
    Response,
    /// `error`. Its `id` may be null or absent, when the sender could not tell which request failed.
    Error,
}

/// The kind of a message and where its recognised members are. Holds no bytes of the message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    pub(super) kind: Kind,
    pub(super) raw_newlines: bool,
    pub(super) fields: Fields,
}

impl Envelope {
    /// What the message is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Where the raw value of `field` is, or `None` if the message has no such member. A string's range includes its
    /// quotes; a value has no whitespace around it.
    pub fn span(&self, field: Field) -> Option<Span> {
        self.fields.get(field)
    }

    /// Whether a CR or LF occurs as whitespace: such a message must pass through [`one_line`](super::one_line) before
    /// it goes to a line or an SSE event.
    pub fn raw_newlines(&self) -> bool {
        self.raw_newlines
    }

    /// Whether the method's name, decoded, is `name`. `message` is what was scanned.
    pub fn is_method(&self, message: &[u8], name: &str) -> bool {
        // Most differ from it in the first letter already, unless that is written as an escape.
        let first = self.span(Field::Method).and_then(|span| span.of(message).get(1).copied());
        (first == Some(b'\\') || first == name.bytes().next())
            && *self.method_bytes(message) == *name.as_bytes()
    }

    /// The method's name, decoded, as bytes: what is compared needs no second look at its UTF-8. `message` is what was
    /// scanned.
    pub fn method_bytes<'a>(&self, message: &'a [u8]) -> Cow<'a, [u8]> {
        let raw = self.span(Field::Method).map_or(&b"\"\""[..], |span| span.of(message));
        match raw {
            [b'"', inner @ .., b'"'] if !inner.contains(&b'\\') => Cow::Borrowed(inner),
            _ => match self.method(message) {
                Cow::Borrowed(name) => Cow::Borrowed(name.as_bytes()),
                Cow::Owned(name) => Cow::Owned(name.into_bytes()),
            },
        }
    }

    /// The method's name, decoded; empty for a response. `message` is what was scanned.
    pub fn method<'a>(&self, message: &'a [u8]) -> Cow<'a, str> {
        self.span(Field::Method).and_then(|span| text::string_value(span.of(message))).unwrap_or_default()
    }
}

/// The span of each field found. No value is empty, so an empty span stands for "not there".
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fields([Span; Field::COUNT]);

impl Fields {
    pub(super) const NONE: Self = Self([Span::empty(0); Field::COUNT]);

    #[inline]
    pub(super) fn get(&self, field: Field) -> Option<Span> {
        let span = self.0[field as usize];
        (!span.is_empty()).then_some(span)
    }

    #[inline]
    pub(super) fn has(&self, field: Field) -> bool {
        !self.0[field as usize].is_empty()
    }

    #[inline]
    pub(super) fn set(&mut self, field: Field, span: Span) {
        debug_assert!(!span.is_empty());
        self.0[field as usize] = span;
    }
}

#[cfg(test)]
mod tests {
    use crate::jsonrpc::scan;

    #[test]
    fn a_method_is_itself_however_it_is_spelt() {
        for (method, is_ping) in [
            ("ping", true),
            (r"\u0070ing", true),
            (r"p\u0069ng", true),
            (r"\u0071ing", false),
            ("pong", false),
            ("ping2", false),
            ("p", false),
            ("initialize", false),
            ("", false),
        ] {
            let message = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}"}}"#);
            let envelope = scan(message.as_bytes()).unwrap();
            assert_eq!(envelope.is_method(message.as_bytes(), "ping"), is_ping, "{method}");
        }
        let response = br#"{"jsonrpc":"2.0","id":1,"result":"ping"}"#;
        assert!(!scan(response).unwrap().is_method(response, "ping"));
    }
}
