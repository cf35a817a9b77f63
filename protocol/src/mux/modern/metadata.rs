//! What every request of 2026-07-28 bears, put into requests of clients that know nothing of it.

use bytes::Bytes;

use super::{VERSION, WireId};
use crate::{
    jsonrpc::{self, Edit, Envelope, Field, Payload, Span},
    mux::{Level, progress_token},
};

/// Members that an object of a request is to have, whatever it has now.
#[derive(Debug, Default)]
pub(super) struct Members {
    each: Vec<(Field, Bytes)>,
    /// All of them as they stand in an object, without its braces.
    text: Bytes,
}

/// The members of `_meta` that say who asks. Both arguments are raw objects.
pub(super) fn metadata(capabilities: Bytes, client_info: Option<Bytes>, level: Option<Level>) -> Members {
    let mut each = vec![
        (Field::MetaVersion, jsonrpc::text::quote(VERSION).into()),
        (Field::MetaCapabilities, capabilities),
    ];
    each.extend(client_info.map(|info| (Field::MetaClientInfo, info)));
    each.extend(level.map(|level| (Field::MetaLogLevel, jsonrpc::text::quote(level.as_str()).into())));
    Members::new(each)
}

impl Members {
    pub(super) fn new(each: Vec<(Field, Bytes)>) -> Self {
        let text = text(&each);
        Self { each, text }
    }

    pub(super) fn into_text(self) -> Bytes {
        self.text
    }

    /// Replaces those that the message has; yields what is to be added.
    fn replace(&self, envelope: &Envelope, edits: &mut Vec<Edit>) -> Bytes {
        let before = edits.len();
        for (field, value) in &self.each {
            edits.extend(envelope.span(*field).map(|at| Edit { at, with: value.clone() }));
        }
        if edits.len() == before {
            return self.text.clone();
        }
        let missing: Vec<_> =
            self.each.iter().filter(|(field, _)| envelope.span(*field).is_none()).cloned().collect();
        text(&missing)
    }
}

fn text(members: &[(Field, Bytes)]) -> Bytes {
    let mut text = Vec::new();
    for (field, value) in members {
        if !text.is_empty() {
            text.push(b',');
        }
        text.extend_from_slice(jsonrpc::text::quote(field.key()).as_bytes());
        text.push(b':');
        text.extend_from_slice(value);
    }
    text.into()
}

