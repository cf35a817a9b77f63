//! Messages as they are spelt on either side.

use serde_json::Value;
use waggle_protocol::jsonrpc::Payload;

/// Ids and tokens: equal ones are chosen often, by design.
pub(crate) const NAMES: [&str; 5] = ["1", "\"1\"", "2.0", "\"\\u00e9\\\"\"", "-9007199254740993"];

/// URIs; the last is refused by the server.
pub(crate) const URIS: [&str; 4] = ["u:0", "u:1", "u:1/x", REFUSED_URI];
pub(crate) const REFUSED_URI: &str = "refused:";

pub(crate) const LEVELS: [&str; 4] = ["debug", "info", "warning", "emergency"];

pub(crate) fn pick<'a>(from: &[&'a str], which: u8) -> &'a str {
    from[usize::from(which) % from.len()]
}

pub(crate) fn text(payload: &Payload) -> String {
    let text = String::from_utf8(payload.to_bytes().to_vec()).expect("messages are UTF-8");
    assert!(!text.contains(['\n', '\r']), "a message is one line");
    text
}

pub(crate) fn parse(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// A call; the server echoes `nonce`.
pub(crate) fn call(id: &str, token: Option<&str>, nonce: usize) -> String {
    let meta = token.map(|token| format!(r#""_meta":{{"progressToken":{token}}},"#)).unwrap_or_default();
    format!(
        r#"{{"jsonrpc":"2.0","id":{id},"method":"echo","params":{{{meta}"nonce":{nonce},"raw":["\u200d",1e3]}}}}"#
    )
}

pub(crate) fn echo(id: &str, nonce: usize) -> String {
    format!(r#"{{"result":{{"nonce":{nonce},"id":0,"raw":1.0e0}},"jsonrpc":"2.0","id":{id}}}"#)
}

pub(crate) fn progress(token: &str, nonce: usize) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","method":"notifications/progress","params":{{"progressToken":{token},"progress":0.50,"nonce":{nonce}}}}}"#
    )
}

pub(crate) fn with_uri(id: &str, method: &str, uri: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"resources/{method}","params":{{"uri":"{uri}"}}}}"#)
}

pub(crate) fn accepted(id: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{}}}}"#)
}

pub(crate) fn refused(id: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{{"code":-32002,"message":"no"}}}}"#)
}

pub(crate) fn question(id: &str, nonce: usize) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","id":{id},"method":"elicitation/create","params":{{"nonce":{nonce},"raw":1.0}}}}"#
    )
}

pub(crate) fn cancelled(id: &str, nonce: usize) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","method":"notifications/cancelled","params":{{"requestId":{id},"nonce":{nonce}}}}}"#
    )
}

pub(crate) fn notification(method: &str, uri: &str, level: &str, nonce: usize) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","method":"{method}","params":{{"uri":"{uri}","level":"{level}","nonce":{nonce}}}}}"#
    )
}
