//! Clients that initialize, in front of a server that speaks 2026-07-28 only.

use rustix::process::{Pid, Signal};
use serde_json::{Value, json};

use crate::support::{
    Modern, Options, Request, Session, Waggle, call, filled, form, initialize, message, script,
};

async fn start() -> Waggle {
    Options::default().modern().start().await
}

fn forms() -> Value {
    json!({ "elicitation": {}, "roots": { "listChanged": true } })
}

/// A step of the server's that asks for forms.
fn input(texts: &[&str]) -> Value {
    let requests = texts.iter().map(|text| {
        let form = form(text);
        ((*text).to_owned(), json!({ "method": form["ask"], "params": form["params"] }))
    });
    json!({ "input": Value::Object(requests.collect()) })
}

#[tokio::test]
async fn every_revision_is_initialized_from_discover() {
    let waggle = start().await;
    for revision in ["2025-03-26", "2025-06-18", "2025-11-25"] {
        let response = Request::post("/mcp", initialize(revision, json!({})).to_string());
        let response = response.send(waggle.address).await;
        assert!(response.header("mcp-session-id").is_some());
        let result = response.json().await["result"].clone();
        assert_eq!(result["protocolVersion"], revision);
        assert_eq!(result["serverInfo"], json!({ "name": "fake", "version": "1" }));
        assert_eq!(result["instructions"], "Say the words.");
        assert_eq!(result["capabilities"]["resources"]["subscribe"], true);
    }
    // As everywhere, one that nobody knows gets the newest.
    let body = initialize("2026-07-28", json!({})).to_string();
    let answer = Request::post("/mcp", body).send(waggle.address).await.json().await;
    assert_eq!(answer["result"]["protocolVersion"], "2025-11-25");
    let history = Modern::new(&waggle).history().await;
    assert!(history.iter().all(|line| line["method"] != "initialize"), "{history:?}");
    waggle.stop().await;
}

#[tokio::test]
async fn clients_of_http_sse_are_served() {
    let waggle = start().await;
    let mut stream =
        Request::new("GET", "/sse").header("Accept", "text/event-stream").send(waggle.address).await.events();
    let path = String::from_utf8(stream.next().await.unwrap().data.to_vec()).unwrap();
    let post = async |message: &Value| {
        assert_eq!(Request::post(&path, message.to_string()).send(waggle.address).await.status, 202);
    };
    post(&initialize("2024-11-05", forms())).await;
    assert_eq!(stream.message().await["result"]["protocolVersion"], "2024-11-05");
    post(&message(Value::Null, "notifications/initialized", json!({}))).await;
    post(&script("sse", json!([input(&["name"]), { "progress": 3 }]))).await;
    let question = stream.message().await;
    assert_eq!(
        (&question["method"], &question["params"]["message"]),
        (&json!("elicitation/create"), &json!("name"))
    );
    post(&json!({ "jsonrpc": "2.0", "id": question["id"], "result": filled("sse") })).await;
    assert_eq!(stream.message().await["params"]["progress"], 3);
    let answer = stream.message().await;
    assert_eq!(answer["result"]["structuredContent"]["answers"], json!([{ "name": filled("sse") }]));
    waggle.stop().await;
}

#[tokio::test]
async fn requests_are_given_what_the_revision_demands() {
    let waggle = start().await;
    let session = Session::with(&waggle, "2025-06-18", forms()).await;
    let answer = session.ask(&call(1, "echo", json!({ "a": 1 }))).await;
    assert_eq!(answer["result"]["echo"], json!({ "a": 1 }));
    let history = session.history().await;
    let call = history.iter().find(|line| line["params"]["name"] == "echo").unwrap();
    let meta = &call["params"]["_meta"];
    assert_eq!(meta["io.modelcontextprotocol/protocolVersion"], "2026-07-28");
    let able = json!({ "elicitation": { "form": {} }, "roots": {} });
    assert_eq!(meta["io.modelcontextprotocol/clientCapabilities"], able);
    assert_eq!(meta["io.modelcontextprotocol/clientInfo"]["name"], "test");
    let missing = session.ask(&message(2, "resources/read", json!({ "uri": "no:such" }))).await;
    assert_eq!(
        (&missing["error"]["code"], &missing["error"]["data"]["uri"]),
        (&json!(-32002), &json!("no:such"))
    );
    waggle.stop().await;
}

