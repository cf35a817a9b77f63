//! Messages of our own. Each is one allocation; what is passed in raw must be JSON without CR or LF.

use std::borrow::Cow;

use bytes::Bytes;

use super::text;

/// A request. `params` is a raw JSON object.
pub fn request(id: u64, method: &str, params: Option<&[u8]>) -> Bytes {
    let (before_params, params) = member(br#","params":"#, params);
    concat(&[
        br#"{"jsonrpc":"2.0","id":"#,
        text::decimal(id, &mut [0; 20]),
        br#","method":""#,
        escaped(method).as_bytes(),
        b"\"",
        before_params,
        params,
        b"}",
    ])
}

/// A notification. `params` is a raw JSON object.
pub fn notification(method: &str, params: Option<&[u8]>) -> Bytes {
    let (before_params, params) = member(br#","params":"#, params);
    concat(&[
        br#"{"jsonrpc":"2.0","method":""#,
        escaped(method).as_bytes(),
        b"\"",
        before_params,
        params,
        b"}",
    ])
}

/// A response. `id` is the raw id of the request, `result` a raw JSON object.
pub fn response(id: &[u8], result: &[u8]) -> Bytes {
    concat(&[br#"{"jsonrpc":"2.0","id":"#, id, br#","result":"#, result, b"}"])
}

/// An error. `id` is the raw id of the request that failed; without one the member is left out, as MCP wants it where
/// JSON-RPC would have null.
pub fn error(id: Option<&[u8]>, code: i64, message: &str, data: Option<&serde_json::Value>) -> Bytes {
    let (before_id, id) = member(br#","id":"#, id);
    let data = data.map(serde_json::Value::to_string);
    let (before_data, data) = member(br#","data":"#, data.as_deref().map(str::as_bytes));
    concat(&[
        br#"{"jsonrpc":"2.0""#,
        before_id,
        id,
        br#","error":{"code":"#,
        if code < 0 { b"-" } else { b"" },
        text::decimal(code.unsigned_abs(), &mut [0; 20]),
        br#","message":""#,
        escaped(message).as_bytes(),
        b"\"",
        before_data,
        data,
        b"}}",
    ])
}

/// A member that may be left out, as two pieces.
fn member<'a>(key: &'static [u8], value: Option<&'a [u8]>) -> (&'static [u8], &'a [u8]) {
    value.map_or((b"", b""), |value| (key, value))
}

/// `value` as it stands between the quotes of a JSON string. Names of methods never need a copy.
fn escaped(value: &str) -> Cow<'_, str> {
    if value.bytes().any(text::needs_escape) {
        let quoted = text::quote(value);
        Cow::Owned(quoted[1..quoted.len() - 1].to_owned())
    } else {
        Cow::Borrowed(value)
    }
}

fn concat(pieces: &[&[u8]]) -> Bytes {
    // Exactly as large as its contents, so that it becomes `Bytes` as it is.
    let mut block = Vec::with_capacity(pieces.iter().map(|piece| piece.len()).sum());
    pieces.iter().for_each(|piece| block.extend_from_slice(piece));
    block.into()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::{Kind, scan};
    use super::*;

    #[test]
    fn messages_are_spelt_compactly() {
        assert_eq!(request(7, "ping", None), r#"{"jsonrpc":"2.0","id":7,"method":"ping"}"#);
        assert_eq!(
            request(u64::MAX, "tools/call", Some(br#"{"name":"a"}"#)),
            r#"{"jsonrpc":"2.0","id":18446744073709551615,"method":"tools/call","params":{"name":"a"}}"#
        );
        assert_eq!(
            notification("notifications/initialized", None),
            r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#
        );
        assert_eq!(notification("n", Some(b"{}")), r#"{"jsonrpc":"2.0","method":"n","params":{}}"#);
        assert_eq!(response(br#""a""#, b"{}"), r#"{"jsonrpc":"2.0","id":"a","result":{}}"#);
        assert_eq!(
            error(Some(b"1.0"), -32603, "said \"no\"\n", Some(&json!({"exit": 1}))),
            r#"{"jsonrpc":"2.0","id":1.0,"error":{"code":-32603,"message":"said \"no\"\n","data":{"exit":1}}}"#
        );
        assert_eq!(
            error(None, i64::MIN, "", None),
            r#"{"jsonrpc":"2.0","error":{"code":-9223372036854775808,"message":""}}"#
        );
    }

    #[test]
    fn messages_scan_as_what_they_are() {
        for (message, kind) in [
            (request(0, "a\"\\b", Some(b"[]")), Kind::Request),
            (notification("\u{7}", None), Kind::Notification),
            (response(b"1", b"null"), Kind::Response),
            (error(None, 1, "\u{2028}\r", None), Kind::Error),
            (error(Some(b"null"), 1, "m", Some(&json!("d\n"))), Kind::Error),
        ] {
            let envelope = scan(&message).unwrap();
            assert_eq!((envelope.kind(), envelope.raw_newlines()), (kind, false));
        }
        let message = request(0, "a\"\\b", None);
        assert_eq!(scan(&message).unwrap().method(&message), "a\"\\b");
    }
}
