//! Clients of 2026-07-28 in front of a server that speaks it, too: one process for all.

use rustix::process::{Pid, Signal};
use serde_json::{Value, json};

use crate::support::{MODERN, Modern, Options, Waggle, call, filled, form, message, retry, script, within};

async fn start() -> (Waggle, Modern) {
    let waggle = Options::default().modern().start().await;
    let client = Modern::new(&waggle);
    (waggle, client)
}

#[tokio::test]
async fn the_server_speaks_for_itself() {
    let (waggle, client) = start().await;
    let result = client.result(&message("d", "server/discover", json!({}))).await;
    assert_eq!(
        (&result["supportedVersions"], &result["instructions"]),
        (&json!([MODERN]), &json!("Say the words."))
    );
    let asking = client.clone().able(json!({ "sampling": {}, "elicitation": {} }));
    let params = json!({ "name": "echo", "arguments": {}, "_meta": {
        "traceparent": "00-1", "progressToken": "t", "vendor/key": { "kept": [1] } } });
    asking.result(&message(1, "tools/call", params)).await;
    let history = client.history().await;
    let call = history.iter().find(|line| line["params"]["name"] == "echo").unwrap();
    let meta = &call["params"]["_meta"];
    assert_eq!((&meta["traceparent"], &meta["vendor/key"]["kept"]), (&json!("00-1"), &json!([1])));
    assert_eq!(
        meta["io.modelcontextprotocol/clientCapabilities"],
        json!({ "sampling": {}, "elicitation": {} })
    );
    assert!(history.iter().all(|line| line["method"] != "initialize"));
    waggle.stop().await;
}

#[tokio::test]
async fn all_users_share_one_process_and_equal_ids_are_kept_apart() {
    let (waggle, client) = start().await;
    let mut streams = Vec::new();
    for n in 0..8 {
        let user = client.clone().named(&format!("user-{n}"));
        let steps =
            json!([{ "progress": 10 + n }, { "hold": "all" }, { "progress": 20 + n }, { "bytes": n }]);
        let mut stream = user.post(&script("same", steps)).await.events();
        assert_eq!(stream.message().await["params"], json!({ "progressToken": "same", "progress": 10 + n }));
        streams.push(stream);
    }
    let pid = client.script(json!([{ "open": "all" }])).await["pid"].clone();
    for (n, mut stream) in streams.into_iter().enumerate() {
        assert_eq!(stream.message().await["params"], json!({ "progressToken": "same", "progress": 20 + n }));
        let answer = stream.message().await;
        let outcome = &answer["result"]["structuredContent"];
        assert_eq!((&answer["id"], &outcome["pid"]), (&json!("same"), &pid));
        assert_eq!(outcome["text"].as_str().unwrap().len(), n);
    }
    assert_eq!(waggle.status().await["processes"], 1);
    waggle.stop().await;
}

#[tokio::test]
async fn a_client_that_goes_away_cancels_its_own_call_only() {
    let (waggle, client) = start().await;
    let steps = json!([{ "progress": 1 }, { "hold_cancelled": true }, { "open": "gone" }]);
    let mut leaving = client.post(&script(1, steps)).await.events();
    let mut staying = client.post(&script(1, json!([{ "progress": 1 }, { "hold": "gate" }]))).await.events();
    leaving.message().await;
    staying.message().await;
    drop(leaving);
    client.script(json!([{ "hold": "gone" }, { "open": "gate" }])).await;
    assert_eq!(staying.message().await["id"], 1);
    let history = client.history().await;
    let cancelled = history.iter().filter(|line| line["method"] == "notifications/cancelled");
    assert_eq!(cancelled.count(), 1);
    waggle.stop().await;
}

#[tokio::test]
async fn input_is_between_the_server_and_its_client() {
    let (waggle, client) = start().await;
    let client = client.able(json!({ "elicitation": { "form": {} } }));
    let question = form("name?");
    let requests = json!({ "user_name": { "method": question["ask"], "params": question["params"] } });
    let request = script(1, json!([{ "input": requests }, { "input": null }]));
    let asked = client.result(&request).await;
    assert_eq!((&asked["inputRequests"], &asked["requestState"]), (&requests, &json!("round-1")));
    let second = client.result(&retry(2, &request, &asked, json!({ "user_name": filled("x") }))).await;
    assert_eq!((&second["inputRequests"], &second["requestState"]), (&Value::Null, &json!("round-2")));
    let last = client.result(&retry(3, &request, &second, json!({}))).await;
    assert_eq!(last["structuredContent"]["answers"], json!([null, {}]));
    assert_eq!(waggle.status().await["callsAwaitingInput"], 0);
    waggle.stop().await;
}

#[tokio::test]
async fn errors_have_their_status_while_it_can_be_told() {
    let (waggle, client) = start().await;
    for (code, status) in
        [(-32601, 404), (-32020, 400), (-32021, 400), (-32022, 400), (-32602, 200), (7, 200)]
    {
        let failing = json!([{ "fail": { "code": code, "message": "m", "data": { "kept": true } } }]);
        let response = client.post(&script(code, failing.clone())).await;
        assert_eq!(response.status, status, "{code}");
        let answer = response.json().await;
        assert_eq!((&answer["id"], &answer["error"]["code"]), (&json!(code), &json!(code)));
        assert_eq!(answer["error"]["data"]["kept"], true);
    }
    let late = json!([{ "progress": 1 }, { "fail": { "code": -32601, "message": "late" } }]);
    let messages = client.post(&script(1, late)).await.messages().await;
    assert_eq!(messages[1]["error"]["code"], -32601);
    // A vendor's method is the server's to know.
    let unknown = client.post(&message(2, "vendor/method", json!({}))).await;
    assert_eq!(unknown.status, 404);
    assert!(client.history().await.iter().any(|line| line["method"] == "vendor/method"));
    waggle.stop().await;
}

#[tokio::test]
async fn logs_reach_only_who_asked_for_them() {
    let (waggle, client) = start().await;
    let log = json!({ "notify": "notifications/message", "params": { "level": "error", "data": "d" } });
    client.result(&script(1, json!([log]))).await;
    let mut asking = script(2, json!([log]));
    asking["params"]["_meta"]["io.modelcontextprotocol/logLevel"] = json!("info");
    let messages = client.post(&asking).await.messages().await;
    assert_eq!((messages.len(), &messages[0]["params"]["data"]), (2, &json!("d")));
    waggle.stop().await;
}

#[tokio::test]
async fn a_new_process_takes_over() {
    let (waggle, client) = start().await;
    let pid = client.script(json!([])).await["pid"].as_i64().unwrap();
    let mut waiting = client.post(&script(1, json!([{ "progress": 1 }, { "hold": "never" }]))).await.events();
    waiting.message().await;
    rustix::process::kill_process(Pid::from_raw(pid as i32).unwrap(), Signal::KILL).unwrap();
    assert_eq!(waiting.message().await["error"]["data"]["signal"], 9);
    assert_eq!(waiting.try_message().await, None);
    assert_ne!(client.script(json!([])).await["pid"], pid);
    within("ready again", async { while !waggle.is_ready().await {} }).await;
    waggle.stop().await;
}

#[tokio::test]
async fn idle_and_gone_the_process_comes_back_for_the_next_call() {
    let waggle = Options::default().modern().proxy(&["--process-idle", "100ms"]).start().await;
    let client = Modern::new(&waggle);
    let pid = client.script(json!([])).await["pid"].clone();
    waggle.until("processes", 0).await;
    assert_ne!(client.script(json!([])).await["pid"], pid);
    client.result(&call(1, "echo", json!({}))).await;
    waggle.stop().await;
}
