//! A client that sees every line the server writes.

use std::io;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, DuplexStream, Lines, duplex};
use tokio::task::JoinSet;
use tokio::time::timeout;

/// Longer than any wait that a test provokes; costs nothing, as time is paused.
pub(crate) const FOREVER: Duration = Duration::from_secs(1000);

/// The client, and the server in a task of its own.
pub(crate) struct Client {
    pub(crate) input: Option<DuplexStream>,
    pub(crate) output: Lines<BufReader<DuplexStream>>,
    pub(crate) server: JoinSet<io::Result<()>>,
    last_id: u64,
}

impl Client {
    pub(crate) fn start() -> Self {
        // Small pipes, so that messages are cut anywhere.
        let (input, server_input) = duplex(50);
        let (server_output, output) = duplex(50);
        let mut server = JoinSet::new();
        server.spawn(waggle_proxy::demo::serve(server_input, server_output));
        Self { input: Some(input), output: BufReader::new(output).lines(), server, last_id: 0 }
    }

    /// A client past its handshake.
    pub(crate) async fn connected(revision: &str, capabilities: Value) -> Self {
        let mut client = Self::start();
        let result = client.initialize(revision, capabilities).await;
        assert_eq!(result["protocolVersion"], revision);
        client.send(json!({ "jsonrpc": "2.0", "method": "notifications/initialized" })).await;
        client
    }

    pub(crate) async fn newest() -> Self {
        Self::connected("2025-11-25", json!({})).await
    }

    pub(crate) async fn initialize(&mut self, revision: &str, capabilities: Value) -> Value {
        let info = json!({ "name": "test", "version": "1" });
        let params = json!({ "protocolVersion": revision, "capabilities": capabilities, "clientInfo": info });
        self.result("initialize", params).await
    }

    pub(crate) async fn send(&mut self, message: Value) {
        self.send_line(&message.to_string()).await;
    }

    pub(crate) async fn send_line(&mut self, line: &str) {
        let input = self.input.as_mut().expect("the input is open");
        input.write_all(format!("{line}\n").as_bytes()).await.unwrap();
    }

    /// The next message, or `None` after the last one.
    pub(crate) async fn receive(&mut self) -> Option<Value> {
        let line = timeout(FOREVER, self.output.next_line()).await.expect("a message").unwrap();
        line.map(|line| serde_json::from_str(&line).unwrap())
    }

    pub(crate) async fn start_request(&mut self, method: &str, params: Value) -> u64 {
        self.last_id += 1;
        self.send(json!({ "jsonrpc": "2.0", "id": self.last_id, "method": method, "params": params })).await;
        self.last_id
    }

    /// The response to a request, which must be the next message.
    pub(crate) async fn response(&mut self, method: &str, params: Value) -> Value {
        let id = self.start_request(method, params).await;
        let message = self.receive().await.unwrap();
        assert_eq!(message["id"], id, "{message}");
        message
    }

    pub(crate) async fn result(&mut self, method: &str, params: Value) -> Value {
        let response = self.response(method, params).await;
        assert!(response["result"].is_object(), "{response}");
        response["result"].clone()
    }

    pub(crate) async fn error_code(&mut self, method: &str, params: Value) -> i64 {
        self.response(method, params).await["error"]["code"].as_i64().expect("an error")
    }

    /// Starts a tool and answers the request that it makes; `answer` is a `result` or an `error` member.
    pub(crate) async fn call_and_answer(
        &mut self,
        name: &str,
        arguments: Value,
        answer: (&str, Value),
    ) -> (Value, Value) {
        let id = self.start_request("tools/call", json!({ "name": name, "arguments": arguments })).await;
        let asked = self.receive().await.unwrap();
        self.send(json!({ "jsonrpc": "2.0", "id": asked["id"], answer.0: answer.1 })).await;
        let response = self.receive().await.unwrap();
        assert_eq!(response["id"], id);
        (asked, response["result"].clone())
    }

    pub(crate) async fn call(&mut self, name: &str, arguments: Value) -> Value {
        self.result("tools/call", json!({ "name": name, "arguments": arguments })).await
    }

    pub(crate) async fn tool_names(&mut self) -> Vec<String> {
        let tools = self.result("tools/list", json!({})).await["tools"].clone();
        tools.as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap().to_owned()).collect()
    }

    /// Closes the input; the server must end by itself. Returns what it still had to say.
    pub(crate) async fn close(mut self) -> Vec<Value> {
        self.input = None;
        let mut rest = Vec::new();
        while let Some(message) = self.receive().await {
            rest.push(message);
        }
        timeout(FOREVER, self.server.join_next()).await.unwrap().unwrap().unwrap().unwrap();
        rest
    }
}

/// The text of a tool result.
pub(crate) fn text(result: &Value) -> &str {
    result["content"][0]["text"].as_str().unwrap_or_else(|| panic!("no text: {result}"))
}
