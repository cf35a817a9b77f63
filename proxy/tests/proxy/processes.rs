//! A process for each session: when it starts, when it stops, and who gets what.

use serde_json::{Value, json};

use crate::support::{Options, Request, Session, call, initialize, message, script};

#[tokio::test]
async fn initialize_costs_no_process() {
    let waggle = Options::default().proxy(&["--warm-processes", "0"]).start().await;
    let mut sessions = Vec::new();
    for _ in 0..20 {
        sessions.push(Session::open(&waggle).await);
    }
    // The one that told what the server is has done its work.
    waggle.until("processes", 0).await;
    assert_eq!(waggle.status().await["sessions"], 20);
    assert!(waggle.processes().is_empty(), "{:?}", waggle.processes());
    sessions[7].script(json!([])).await;
    assert_eq!(waggle.status().await["processes"], 1);
    assert_eq!(waggle.processes().len(), 1);
    waggle.stop().await;
}

#[tokio::test]
async fn spares_are_used_and_replaced() {
    let waggle = Options::default().proxy(&["--warm-processes", "2"]).start().await;
    waggle.until("spareProcesses", 2).await;
    waggle.until("processes", 2).await;
    let spares: Vec<i64> = waggle.processes().iter().map(|(pid, _)| i64::from(*pid)).collect();
    let session = Session::open(&waggle).await;
    let pid = session.script(json!([])).await["pid"].as_i64().unwrap();
    assert!(spares.contains(&pid));
    let status = waggle.status().await;
    assert_eq!((&status["spareProcesses"], &status["processes"]), (&json!(2), &json!(3)));
    waggle.stop().await;
}

#[tokio::test]
async fn a_dead_spare_is_not_given_to_a_session() {
    let waggle = Options::default().proxy(&["--warm-processes", "1"]).start().await;
    // Before that, the only process may be one that was asked what it speaks.
    crate::support::eventually("it is ready", async || waggle.is_ready().await).await;
    waggle.until("spareProcesses", 1).await;
    waggle.until("processes", 1).await;
    let (spare, _) = waggle.processes()[0];
    rustix::process::kill_process(
        rustix::process::Pid::from_raw(spare).unwrap(),
        rustix::process::Signal::KILL,
    )
    .unwrap();
    crate::support::eventually("it is gone", async || !crate::support::is_alive(spare.into())).await;
    let session = Session::open(&waggle).await;
    assert_ne!(session.script(json!([])).await["pid"], spare);
    waggle.stop().await;
}

#[tokio::test]
async fn sessions_are_apart() {
    let waggle = Options::default().start().await;
    let (a, b) = (Session::open(&waggle).await, Session::open(&waggle).await);
    let (mut at_a, mut at_b) = (a.listen().await, b.listen().await);
    let mut pids = Vec::new();
    for (session, count) in [(&a, 1), (&a, 2), (&b, 1)] {
        let outcome = session.script(json!([])).await;
        assert_eq!(outcome["count"], count);
        pids.push(outcome["pid"].clone());
    }
    assert!(pids[0] == pids[1] && pids[1] != pids[2]);
    for (session, number) in [(&a, 1), (&b, 2)] {
        session
            .script(json!([{ "notify": "notifications/tools/list_changed", "params": { "n": number } }]))
            .await;
    }
    assert_eq!(at_a.message().await["params"]["n"], 1);
    assert_eq!(at_b.message().await["params"]["n"], 2);
    // What one cancels is its own.
    let mut held = b.post(&script(7, json!([{ "progress": 1 }, { "hold": "gate" }]))).await.events();
    held.message().await;
    a.post(&message(Value::Null, "notifications/cancelled", json!({ "requestId": 7 }))).await;
    b.script(json!([{ "open": "gate" }])).await;
    assert_eq!(held.message().await["id"], 7);
    waggle.stop().await;
}

#[tokio::test]
async fn each_process_hears_its_clients_own_initialize_once() {
    let waggle = Options::default().start().await;
    let capabilities = json!({ "roots": { "listChanged": true }, "experimental": { "x": [1.5] } });
    let session = Session::with(&waggle, "2025-06-18", capabilities.clone()).await;
    let history = session.history().await;
    let methods: Vec<_> = history.iter().map(|message| message["method"].as_str().unwrap()).collect();
    assert_eq!(methods, ["initialize", "notifications/initialized", "tools/call"]);
    let params = &history[0]["params"];
    assert_eq!((&params["protocolVersion"], &params["capabilities"]), (&json!("2025-06-18"), &capabilities));
    assert_eq!(params["clientInfo"]["name"], "test");
    waggle.stop().await;
}

