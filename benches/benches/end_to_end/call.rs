//! The messages of both eras.

pub(crate) const INITIALIZE: &str = r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"bench","version":"1"}}}"#;
pub(crate) const INITIALIZED: &str = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;

/// What each request of 2026-07-28 says of its client.
const META: &str = r#","_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{"elicitation":{"form":{}}},"io.modelcontextprotocol/clientInfo":{"name":"bench","version":"1"}}"#;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Era {
    /// Up to 2025-11-25, with a session.
    Legacy,
    /// 2026-07-28.
    Modern,
}

impl Era {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Legacy => "legacy",
            Self::Modern => "modern",
        }
    }

    /// A call that gives back `size` bytes.
    pub(crate) fn echo(self, id: u64, size: usize) -> String {
        let meta = match self {
            Self::Legacy => "",
            Self::Modern => META,
        };
        let text = "x".repeat(size);
        let params = format!(r#"{{"name":"echo","arguments":{{"text":"{text}"}}{meta}}}"#);
        format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{params}}}"#)
    }
}

/// The answer must be to this call, and as large.
pub(crate) fn check(answer: &[u8], id: u64, size: usize) {
    let answer = String::from_utf8_lossy(answer);
    assert!(answer.len() > size && answer.contains(&format!("\"id\":{id}")), "{answer}");
}
