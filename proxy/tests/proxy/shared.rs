//! One process for all sessions.

use serde_json::{Value, json};

use crate::support::{Options, Session, Waggle, message, script};

async fn start() -> (Waggle, Session, Session) {
    let waggle = Options::default().shared().start().await;
    let (a, b) = (Session::open(&waggle).await, Session::open(&waggle).await);
    (waggle, a, b)
}

fn methods(history: &[Value], method: &str) -> Vec<Value> {
    history
        .iter()
        .filter(|message| message["method"] == method)
        .map(|message| message["params"].clone())
        .collect()
}

#[tokio::test]
async fn one_handshake_with_our_own_name_serves_all() {
    let waggle = Options::default().shared().start().await;
    let capabilities = json!({ "sampling": {}, "elicitation": {}, "roots": {} });
    let a = Session::with(&waggle, "2025-11-25", capabilities).await;
    let b = Session::with(&waggle, "2025-03-26", json!({})).await;
    assert_eq!(a.script(json!([])).await["pid"], b.script(json!([])).await["pid"]);
    assert_eq!(waggle.status().await["processes"], 1);
    let history = a.history().await;
    let initialize = methods(&history, "initialize");
    assert_eq!((initialize.len(), methods(&history, "notifications/initialized").len()), (1, 1));
    assert_eq!(initialize[0]["clientInfo"]["name"], "waggle");
    assert_eq!(initialize[0]["capabilities"], json!({}));
    waggle.stop().await;
}

#[tokio::test]
async fn equal_ids_and_tokens_are_kept_apart() {
    let (waggle, a, b) = start().await;
    let call = |n: u64| {
        script(1, json!([{ "progress": n }, { "hold": "gate" }, { "progress": n + 1 }, { "bytes": n }]))
    };
    let mut at_a = a.post(&call(10)).await.events();
    let mut at_b = b.post(&call(20)).await.events();
    for (stream, n) in [(&mut at_a, 10), (&mut at_b, 20)] {
        assert_eq!(stream.message().await["params"], json!({ "progressToken": 1, "progress": n }));
    }
    a.script(json!([{ "open": "gate" }])).await;
    for (stream, n) in [(&mut at_a, 10), (&mut at_b, 20)] {
        assert_eq!(stream.message().await["params"], json!({ "progressToken": 1, "progress": n + 1 }));
        let answer = stream.message().await;
        assert_eq!(
            (&answer["id"], answer["result"]["structuredContent"]["text"].as_str().unwrap().len()),
            (&json!(1), n)
        );
    }
    waggle.stop().await;
}

#[tokio::test]
async fn a_cancellation_meets_its_own_request_only() {
    let (waggle, a, b) = start().await;
    let mut at_a = a
        .post(&script(1, json!([{ "progress": 1 }, { "hold_cancelled": true }, { "open": "cancelled" }])))
        .await
        .events();
    let mut at_b = b.post(&script(1, json!([{ "progress": 1 }, { "hold": "gate" }]))).await.events();
    at_a.message().await;
    at_b.message().await;
    a.post(&message(Value::Null, "notifications/cancelled", json!({ "requestId": 1 }))).await;
    assert_eq!(at_a.try_message().await, None);
    b.script(json!([{ "hold": "cancelled" }, { "open": "gate" }])).await;
    assert_eq!(at_b.message().await["id"], 1);
    assert_eq!(methods(&b.history().await, "notifications/cancelled").len(), 1);
    waggle.stop().await;
}

#[tokio::test]
async fn subscriptions_are_counted() {
    let (waggle, a, b) = start().await;
    let (mut at_a, mut at_b) = (a.listen().await, b.listen().await);
    let subscribe = |uri: &str| message(1, "resources/subscribe", json!({ "uri": uri }));
    let unsubscribe = |uri: &str| message(1, "resources/unsubscribe", json!({ "uri": uri }));
    let update =
        |uri: &str| json!([{ "notify": "notifications/resources/updated", "params": { "uri": uri } }]);
    for (session, uri) in [(&a, "x:both"), (&b, "x:both"), (&b, "x:b")] {
        assert_eq!(session.ask(&subscribe(uri)).await["result"], json!({}));
    }
    a.script(update("x:b")).await;
    a.script(update("x:both")).await;
    assert_eq!(at_a.message().await["params"]["uri"], "x:both", "a has not asked for x:b");
    assert_eq!(at_b.message().await["params"]["uri"], "x:b");
    assert_eq!(at_b.message().await["params"]["uri"], "x:both");
    a.ask(&unsubscribe("x:both")).await;
    a.ask(&unsubscribe("x:never")).await;
    let history = a.history().await;
    assert_eq!(methods(&history, "resources/subscribe").len(), 2);
    assert_eq!(methods(&history, "resources/unsubscribe").len(), 0, "b still wants it");
    b.delete().await;
    let history = a.history().await;
    assert_eq!(methods(&history, "resources/unsubscribe").len(), 2, "nobody wants either");
    waggle.stop().await;
}

