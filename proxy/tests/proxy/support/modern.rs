//! A client of 2026-07-28: every request stands alone.

use std::net::SocketAddr;

use serde_json::{Value, json};

use super::{Events, Request, Response, Waggle, message};

pub(crate) const MODERN: &str = "2026-07-28";

/// One user. What it sends bears the metadata and the headers that the revision demands.
#[derive(Clone, Debug)]
pub(crate) struct Modern {
    pub(crate) to: SocketAddr,
    capabilities: Value,
    authorization: Option<String>,
}

impl Modern {
    /// One that can be asked nothing.
    pub(crate) fn new(waggle: &Waggle) -> Self {
        Self { to: waggle.address, capabilities: json!({}), authorization: None }
    }

    /// One that fills in forms.
    pub(crate) fn with_forms(waggle: &Waggle) -> Self {
        Self::new(waggle).able(json!({ "elicitation": { "form": {} } }))
    }

    pub(crate) fn able(self, capabilities: Value) -> Self {
        Self { capabilities, ..self }
    }

    /// Another user.
    pub(crate) fn named(self, name: &str) -> Self {
        Self { authorization: Some(format!("Bearer {name}")), ..self }
    }

    /// The message with this client's metadata.
    pub(crate) fn dressed(&self, message: &Value) -> Value {
        let mut message = message.clone();
        let meta = &mut message["params"]["_meta"];
        meta["io.modelcontextprotocol/protocolVersion"] = json!(MODERN);
        meta["io.modelcontextprotocol/clientCapabilities"] = self.capabilities.clone();
        meta["io.modelcontextprotocol/clientInfo"] = json!({ "name": "test", "version": "1" });
        message
    }

    /// The POST of a message.
    pub(crate) fn posting(&self, message: &Value) -> Request {
        let mut request = Request::post("/mcp", self.dressed(message).to_string())
            .header("MCP-Protocol-Version", MODERN)
            .header("Mcp-Method", message["method"].as_str().unwrap());
        let name = match message["method"].as_str() {
            Some("resources/read") => &message["params"]["uri"],
            _ => &message["params"]["name"],
        };
        if let Some(name) = name.as_str() {
            request = request.header("Mcp-Name", name);
        }
        match &self.authorization {
            Some(value) => request.header("Authorization", value),
            None => request,
        }
    }

    pub(crate) async fn post(&self, message: &Value) -> Response {
        self.posting(message).send(self.to).await
    }

    /// The response to a request, which must come without anything else.
    pub(crate) async fn ask(&self, message: &Value) -> Value {
        let response = self.post(message).await;
        let answer = response.message().await;
        assert_eq!(answer["id"], message["id"], "{answer}");
        answer
    }

    /// The result of a request.
    pub(crate) async fn result(&self, message: &Value) -> Value {
        let answer = self.ask(message).await;
        assert!(answer["error"].is_null(), "{answer}");
        answer["result"].clone()
    }

    /// What a script comes to.
    pub(crate) async fn script(&self, steps: Value) -> Value {
        self.result(&super::script("script", steps)).await["structuredContent"].clone()
    }

    /// What the server's process has received: one shared by all calls that ask nothing back.
    pub(crate) async fn history(&self) -> Vec<Value> {
        let result = self.result(&super::call("history", "history", json!({}))).await;
        let lines = result["received"].as_array().unwrap();
        lines.iter().map(|line| serde_json::from_str(line.as_str().unwrap()).unwrap()).collect()
    }

    /// A stream of changes, past its acknowledgement, and what that grants.
    pub(crate) async fn listen(&self, id: impl Into<Value>, filter: Value) -> (Events, Value) {
        let id = id.into();
        let request = message(id.clone(), "subscriptions/listen", json!({ "notifications": filter }));
        let mut events = self.post(&request).await.events();
        let granted = events.message().await;
        assert_eq!(granted["method"], "notifications/subscriptions/acknowledged");
        assert_eq!(subscription(&granted["params"]), &id);
        (events, granted["params"]["notifications"].clone())
    }
}

/// The subscription that params or a result belong to.
pub(crate) fn subscription(of: &Value) -> &Value {
    &of["_meta"]["io.modelcontextprotocol/subscriptionId"]
}

/// The same request, with answers to what `asked`, a result, requires.
pub(crate) fn retry(id: impl Into<Value>, request: &Value, asked: &Value, answers: Value) -> Value {
    assert_eq!(asked["resultType"], "input_required", "{asked}");
    let mut request = request.clone();
    request["id"] = id.into();
    request["params"]["inputResponses"] = answers;
    if !asked["requestState"].is_null() {
        request["params"]["requestState"] = asked["requestState"].clone();
    }
    request
}

/// Every question of a result is given this answer.
pub(crate) fn answering(asked: &Value, answer: &Value) -> Value {
    let requests = asked["inputRequests"].as_object().unwrap();
    requests.keys().map(|key| (key.clone(), answer.clone())).collect::<serde_json::Map<_, _>>().into()
}

/// A step that asks for a form with that message.
pub(crate) fn form(text: &str) -> Value {
    let schema = json!({ "type": "object", "properties": { "name": { "type": "string" } } });
    json!({ "ask": "elicitation/create", "params": { "message": text, "requestedSchema": schema } })
}

/// A form that is filled in.
pub(crate) fn filled(name: &str) -> Value {
    json!({ "action": "accept", "content": { "name": name } })
}