#[tokio::test]
async fn the_client_is_asked_on_the_stream_of_its_call() {
    let waggle = start().await;
    let session = Session::with(&waggle, "2025-11-25", forms()).await;
    let steps = json!([input(&["one", "two"]), { "input": null }, input(&["three"])]);
    let mut stream = session.post(&script("call", steps)).await.events();
    let (first, second) = (stream.message().await, stream.message().await);
    let text = |question: &Value| question["params"]["message"].as_str().unwrap().to_owned();
    assert_eq!((text(&first), text(&second)), ("one".to_owned(), "two".to_owned()));
    assert_ne!(first["id"], second["id"]);
    session.answer(&second, filled("2")).await;
    session.answer(&first, filled("1")).await;
    let third = stream.message().await;
    assert_eq!(text(&third), "three");
    // A client that fails to answer has cancelled.
    let failed = json!({ "jsonrpc": "2.0", "id": third["id"], "error": { "code": -1, "message": "no" } });
    assert_eq!(session.post(&failed).await.status, 202);
    let answer = stream.message().await;
    assert_eq!(answer["id"], "call");
    let answers = &answer["result"]["structuredContent"]["answers"];
    assert_eq!(answers, &json!([null, null, { "three": { "action": "cancel" } }]));
    let history = session.history().await;
    let rounds: Vec<_> = history
        .iter()
        .filter(|l| l["params"]["name"] == "script")
        .map(|l| &l["params"]["inputResponses"])
        .collect();
    assert_eq!(rounds.len(), 4);
    assert_eq!(rounds[1], &json!({ "one": filled("1"), "two": filled("2") }));
    waggle.stop().await;
}

#[tokio::test]
async fn sessions_are_asked_apart_and_only_what_they_can_do() {
    let waggle = start().await;
    let (a, b) = (
        Session::with(&waggle, "2025-11-25", forms()).await,
        Session::with(&waggle, "2025-11-25", forms()).await,
    );
    let request = script(1, json!([input(&["who"])]));
    let (mut at_a, mut at_b) = (a.post(&request).await.events(), b.post(&request).await.events());
    let (from_a, from_b) = (at_a.message().await, at_b.message().await);
    // The answer of another session to a question is nobody's.
    a.answer(&from_b, filled("thief")).await;
    b.answer(&from_b, filled("b")).await;
    a.answer(&from_a, filled("a")).await;
    for (stream, name) in [(&mut at_a, "a"), (&mut at_b, "b")] {
        let answer = stream.message().await;
        assert_eq!(answer["result"]["structuredContent"]["answers"], json!([{ "who": filled(name) }]));
    }
    let unable = Session::open(&waggle).await;
    let error = unable.ask(&request).await["error"].clone();
    assert!(error["message"].as_str().unwrap().contains("elicitation/create"), "{error}");
    waggle.stop().await;
}

#[tokio::test]
async fn a_cancelled_call_withdraws_its_questions() {
    let waggle = start().await;
    let session = Session::with(&waggle, "2025-11-25", forms()).await;
    let mut stream = session.post(&script(1, json!([input(&["never answered"])]))).await.events();
    let question = stream.message().await;
    session.post(&message(Value::Null, "notifications/cancelled", json!({ "requestId": 1 }))).await;
    let withdrawn = stream.message().await;
    assert_eq!(
        (&withdrawn["method"], &withdrawn["params"]["requestId"]),
        (&json!("notifications/cancelled"), &question["id"])
    );
    assert_eq!(stream.try_message().await, None);
    session.answer(&question, filled("late")).await;
    waggle.until("requestsInFlight", 0).await;
    // One that runs is cancelled in the server.
    let steps = json!([{ "progress": 1 }, { "hold_cancelled": true }, { "open": "gone" }]);
    let mut running = session.post(&script(2, steps)).await.events();
    running.message().await;
    session.post(&message(Value::Null, "notifications/cancelled", json!({ "requestId": 2 }))).await;
    session.script(json!([{ "hold": "gone" }])).await;
    waggle.stop().await;
}

