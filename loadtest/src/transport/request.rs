//! A request in the words of either era.

pub(super) const LEGACY: &str = "2025-11-25";
pub(super) const OLDEST: &str = "2024-11-05";
pub(super) const MODERN: &str = "2026-07-28";
pub(super) const INITIALIZED: &str = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;

/// A request, whatever carries it.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Its number, which is also its progress token if it has one.
    pub id: u64,
    /// Such as `tools/call`.
    pub method: &'static str,
    /// What 2026-07-28 repeats in a header: the tool, or the resource.
    pub name: Option<&'a str>,
    /// Fields of `params`, as JSON without the braces.
    pub fields: &'a str,
    /// Whether progress is wanted.
    pub progress: bool,
}

impl<'a> Request<'a> {
    /// A method without parameters.
    pub fn plain(id: u64, method: &'static str) -> Self {
        Self { id, method, name: None, fields: "", progress: false }
    }

    /// A call of a tool.
    pub fn call(id: u64, tool: &'a str, fields: &'a str) -> Self {
        Self { id, method: "tools/call", name: Some(tool), fields, progress: false }
    }

    /// The message, without a line end.
    pub(super) fn body(&self, stateless: bool) -> String {
        let mut params = String::with_capacity(self.fields.len() + 320);
        params.push_str(&format!(
            r#"{{"jsonrpc":"2.0","id":{},"method":"{}","params":{{"#,
            self.id, self.method
        ));
        params.push_str(self.fields);
        if self.progress || stateless {
            if !self.fields.is_empty() {
                params.push(',');
            }
            params.push_str(r#""_meta":{"#);
            if self.progress {
                params.push_str(&format!(r#""progressToken":{}"#, self.id));
            }
            if self.progress && stateless {
                params.push(',');
            }
            if stateless {
                params.push_str(&format!(
                    r#""io.modelcontextprotocol/protocolVersion":"{MODERN}","io.modelcontextprotocol/clientInfo":{{"name":"loadtest","version":"1"}},"io.modelcontextprotocol/clientCapabilities":{{}}"#
                ));
            }
            params.push('}');
        }
        params.push_str("}}");
        params
    }
}

/// Fields of a call of a tool with these arguments, which are JSON without the braces.
pub fn tool(name: &str, arguments: &str) -> String {
    format!(r#""name":"{name}","arguments":{{{arguments}}}"#)
}

/// The handshake's request.
pub(super) fn initialize(version: &str) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","id":0,"method":"initialize","params":{{"protocolVersion":"{version}","capabilities":{{}},"clientInfo":{{"name":"loadtest","version":"1"}}}}}}"#
    )
}

/// Whether a message answers a request; the handshake's is the first that does.
pub fn is_answer(message: &[u8]) -> bool {
    #[derive(serde::Deserialize)]
    struct Message {
        method: Option<serde::de::IgnoredAny>,
    }
    serde_json::from_slice(message).is_ok_and(|message: Message| message.method.is_none())
}

/// The notification that a request is given up.
pub(super) fn cancelled(id: u64) -> String {
    format!(r#"{{"jsonrpc":"2.0","method":"notifications/cancelled","params":{{"requestId":{id}}}}}"#)
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn every_form_is_json() {
        for stateless in [false, true] {
            for progress in [false, true] {
                for fields in ["", r#""name":"echo""#] {
                    let request = Request { progress, ..Request::call(7, "echo", fields) };
                    let body: Value = serde_json::from_str(&request.body(stateless)).unwrap();
                    assert_eq!(body["id"], 7);
                    assert_eq!(body["params"]["_meta"]["progressToken"].is_u64(), progress);
                    assert_eq!(body["params"].get("name").is_some(), !fields.is_empty());
                    let version = &body["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"];
                    assert_eq!(version.is_string(), stateless);
                }
            }
        }
    }
}
