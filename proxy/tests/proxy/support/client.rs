//! A client of Streamable HTTP.

use std::net::SocketAddr;

use serde_json::{Value, json};

use super::{Events, Request, Response, Waggle};

/// A request or, without an id, a notification.
pub(crate) fn message(id: impl Into<Value>, method: &str, params: Value) -> Value {
    let mut message = json!({ "jsonrpc": "2.0", "method": method, "params": params });
    let id = id.into();
    if !id.is_null() {
        message["id"] = id;
    }
    message
}

pub(crate) fn initialize(revision: &str, capabilities: Value) -> Value {
    let info = json!({ "name": "test", "version": "1" });
    let params = json!({ "protocolVersion": revision, "capabilities": capabilities, "clientInfo": info });
    message(0, "initialize", params)
}

/// A call of one of the fake server's tools.
pub(crate) fn call(id: impl Into<Value>, tool: &str, arguments: Value) -> Value {
    message(id, "tools/call", json!({ "name": tool, "arguments": arguments }))
}

/// A call of the fake server's `script`, which may report progress by its id as the token.
pub(crate) fn script(id: impl Into<Value>, steps: Value) -> Value {
    let id = id.into();
    let meta = json!({ "progressToken": id });
    message(id, "tools/call", json!({ "name": "script", "arguments": { "steps": steps }, "_meta": meta }))
}

/// An initialized session.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub(crate) to: SocketAddr,
    pub(crate) id: String,
    pub(crate) revision: String,
}

impl Session {
    pub(crate) async fn open(waggle: &Waggle) -> Self {
        Self::with(waggle, "2025-11-25", json!({})).await
    }

    pub(crate) async fn with(waggle: &Waggle, revision: &str, capabilities: Value) -> Self {
        let body = initialize(revision, capabilities).to_string();
        let response = Request::post("/mcp", body).send(waggle.address).await;
        assert_eq!(response.status, 200);
        let id = response.header("mcp-session-id").unwrap().to_owned();
        let message = response.json().await;
        assert_eq!(message["result"]["protocolVersion"], revision);
        let session = Self { to: waggle.address, id, revision: revision.to_owned() };
        assert_eq!(session.post(&message_of("notifications/initialized")).await.status, 202);
        session
    }

    /// A request of this session.
    pub(crate) fn request(&self, method: &str) -> Request {
        self.address(Request::new(method, "/mcp").header("Accept", "text/event-stream"))
    }

    /// A POST of this session.
    pub(crate) fn posting(&self, body: impl Into<Vec<u8>>) -> Request {
        self.address(Request::post("/mcp", body))
    }

    fn address(&self, request: Request) -> Request {
        request.header("Mcp-Session-Id", &self.id).header("MCP-Protocol-Version", &self.revision)
    }

    pub(crate) async fn post(&self, message: &Value) -> Response {
        self.posting(message.to_string()).send(self.to).await
    }

    /// The response to a request, which must come without anything else.
    pub(crate) async fn ask(&self, message: &Value) -> Value {
        let response = self.post(message).await;
        assert_eq!(response.status, 200);
        let answer = response.message().await;
        assert_eq!(answer["id"], message["id"]);
        answer
    }

    /// What a script comes to.
    pub(crate) async fn script(&self, steps: Value) -> Value {
        let answer = self.ask(&script("script", steps)).await;
        assert!(answer["error"].is_null(), "{answer}");
        answer["result"]["structuredContent"].clone()
    }

    /// Every line that this session's process has received, parsed.
    pub(crate) async fn history(&self) -> Vec<Value> {
        let answer = self.ask(&call("history", "history", json!({}))).await;
        let lines = answer["result"]["received"].as_array().unwrap().clone();
        lines.iter().map(|line| serde_json::from_str(line.as_str().unwrap()).unwrap()).collect()
    }

    /// The answer to a question of the server's.
    pub(crate) async fn answer(&self, question: &Value, result: Value) {
        let answer = json!({ "jsonrpc": "2.0", "id": question["id"], "result": result });
        assert_eq!(self.post(&answer).await.status, 202);
    }

    /// The standalone stream.
    pub(crate) async fn listen(&self) -> Events {
        self.request("GET").send(self.to).await.events()
    }

    /// A stream that broke, from where it broke.
    pub(crate) async fn resume(&self, last_event_id: &str) -> Response {
        self.request("GET").header("Last-Event-ID", last_event_id).send(self.to).await
    }

    pub(crate) async fn delete(&self) {
        assert_eq!(self.request("DELETE").send(self.to).await.status, 204);
    }
}

fn message_of(method: &str) -> Value {
    message(Value::Null, method, json!({}))
}
