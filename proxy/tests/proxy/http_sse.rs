//! HTTP+SSE of 2024-11-05.

use serde_json::{Value, json};

use crate::support::{Events, Options, Request, Waggle, call, initialize, message, script};

/// The stream, and the path to POST to.
async fn open(waggle: &Waggle) -> (Events, String) {
    let mut stream =
        Request::new("GET", "/sse").header("Accept", "text/event-stream").send(waggle.address).await.events();
    let endpoint = stream.next().await.unwrap();
    assert_eq!(endpoint.event, "endpoint");
    (stream, String::from_utf8(endpoint.data.to_vec()).unwrap())
}

async fn post(waggle: &Waggle, path: &str, message: &Value) -> u16 {
    let response = Request::post(path, message.to_string()).send(waggle.address).await;
    if response.status == 202 {
        assert_eq!(response.text().await, "");
        return 202;
    }
    let status = response.status;
    assert!(response.json().await["error"]["message"].is_string());
    status
}

async fn connected(waggle: &Waggle) -> (Events, String) {
    let (mut stream, path) = open(waggle).await;
    assert_eq!(post(waggle, &path, &initialize("2024-11-05", json!({}))).await, 202);
    assert_eq!(stream.message().await["result"]["protocolVersion"], "2024-11-05");
    assert_eq!(post(waggle, &path, &message(Value::Null, "notifications/initialized", json!({}))).await, 202);
    (stream, path)
}

#[tokio::test]
async fn answers_come_on_the_stream() {
    let waggle = Options::default().start().await;
    let (mut stream, path) = connected(&waggle).await;
    assert!(path.starts_with("/messages?sessionId="), "relative: {path}");
    assert_eq!(post(&waggle, &path, &script("a", json!([{ "progress": 1 }]))).await, 202);
    assert_eq!(stream.message().await["params"]["progress"], 1);
    assert_eq!(stream.message().await["id"], "a");
    assert_eq!(post(&waggle, &path, &message(2, "ping", json!({}))).await, 202);
    assert_eq!(stream.message().await, json!({ "jsonrpc": "2.0", "id": 2, "result": {} }));
    // Questions, too.
    let steps = json!([{ "ask": "sampling/createMessage", "params": {} }]);
    assert_eq!(post(&waggle, &path, &script(3, steps)).await, 202);
    let question = stream.message().await;
    assert_eq!(
        post(&waggle, &path, &json!({ "jsonrpc": "2.0", "id": question["id"], "result": "yes" })).await,
        202
    );
    assert_eq!(stream.message().await["result"]["structuredContent"]["answers"][0]["result"], "yes");
    // No ids: nothing is resumed here.
    assert_eq!(stream.last_id(), "");
    waggle.stop().await;
}

#[tokio::test]
async fn the_public_prefix_is_part_of_the_endpoint() {
    let waggle = Options::default().proxy(&["--public-url", "https://mcp.example/team/a"]).start().await;
    let (mut stream, path) = open(&waggle).await;
    assert!(path.starts_with("/team/a/messages?sessionId="), "{path}");
    assert_eq!(post(&waggle, &path, &message(1, "ping", json!({}))).await, 202);
    assert_eq!(stream.message().await["id"], 1);
    let stripped = path.strip_prefix("/team/a").unwrap();
    assert_eq!(post(&waggle, stripped, &message(2, "ping", json!({}))).await, 202);
    assert_eq!(stream.message().await["id"], 2);
    waggle.stop().await;
}

#[tokio::test]
async fn the_session_ends_with_its_stream() {
    let waggle = Options::default().proxy(&["--warm-processes", "0"]).start().await;
    let (mut stream, path) = connected(&waggle).await;
    assert_eq!(post(&waggle, &path, &call(1, "echo", json!({}))).await, 202);
    stream.message().await;
    assert_eq!(waggle.status().await["processes"], 1);
    drop(stream);
    waggle.until("sessions", 0).await;
    waggle.until("processes", 0).await;
    assert_eq!(post(&waggle, &path, &call(2, "echo", json!({}))).await, 404);
    waggle.stop().await;
}

#[tokio::test]
async fn what_cannot_be_taken_is_refused_in_the_post() {
    let waggle = Options::default().start().await;
    let (mut stream, path) = open(&waggle).await;
    assert_eq!(post(&waggle, &path, &call(1, "echo", json!({}))).await, 400, "before initialize");
    assert_eq!(post(&waggle, "/messages", &message(1, "ping", json!({}))).await, 400);
    assert_eq!(post(&waggle, "/messages?sessionId=nobody", &message(1, "ping", json!({}))).await, 404);
    for body in ["{", "[]", "[{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}]", "{\"id\":1}"] {
        let response = Request::post(&path, body).send(waggle.address).await;
        assert_eq!(response.status, 400, "{body}");
    }
    let text = Request::post(&path, "{}").header("Content-Type", "text/plain").send(waggle.address).await;
    assert_eq!(text.status, 415);
    // One transport's session is nobody's on the other.
    let id = path.split_once('=').unwrap().1;
    let other = Request::post("/mcp", message(1, "ping", json!({})).to_string()).header("Mcp-Session-Id", id);
    assert_eq!(other.send(waggle.address).await.status, 404);
    assert_eq!(post(&waggle, &path, &message(9, "ping", json!({}))).await, 202);
    assert_eq!(stream.message().await["id"], 9);
    waggle.stop().await;
}

#[tokio::test]
async fn a_silent_stream_shows_signs_of_life() {
    let waggle = Options::default().proxy(&["--keep-alive", "1s"]).start().await;
    let (mut stream, _) = open(&waggle).await;
    stream.until(": keep-alive\n\n").await;
    waggle.stop().await;
}

#[tokio::test]
async fn a_shared_server_serves_both_transports() {
    let waggle = Options::default().shared().start().await;
    let (mut stream, path) = connected(&waggle).await;
    let session = crate::support::Session::open(&waggle).await;
    let pid = session.script(json!([])).await["pid"].clone();
    assert_eq!(post(&waggle, &path, &script(1, json!([]))).await, 202);
    assert_eq!(stream.message().await["result"]["structuredContent"]["pid"], pid);
    waggle.stop().await;
}