#[tokio::test]
async fn at_the_limit_a_request_is_refused_with_when_to_come_back() {
    let waggle = Options::default().proxy(&["--max-processes", "1", "--warm-processes", "0"]).start().await;
    let (a, b) = (Session::open(&waggle).await, Session::open(&waggle).await);
    waggle.until("processes", 0).await;
    a.script(json!([])).await;
    let response = b.post(&call("mine", "echo", json!({}))).await;
    assert_eq!(response.status, 503);
    assert!(response.header("retry-after").unwrap().parse::<u32>().unwrap() > 0);
    let body = response.json().await;
    assert_eq!((&body["id"], body["error"]["code"].as_i64().unwrap() < 0), (&json!("mine"), true));
    assert!(body["error"]["message"].as_str().unwrap().contains("--max-processes"));
    assert!(waggle.metric("waggle_limit_hits_total{limit=\"max_processes\"}").await >= 1.0);
    a.delete().await;
    waggle.until("processes", 0).await;
    assert_eq!(b.ask(&call("mine", "echo", json!({}))).await["id"], "mine");
    waggle.stop().await;
}

#[tokio::test]
async fn an_idle_process_stops_and_its_session_does_not() {
    let waggle =
        Options::default().proxy(&["--process-idle", "100ms", "--warm-processes", "0"]).start().await;
    let session = Session::open(&waggle).await;
    let mut stream = session.listen().await;
    let first = session.script(json!([])).await;
    session.ask(&message(1, "logging/setLevel", json!({ "level": "debug" }))).await;
    waggle.until("processes", 0).await;
    let second = session.script(json!([])).await;
    assert_ne!(first["pid"], second["pid"]);
    assert_eq!(second["count"], 1);
    // It is told what the first one knew, and the client that lists may have changed.
    let history = session.history().await;
    assert_eq!(history[0]["method"], "initialize");
    assert!(
        history
            .iter()
            .any(|message| message["method"] == "logging/setLevel" && message["params"]["level"] == "debug")
    );
    assert!(stream.message().await["method"].as_str().unwrap().ends_with("list_changed"));
    waggle.stop().await;
}

#[tokio::test]
async fn a_process_with_a_subscription_or_a_call_is_not_idle() {
    let waggle = Options::default()
        .proxy(&["--process-idle", "100ms", "--keep-alive", "1s", "--warm-processes", "0"])
        .start()
        .await;
    let (subscribed, waiting) = (Session::open(&waggle).await, Session::open(&waggle).await);
    subscribed.ask(&message(1, "resources/subscribe", json!({ "uri": "a:b" }))).await;
    let mut held = waiting.post(&script(1, json!([{ "hold": "gate" }]))).await.events();
    held.until(": keep-alive").await;
    held.until(": keep-alive\n\n: keep-alive").await;
    assert_eq!(waggle.status().await["processes"], 2);
    waiting.script(json!([{ "open": "gate" }])).await;
    assert_eq!(held.message().await["id"], 1);
    subscribed.ask(&message(2, "resources/unsubscribe", json!({ "uri": "a:b" }))).await;
    waggle.until("processes", 0).await;
    waggle.stop().await;
}

#[tokio::test]
async fn subscriptions_reach_their_session() {
    let waggle = Options::default().start().await;
    let (a, b) = (Session::open(&waggle).await, Session::open(&waggle).await);
    let (mut at_a, mut at_b) = (a.listen().await, b.listen().await);
    a.ask(&message(1, "resources/subscribe", json!({ "uri": "a:1" }))).await;
    a.script(json!([{ "notify": "notifications/resources/updated", "params": { "uri": "a:1" } }])).await;
    assert_eq!(at_a.message().await["params"]["uri"], "a:1");
    b.script(json!([{ "notify": "notifications/tools/list_changed" }])).await;
    assert_eq!(at_b.message().await["method"], "notifications/tools/list_changed");
    waggle.stop().await;
}

#[tokio::test]
async fn requests_before_initialized_are_served() {
    let waggle = Options::default().start().await;
    let body = initialize("2025-11-25", json!({})).to_string();
    let response = Request::post("/mcp", body).send(waggle.address).await;
    let id = response.header("mcp-session-id").unwrap().to_owned();
    let session = Session { to: waggle.address, id, revision: "2025-11-25".to_owned() };
    session.script(json!([])).await;
    waggle.stop().await;
}