/// The request with our id and token, with `metadata` in its `_meta` and `more` in its params; all else as it
/// came. Params must be an object, null or absent.
pub(super) fn request(
    message: &Bytes,
    envelope: &Envelope,
    wire: WireId,
    metadata: &Members,
    more: &Members,
) -> Payload {
    let with = wire.to_bytes();
    let mut edits = Vec::with_capacity(8);
    for at in [envelope.span(Field::Id), progress_token(message, envelope)].into_iter().flatten() {
        edits.push(Edit { at, with: with.clone() });
    }
    let metadata = metadata.replace(envelope, &mut edits);
    let more = more.replace(envelope, &mut edits);
    let open = |field| envelope.span(field).filter(|span| span.of(message).first() == Some(&b'{'));
    match (open(Field::Params), open(Field::Meta), envelope.span(Field::Meta)) {
        (Some(params), Some(meta), _) => {
            insert(message, params, &[more], &mut edits);
            insert(message, meta, &[metadata], &mut edits);
        }
        (Some(params), None, Some(meta)) => {
            // It is no object, so it says nothing.
            insert(message, params, &[more], &mut edits);
            edits.push(Edit { at: meta, with: [b"{", &metadata[..], b"}"].concat().into() });
        }
        (Some(params), None, None) => {
            let separator = if more.is_empty() { "}" } else { "}," };
            let pieces = [Bytes::from_static(br#""_meta":{"#), metadata, separator.into(), more];
            insert(message, params, &pieces, &mut edits);
        }
        (None, ..) => {
            let separator = if more.is_empty() { "" } else { "," };
            let object = [br#"{"_meta":{"#, &metadata[..], b"}", separator.as_bytes(), &more, b"}"].concat();
            edits.extend(match (envelope.span(Field::Params), envelope.span(Field::Method)) {
                (Some(at), _) => Some(Edit { at, with: object.into() }),
                (None, Some(method)) => Some(Edit {
                    at: Span::empty(method.end),
                    with: [br#","params":"#, &object[..]].concat().into(),
                }),
                (None, None) => None,
            });
        }
    }
    // Stable: pieces that are inserted at one place keep their order.
    edits.sort_by_key(|edit| edit.at.start);
    jsonrpc::splice(message, &edits)
}

/// Inserts pieces at the front of an object.
fn insert(message: &Bytes, object: Span, pieces: &[Bytes], edits: &mut Vec<Edit>) {
    if pieces.iter().all(Bytes::is_empty) {
        return;
    }
    let at = Span::empty(object.start + 1);
    edits.extend(pieces.iter().map(|piece| Edit { at, with: piece.clone() }));
    let first = object.of(message)[1..].iter().find(|byte| !byte.is_ascii_whitespace());
    if first != Some(&b'}') {
        edits.push(Edit { at, with: Bytes::from_static(b",") });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jsonrpc::scan;

    fn sent(members: &str, more: &Members) -> String {
        let metadata = Members::new(vec![
            (Field::MetaCapabilities, Bytes::from_static(b"{\"x\":1}")),
            (Field::MetaLogLevel, Bytes::from_static(b"\"info\"")),
        ]);
        let message = Bytes::from(format!(r#"{{"jsonrpc":"2.0",{members}}}"#));
        let envelope = scan(&message).unwrap();
        let payload = request(&message, &envelope, WireId::new(7), &metadata, more).to_bytes();
        scan(&payload).unwrap();
        String::from_utf8(payload.to_vec()).unwrap().replace("io.modelcontextprotocol/", "")
    }

    #[test]
    fn metadata_goes_where_it_belongs() {
        for (before, after) in [
            (
                r#""id":"a","method":"m""#,
                r#""id":7,"method":"m","params":{"_meta":{"clientCapabilities":{"x":1},"logLevel":"info"}}"#,
            ),
            (
                r#""params":null,"method":"m","id":1"#,
                r#""params":{"_meta":{"clientCapabilities":{"x":1},"logLevel":"info"}},"method":"m","id":7"#,
            ),
            (
                r#""params":{ },"method":"m","id":1"#,
                r#""params":{"_meta":{"clientCapabilities":{"x":1},"logLevel":"info"} },"method":"m","id":7"#,
            ),
            (
                r#""id":1,"method":"m","params":{"a":1}"#,
                r#""id":7,"method":"m","params":{"_meta":{"clientCapabilities":{"x":1},"logLevel":"info"},"a":1}"#,
            ),
            (
                r#""id":1,"method":"m","params":{"_meta":{},"a":1}"#,
                r#""id":7,"method":"m","params":{"_meta":{"clientCapabilities":{"x":1},"logLevel":"info"},"a":1}"#,
            ),
            (
                r#""id":1,"method":"m","params":{"a":1,"_meta":null}"#,
                r#""id":7,"method":"m","params":{"a":1,"_meta":{"clientCapabilities":{"x":1},"logLevel":"info"}}"#,
            ),
            (
                r#""id":1,"method":"m","params":{"_meta":{"progressToken":"t"}}"#,
                r#""id":7,"method":"m","params":{"_meta":{"clientCapabilities":{"x":1},"logLevel":"info","progressToken":7}}"#,
            ),
        ] {
            assert_eq!(sent(before, &Members::default()), format!(r#"{{"jsonrpc":"2.0",{after}}}"#));
        }
    }

    #[test]
    fn what_is_there_already_is_replaced() {
        let more = Members::new(vec![(Field::ParamsRequestState, Bytes::from_static(b"\"s\""))]);
        for (before, after) in [
            (
                r#""id":1,"method":"m","params":{"requestState":0,"_meta":{"io.modelcontextprotocol/logLevel":5}}"#,
                r#""id":7,"method":"m","params":{"requestState":"s","_meta":{"clientCapabilities":{"x":1},"logLevel":"info"}}"#,
            ),
            (
                r#""id":1,"method":"m","params":{"a":1}"#,
                r#""id":7,"method":"m","params":{"_meta":{"clientCapabilities":{"x":1},"logLevel":"info"},"requestState":"s","a":1}"#,
            ),
            (
                r#""id":1,"method":"m","params":{"_meta":{"b":2}}"#,
                r#""id":7,"method":"m","params":{"requestState":"s","_meta":{"clientCapabilities":{"x":1},"logLevel":"info","b":2}}"#,
            ),
            (
                r#""id":1,"method":"m""#,
                r#""id":7,"method":"m","params":{"_meta":{"clientCapabilities":{"x":1},"logLevel":"info"},"requestState":"s"}"#,
            ),
        ] {
            assert_eq!(sent(before, &more), format!(r#"{{"jsonrpc":"2.0",{after}}}"#));
        }
    }
}
