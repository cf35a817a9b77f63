//! The standalone stream of a session, and what belongs on it.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Options, Session, message};

/// Makes the server send a message that concerns no request, by a request that was answered before.
async fn notify(session: &Session, number: u64) {
    session
        .script(json!([{ "notify": "notifications/tools/list_changed", "params": { "number": number } }]))
        .await;
}

fn numbers(messages: &[Value]) -> Vec<u64> {
    messages.iter().map(|message| message["params"]["number"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn a_stream_opens_at_once_and_says_when_to_come_back() {
    let waggle = Options::default().start().await;
    let session = Session::open(&waggle).await;
    let mut stream = session.listen().await;
    stream.until(": ").await;
    assert!(stream.raw().contains("retry: 2000\n"), "{}", stream.raw());
    for (name, value) in [("cache-control", "no-cache, no-transform"), ("x-accel-buffering", "no")] {
        assert_eq!(stream.header(name), Some(value));
    }
    notify(&session, 1).await;
    let event = stream.next().await.unwrap();
    assert_eq!(event.event, "message");
    assert!(event.id.is_some(), "the stream can be resumed");
    waggle.stop().await;
}

#[tokio::test]
async fn a_second_get_takes_over_and_nothing_is_lost() {
    let waggle = Options::default().start().await;
    let session = Session::open(&waggle).await;
    let mut first = session.listen().await;
    for number in 1..=5 {
        notify(&session, number).await;
    }
    let mut seen = vec![first.message().await];
    let mut second = session.listen().await;
    second.until(": ").await;
    for number in 6..=9 {
        notify(&session, number).await;
    }
    while let Some(message) = first.try_message().await {
        seen.push(message);
    }
    assert!(!first.is_cut_off(), "the first stream ends properly");
    while seen.len() < 9 {
        seen.push(second.message().await);
    }
    assert_eq!(numbers(&seen), (1..=9).collect::<Vec<_>>(), "each once, in order");
    waggle.stop().await;
}

#[tokio::test]
async fn messages_wait_for_a_stream() {
    let waggle = Options::default().start().await;
    let session = Session::open(&waggle).await;
    for number in 1..=3 {
        notify(&session, number).await;
    }
    let mut stream = session.listen().await;
    let seen = [stream.message().await, stream.message().await, stream.message().await];
    assert_eq!(numbers(&seen), [1, 2, 3]);
    waggle.stop().await;
}

#[tokio::test]
async fn a_silent_stream_shows_signs_of_life() {
    let waggle = Options::default().proxy(&["--keep-alive", "1s"]).start().await;
    let session = Session::open(&waggle).await;
    let mut stream = session.listen().await;
    stream.until(": keep-alive\n\n").await;
    waggle.stop().await;
}

#[tokio::test]
async fn an_idle_session_ends_and_one_with_a_stream_does_not() {
    let waggle = Options::default().proxy(&["--session-idle", "3s"]).start().await;
    let (idle, listening) = (Session::open(&waggle).await, Session::open(&waggle).await);
    let mut stream = listening.listen().await;
    stream.until(": ").await;
    waggle.until("sessions", 1).await;
    let ping = message(1, "ping", json!({}));
    assert_eq!(idle.post(&ping).await.status, 404);
    assert_eq!(listening.post(&ping).await.status, 200);
    drop(stream);
    waggle.until("sessions", 0).await;
    waggle.stop().await;
}

#[tokio::test]
async fn a_waiting_request_keeps_its_session() {
    let waggle = Options::default().proxy(&["--session-idle", "3s", "--keep-alive", "1s"]).start().await;
    let session = Session::open(&waggle).await;
    let call = crate::support::script(1, json!([{ "hold": "gate" }]));
    let mut stream = session.post(&call).await.events();
    // More than the idle time has passed, in silence.
    stream.until(&": keep-alive\n\n".repeat(5)).await;
    session.script(json!([{ "open": "gate" }])).await;
    assert_eq!(stream.message().await["id"], 1);
    waggle.stop().await;
}

#[tokio::test]
async fn the_end_of_a_session_ends_its_streams_and_its_process() {
    let waggle = Options::default().proxy(&["--warm-processes", "0"]).start().await;
    let session = Session::open(&waggle).await;
    let mut stream = session.listen().await;
    let mut held =
        session.post(&crate::support::script(1, json!([{ "progress": 1 }, { "hold": "x" }]))).await.events();
    held.message().await;
    session.delete().await;
    assert!(stream.try_message().await.is_none() && !stream.is_cut_off());
    while held.try_message().await.is_some() {}
    assert!(!held.is_cut_off());
    waggle.until("processes", 0).await;
    waggle.until("requestsInFlight", 0).await;
    assert_eq!(stream.retry(), Some(Duration::from_secs(2)));
    waggle.stop().await;
}

#[tokio::test]
async fn there_is_a_limit_of_sessions() {
    let waggle = Options::default().proxy(&["--max-sessions", "1"]).start().await;
    let session = Session::open(&waggle).await;
    let body = crate::support::initialize("2025-11-25", json!({})).to_string();
    let response = crate::support::Request::post("/mcp", body.clone()).send(waggle.address).await;
    assert_eq!(response.status, 503);
    assert!(response.header("retry-after").is_some());
    assert_eq!(response.json().await["id"], 0);
    session.delete().await;
    assert_eq!(crate::support::Request::post("/mcp", body).send(waggle.address).await.status, 200);
    assert_eq!(waggle.metric("waggle_limit_hits_total{limit=\"max_sessions\"}").await, 1.0);
    waggle.stop().await;
}
