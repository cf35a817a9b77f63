//! What is said to the server, in the words of its era.

use bytes::Bytes;
use serde_json::{Value, json};
use waggle_protocol::{
    modern::discover,
    version::{MODERN, ProtocolVersion},
};

use super::Found;
use crate::upstream::{Handshakes, HttpKind, HttpLink, HttpOutput};

/// More pages than any server has; a listing that never ends is cut off here.
const PAGES: usize = 100;

/// Why there is no answer. The texts complete "the server …".
#[derive(Debug)]
pub(super) enum Silence {
    /// Nothing there speaks this era.
    NotSpoken(String),
    /// Anything else.
    Failed(String),
}

impl Silence {
    pub(super) fn into_reason(self) -> String {
        match self {
            Self::NotSpoken(reason) | Self::Failed(reason) => reason,
        }
    }
}

/// One conversation.
pub(super) struct Conversation {
    link: HttpLink,
    kind: HttpKind,
    /// The id of the newest request.
    id: u64,
}

impl Conversation {
    pub(super) fn new(link: HttpLink, kind: HttpKind) -> Self {
        Self { link, kind, id: 0 }
    }

    /// The handshake and the list of tools.
    pub(super) async fn ask(&mut self) -> Result<Found, Silence> {
        let initialized = match self.kind {
            HttpKind::Modern => {
                let discovered = self.request("server/discover", json!({})).await?;
                let version = ProtocolVersion::LATEST;
                let raw = discover::initialize_from_discover(discovered.to_string().as_bytes(), version);
                let mut result: Value =
                    raw.and_then(|raw| serde_json::from_slice(&raw).ok()).unwrap_or_default();
                result["protocolVersion"] = json!(MODERN);
                result
            }
            HttpKind::Legacy | HttpKind::Sse => {
                let params = serde_json::from_slice(&Handshakes::own_params()).unwrap_or_default();
                let result = self.request("initialize", params).await?;
                self.send(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }));
                result
            }
        };
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let info = &initialized["serverInfo"];
        let (Some(name), Some(revision)) = (text(&info["name"]), text(&initialized["protocolVersion"]))
        else {
            return Err(Silence::Failed("answers, but not as an MCP server".to_owned()));
        };
        let tools = match initialized["capabilities"]["tools"] {
            Value::Object(_) => self.count_tools().await?,
            _ => 0,
        };
        Ok(Found { name, version: text(&info["version"]).unwrap_or_default(), revision, tools })
    }

    /// Ends it politely: a server may hold a session.
    pub(super) async fn close(self) {
        self.link.close().await;
    }

    async fn count_tools(&mut self) -> Result<usize, Silence> {
        let mut count = 0;
        let mut params = json!({});
        for _ in 0..PAGES {
            let page = self.request("tools/list", params).await?;
            count += page["tools"].as_array().map_or(0, Vec::len);
            match page["nextCursor"].as_str() {
                Some(cursor) => params = json!({ "cursor": cursor }),
                None => break,
            }
        }
        Ok(count)
    }

    /// The result of a request. What else the server says meanwhile is passed over.
    async fn request(&mut self, method: &str, mut params: Value) -> Result<Value, Silence> {
        if self.kind == HttpKind::Modern {
            params["_meta"] = json!({
                "io.modelcontextprotocol/protocolVersion": MODERN,
                "io.modelcontextprotocol/clientInfo":
                    serde_json::from_slice::<Value>(&Handshakes::own_identity()).unwrap_or_default(),
                "io.modelcontextprotocol/clientCapabilities": {},
            });
        }
        self.id += 1;
        self.send(&json!({ "jsonrpc": "2.0", "id": self.id, "method": method, "params": params }));
        loop {
            let mut message: Value = match self.link.next().await {
                HttpOutput::Message { line, .. } => serde_json::from_slice(&line).unwrap_or_default(),
                HttpOutput::NotSpoken(reason) => return Err(Silence::NotSpoken(reason)),
                HttpOutput::Failed(reason) => return Err(Silence::Failed(reason)),
            };
            if message["id"] != self.id || message.get("method").is_some() {
                continue;
            }
            match message.get_mut("result") {
                Some(result) => return Ok(result.take()),
                None => return Err(refusal(method, &message["error"])),
            }
        }
    }

    fn send(&mut self, message: &Value) {
        self.link.send(&Bytes::from(message.to_string()).into());
    }
}

/// What an error in place of a result says.
fn refusal(method: &str, error: &Value) -> Silence {
    let said = error["message"].as_str().unwrap_or("without a reason");
    let reason = format!("has refused {method}: {}", said.escape_debug());
    // It may be one that knows no handshake.
    if method == "initialize" { Silence::NotSpoken(reason) } else { Silence::Failed(reason) }
}