#[tokio::test]
async fn changes_come_to_those_who_want_them() {
    let waggle = start().await;
    let (a, b) = (Session::open(&waggle).await, Session::open(&waggle).await);
    let (mut at_a, mut at_b) = (a.listen().await, b.listen().await);
    let subscribe = |uri: &str| message(1, "resources/subscribe", json!({ "uri": uri }));
    for (session, uri) in [(&a, "x:both"), (&b, "x:both"), (&b, "x:b")] {
        assert_eq!(session.ask(&subscribe(uri)).await["result"], json!({}));
    }
    assert_eq!(a.ask(&subscribe("no:such")).await["error"]["code"], -32602);
    let updated =
        |uri: &str| json!({ "change": "notifications/resources/updated", "params": { "uri": uri } });
    a.script(json!([updated("x:b"), updated("x:both"), { "change": "notifications/tools/list_changed" }]))
        .await;
    let told = async |stream: &mut crate::support::Events| {
        let told = stream.message().await;
        told["params"]["uri"].as_str().or(told["method"].as_str()).unwrap().to_owned()
    };
    assert_eq!(
        [told(&mut at_a).await, told(&mut at_a).await],
        ["x:both", "notifications/tools/list_changed"]
    );
    assert_eq!([told(&mut at_b).await, told(&mut at_b).await], ["x:b", "x:both"]);
    assert_eq!(told(&mut at_b).await, "notifications/tools/list_changed");
    let unsubscribe = message(2, "resources/unsubscribe", json!({ "uri": "x:both" }));
    assert_eq!(a.ask(&unsubscribe).await["result"], json!({}));
    a.script(json!([updated("x:both"), { "change": "notifications/tools/list_changed" }])).await;
    assert_eq!(told(&mut at_a).await, "notifications/tools/list_changed", "unsubscribed");
    assert_eq!(told(&mut at_b).await, "x:both");
    waggle.stop().await;
}

#[tokio::test]
async fn levels_and_pings_are_answered_here() {
    let waggle = start().await;
    let session = Session::open(&waggle).await;
    let log = |level: &str| json!({ "notify": "notifications/message", "params": { "level": level, "data": level } });
    let logs = script(1, json!([log("debug"), log("info"), log("error")]));
    let seen = async || -> Vec<Value> {
        let messages = session.post(&logs).await.messages().await;
        messages.iter().filter(|m| m["method"].is_string()).map(|m| m["params"]["level"].clone()).collect()
    };
    assert_eq!(seen().await, ["info", "error"], "what servers log unasked");
    let level = |level: &str| message(2, "logging/setLevel", json!({ "level": level }));
    assert_eq!(session.ask(&level("error")).await["result"], json!({}));
    assert_eq!(seen().await, ["error"]);
    assert_eq!(session.ask(&level("loud")).await["error"]["code"], -32602);
    assert_eq!(session.ask(&message(3, "ping", json!({}))).await["result"], json!({}));
    let history = session.history().await;
    assert!(!history.iter().any(|l| l["method"] == "ping" || l["method"] == "logging/setLevel"));
    waggle.stop().await;
}

#[tokio::test]
async fn sessions_outlive_the_process() {
    let waggle = start().await;
    let session = Session::with(&waggle, "2025-11-25", forms()).await;
    let mut stream = session.listen().await;
    let subscribe = message(1, "resources/subscribe", json!({ "uri": "x:kept" }));
    session.ask(&subscribe).await;
    let mut asking = session.post(&script(2, json!([input(&["gone"])]))).await.events();
    let question = asking.message().await;
    let pid = session.script(json!([])).await["pid"].as_i64().unwrap();
    rustix::process::kill_process(Pid::from_raw(pid as i32).unwrap(), Signal::KILL).unwrap();
    assert_eq!(asking.message().await["params"]["requestId"], question["id"]);
    assert_eq!(asking.message().await["error"]["data"]["signal"], 9);
    let mut told = [stream.message().await, stream.message().await].map(|told| told["method"].clone());
    told.sort_by_key(Value::to_string);
    assert_eq!(told, ["notifications/resources/list_changed", "notifications/tools/list_changed"]);
    let update = json!({ "change": "notifications/resources/updated", "params": { "uri": "x:kept" } });
    assert_ne!(session.script(json!([update])).await["pid"], pid);
    assert_eq!(stream.message().await["params"]["uri"], "x:kept");
    waggle.stop().await;
}
