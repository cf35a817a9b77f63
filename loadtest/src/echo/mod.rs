//! The bundled server: one tool, which gives back its argument. The same answers over stdio, and over HTTP for the floor: what
//! a server does with nothing in front of it.

pub mod http;
pub mod stdio;

use serde::Deserialize;
use serde_json::value::RawValue;

/// What a message of the client asks for.
#[derive(Debug, Deserialize)]
struct Request<'a> {
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
    #[serde(default)]
    method: Option<&'a str>,
    #[serde(borrow, default)]
    params: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Call<'a> {
    name: &'a str,
    #[serde(borrow, default)]
    arguments: Option<Arguments<'a>>,
}

#[derive(Deserialize)]
struct Arguments<'a> {
    #[serde(borrow, default)]
    text: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Hello<'a> {
    protocol_version: &'a str,
}

/// One conversation with the server.
#[derive(Debug, Default)]
pub struct Echo {
    strict: bool,
    initialized: bool,
}

const TOOLS: &str = r#"{"tools":[{"name":"echo","description":"Gives back its argument.","inputSchema":{"type":"object","properties":{"text":{}},"required":["text"]}}]}"#;

impl Echo {
    /// A new one. A strict one refuses requests before its handshake.
    pub fn new(strict: bool) -> Self {
        Self { strict, initialized: false }
    }

    /// The answer to a message, if it needs one. The value of `text` comes back byte for byte.
    pub fn answer(&mut self, message: &[u8]) -> Option<String> {
        let Ok(request) = serde_json::from_slice::<Request<'_>>(message) else {
            return Some(error("null", -32700, "this is not JSON-RPC"));
        };
        let (Some(id), Some(method)) = (request.id.map(RawValue::get), request.method) else {
            self.initialized |= request.method == Some("notifications/initialized");
            return None;
        };
        if self.strict && !self.initialized && method != "initialize" && method != "ping" {
            return Some(error(id, -32600, "received a request before the handshake was complete"));
        }
        let params = request.params.map_or("{}", RawValue::get);
        Some(match method {
            "initialize" => {
                let version = serde_json::from_str::<Hello<'_>>(params)
                    .map_or("2025-11-25", |hello| hello.protocol_version);
                result(
                    id,
                    &format!(
                        r#"{{"protocolVersion":"{version}","capabilities":{{"tools":{{}}}},"serverInfo":{{"name":"echo","version":"1"}}}}"#
                    ),
                )
            }
            "ping" => result(id, "{}"),
            "tools/list" => result(id, TOOLS),
            "tools/call" => call(id, params),
            _ => error(id, -32601, "there is no such method"),
        })
    }
}

fn call(id: &str, params: &str) -> String {
    let text = serde_json::from_str::<Call<'_>>(params)
        .ok()
        .filter(|call| call.name == "echo")
        .and_then(|call| call.arguments?.text);
    match text {
        Some(text) => result(id, &format!(r#"{{"content":[{{"type":"text","text":{}}}]}}"#, text.get())),
        None => error(id, -32602, "call the tool `echo` with an argument `text`"),
    }
}

fn result(id: &str, result: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{result}}}"#)
}

fn error(id: &str, code: i32, message: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{{"code":{code},"message":"{message}"}}}}"#)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_back_the_bytes_of_its_argument_and_of_the_id() {
        let call = br#"{"jsonrpc":"2.0","id":1.0,"method":"tools/call","params":{"name":"echo","arguments":{"text":9007199254740993}}}"#;
        let answer = Echo::new(false).answer(call).unwrap();
        assert_eq!(
            answer,
            r#"{"jsonrpc":"2.0","id":1.0,"result":{"content":[{"type":"text","text":9007199254740993}]}}"#
        );
    }

    #[test]
    fn a_strict_one_insists_on_the_handshake() {
        let list = br#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
        let mut echo = Echo::new(true);
        assert!(echo.answer(list).unwrap().contains("before the handshake"));
        assert!(echo.answer(br#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-06-18"}}"#).unwrap().contains("2025-06-18"));
        assert_eq!(echo.answer(br#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#), None);
        assert!(echo.answer(list).unwrap().contains("inputSchema"));
    }
}
