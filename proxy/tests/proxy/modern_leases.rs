//! Processes of a legacy server that are lent to one call of a modern client each: what becomes of them.

use rustix::process::{Pid, Signal};
use serde_json::{Value, json};

use crate::modern_input::{asked, outcome, stale, start};
use crate::support::{Modern, Waggle, answering, call, filled, form, message, retry, script};

/// Waits until the server has answered one call for nobody: only then it is known to be done with it.
async fn quiet(waggle: &Waggle) {
    waggle.gauge("waggle_messages_dropped_total{reason=\"unknown_response\"}", 1.0).await;
}

#[tokio::test]
async fn who_does_not_come_back_in_time_frees_the_process() {
    let waggle = start(&["--input-timeout", "1s"]).await;
    let client = Modern::with_forms(&waggle);
    let pid = client.script(json!([])).await["pid"].clone();
    let request = script(1, json!([form("are you there?")]));
    let first = asked(&client, &request).await;
    waggle.until("callsAwaitingInput", 0).await;
    stale(&client, &retry(2, &request, &first, answering(&first, &filled("late")))).await;
    quiet(&waggle).await;
    // The same process again, which has been told.
    let history = client.result(&call(3, "history", json!({}))).await;
    let received: Vec<Value> = history["received"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| serde_json::from_str(line.as_str().unwrap()).unwrap())
        .collect();
    let of = |method: &str| received.iter().filter(|message| message["method"] == method).count();
    assert_eq!((of("initialize"), of("notifications/cancelled")), (1, 1), "{received:?}");
    assert!(received.iter().any(|message| message["id"] == "q0" && message["error"].is_object()));
    assert_eq!(client.script(json!([])).await["pid"], pid);
    waggle.stop().await;
}

#[tokio::test]
async fn the_death_of_a_server_that_waits_is_told_at_once() {
    let waggle = start(&[]).await;
    let client = Modern::with_forms(&waggle);
    let pid = client.script(json!([])).await["pid"].as_i64().unwrap();
    let request = script(1, json!([form("too late")]));
    let first = asked(&client, &request).await;
    rustix::process::kill_process(Pid::from_raw(pid as i32).unwrap(), Signal::KILL).unwrap();
    let answer = client.ask(&retry(2, &request, &first, answering(&first, &filled("x")))).await;
    assert_eq!(answer["error"]["data"]["signal"], 9, "{answer}");
    // The next call gets another process.
    assert_ne!(client.script(json!([])).await["pid"], pid);
    waggle.stop().await;
}

#[tokio::test]
async fn who_lists_after_a_call_sees_what_it_has_changed() {
    let waggle = start(&[]).await;
    let client = Modern::with_forms(&waggle);
    client.script(json!([])).await;
    client.result(&message("the list after the call", "tools/list", json!({}))).await;
    let received = client.history().await;
    let listed = received.iter().filter(|message| message["method"] == "tools/list").count();
    assert_eq!(listed, 1, "{received:?}");
    waggle.stop().await;
}

#[tokio::test]
async fn one_call_more_than_processes_may_run_is_refused_after_a_while() {
    // One for plain calls, one that can be asked.
    let waggle = start(&["--max-processes", "2", "--queue-timeout", "3s"]).await;
    let (a, b) = (Modern::with_forms(&waggle).named("a"), Modern::with_forms(&waggle).named("b"));
    let request = script(1, json!([form("wait")]));
    let first = asked(&a, &request).await;
    let response = b.post(&request).await;
    assert_eq!((response.status, response.header("retry-after").is_some()), (503, true));
    let error = response.json().await;
    assert!(error["error"]["message"].as_str().unwrap().contains("--max-processes"), "{error}");
    let answer = a.result(&retry(2, &request, &first, answering(&first, &filled("a")))).await;
    // Its process makes room for the other's.
    let second = asked(&b, &request).await;
    let other = b.result(&retry(2, &request, &second, answering(&second, &filled("b")))).await;
    assert_ne!(outcome(&other)["pid"], outcome(&answer)["pid"]);
    waggle.stop().await;
}

#[tokio::test]
async fn at_the_end_nobody_is_waited_for() {
    let waggle = start(&["--grace", "1h"]).await;
    let client = Modern::with_forms(&waggle);
    asked(&client, &script(1, json!([form("never answered")]))).await;
    // No grace is spent on it.
    waggle.stop().await;
}

#[tokio::test]
async fn a_client_that_leaves_a_call_that_may_ask_cancels_it() {
    let waggle = start(&[]).await;
    let client = Modern::with_forms(&waggle);
    let pid = client.script(json!([])).await["pid"].clone();
    let mut stream =
        client.post(&script(1, json!([{ "progress": 1 }, { "hold_cancelled": true }]))).await.events();
    stream.message().await;
    drop(stream);
    quiet(&waggle).await;
    assert_eq!(client.script(json!([])).await["pid"], pid, "its process is free again");
    waggle.stop().await;
}