#[tokio::test]
async fn the_level_is_the_most_verbose_and_logs_are_filtered() {
    let (waggle, a, b) = start().await;
    let level = |level: &str| message(1, "logging/setLevel", json!({ "level": level }));
    for (session, wanted) in [(&a, "error"), (&b, "debug"), (&a, "warning")] {
        assert_eq!(session.ask(&level(wanted)).await["result"], json!({}));
    }
    let error = a.ask(&level("loud")).await;
    assert_eq!(error["error"]["code"], -32602);
    let log = |level: &str| json!({ "notify": "notifications/message", "params": { "level": level, "data": level } });
    let logs = json!([log("debug"), log("warning"), log("error")]);
    let seen = async |session: &Session| -> Vec<Value> {
        let messages = session.post(&script(1, logs.clone())).await.messages().await;
        messages.iter().filter(|m| m["method"].is_string()).map(|m| m["params"]["level"].clone()).collect()
    };
    assert_eq!(seen(&a).await, ["warning", "error"]);
    assert_eq!(seen(&b).await, ["debug", "warning", "error"]);
    let levels: Vec<_> =
        methods(&a.history().await, "logging/setLevel").iter().map(|p| p["level"].clone()).collect();
    assert_eq!(levels, ["error", "debug"]);
    b.delete().await;
    let levels: Vec<_> =
        methods(&a.history().await, "logging/setLevel").iter().map(|p| p["level"].clone()).collect();
    assert_eq!(levels, ["error", "debug", "warning"]);
    waggle.stop().await;
}

#[tokio::test]
async fn logs_that_could_be_anyones_are_nobodys() {
    let (waggle, a, b) = start().await;
    let mut busy = b.post(&script(1, json!([{ "progress": 1 }, { "hold": "gate" }]))).await.events();
    busy.message().await;
    let log =
        json!([{ "notify": "notifications/message", "params": { "level": "error", "data": "secret" } }]);
    let answer = a.ask(&script(1, log)).await;
    assert_eq!(answer["id"], 1);
    a.script(json!([{ "open": "gate" }])).await;
    assert_eq!(busy.rest().await.len(), 1);
    assert_eq!(waggle.metric("waggle_messages_dropped_total{reason=\"unattributable_log\"}").await, 1.0);
    waggle.stop().await;
}

#[tokio::test]
async fn list_changes_reach_each_session_once() {
    let (waggle, a, b) = start().await;
    // One listens twice, one not yet.
    let first = a.listen().await;
    let mut at_a = a.listen().await;
    drop(first);
    a.script(json!([{ "notify": "notifications/tools/list_changed" }])).await;
    a.script(json!([{ "notify": "notifications/prompts/list_changed" }])).await;
    let mut at_b = b.listen().await;
    for stream in [&mut at_a, &mut at_b] {
        assert_eq!(stream.message().await["method"], "notifications/tools/list_changed");
        assert_eq!(stream.message().await["method"], "notifications/prompts/list_changed");
    }
    waggle.stop().await;
}

#[tokio::test]
async fn questions_are_refused_and_never_shown_to_anyone() {
    let (waggle, a, b) = start().await;
    let mut at_b = b.listen().await;
    for method in ["sampling/createMessage", "elicitation/create", "roots/list", "vendor/question"] {
        let outcome = a.script(json!([{ "ask": method, "params": { "secret": 1 } }])).await;
        assert_eq!(outcome["answers"][0]["error"]["code"], -32601, "{method}");
    }
    let pong = a.script(json!([{ "ask": "ping", "params": {} }])).await;
    assert_eq!(pong["answers"][0]["result"], json!({}));
    a.script(json!([{ "notify": "notifications/tools/list_changed" }])).await;
    assert_eq!(at_b.message().await["method"], "notifications/tools/list_changed", "nothing came before");
    waggle.stop().await;
}

#[tokio::test]
async fn what_concerns_one_client_does_not_reach_the_server() {
    let (waggle, a, _b) = start().await;
    waggle.shows("/tools", 3).await;
    for method in ["notifications/roots/list_changed", "notifications/initialized", "notifications/progress"]
    {
        a.post(&message(Value::Null, method, json!({ "progressToken": 1, "progress": 1 }))).await;
    }
    let tasks = a.ask(&message(1, "tasks/list", json!({}))).await;
    assert_eq!(tasks["error"]["code"], -32601);
    let history = a.history().await;
    let seen: Vec<_> = history.iter().map(|message| message["method"].as_str().unwrap()).collect();
    let own = ["server/discover", "initialize", "notifications/initialized", "tools/list"];
    assert_eq!(seen, [&own[..], &["tools/call"]].concat());
    waggle.stop().await;
}

#[tokio::test]
async fn the_end_of_a_session_cancels_its_requests_only() {
    let (waggle, a, b) = start().await;
    let hold = script(1, json!([{ "progress": 1 }, { "hold_cancelled": true }, { "open": "gone" }]));
    let mut at_a = a.post(&hold).await.events();
    at_a.message().await;
    a.delete().await;
    assert_eq!(at_a.try_message().await, None);
    b.script(json!([{ "hold": "gone" }])).await;
    waggle.until("requestsInFlight", 0).await;
    assert_eq!(waggle.status().await["processes"], 1);
    waggle.stop().await;
}

#[tokio::test]
async fn a_session_that_ends_while_it_subscribes_leaves_nothing_behind() {
    let waggle = Options::default().shared().server(&["--slow-subscribe"]).start().await;
    // What is in flight from now on is the test's own.
    waggle.shows("/tools", 3).await;
    let (a, b) = (Session::open(&waggle).await, Session::open(&waggle).await);
    let subscribe = message(1, "resources/subscribe", json!({ "uri": "x:1" }));
    let (response, ()) = tokio::join!(a.post(&subscribe), async {
        waggle.until("requestsInFlight", 1).await;
        a.delete().await;
        waggle.until("requestsInFlight", 0).await;
    });
    assert!(response.status == 202 || response.events().rest().await.is_empty());
    b.script(json!([{ "open": "subscribe" }])).await;
    waggle.stop().await;
}
