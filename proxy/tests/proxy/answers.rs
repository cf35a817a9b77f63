//! How a request is answered: with one JSON body, or with a stream.

use serde_json::{Value, json};

use crate::support::{Options, Session, call, eventually, message, script};

#[tokio::test]
async fn an_answer_alone_is_json() {
    let waggle = Options::default().start().await;
    let session = Session::open(&waggle).await;
    let response = session.post(&script(1, json!([]))).await;
    assert_eq!((response.status, response.header("content-type")), (200, Some("application/json")));
    assert!(response.header("content-length").is_some());
    assert_eq!(response.json().await["id"], 1);
    waggle.stop().await;
}

#[tokio::test]
async fn what_precedes_the_answer_makes_it_a_stream() {
    let waggle = Options::default().start().await;
    let session = Session::open(&waggle).await;
    let log = json!({ "level": "info", "data": "log" });
    let steps =
        json!([{ "progress": 1 }, { "notify": "notifications/message", "params": log }, { "progress": 2 }]);
    let events = session.post(&script("id", steps)).await.events();
    for (name, value) in [("cache-control", "no-cache, no-transform"), ("x-accel-buffering", "no")] {
        assert_eq!(events.header(name), Some(value));
    }
    let messages = events.rest().await;
    let methods: Vec<_> =
        messages.iter().map(|message| message["method"].as_str().unwrap_or("answer")).collect();
    assert_eq!(
        methods,
        ["notifications/progress", "notifications/message", "notifications/progress", "answer"]
    );
    assert_eq!(messages[0]["params"], json!({ "progressToken": "id", "progress": 1 }));
    assert_eq!(messages[3]["id"], "id");
    waggle.stop().await;
}

#[tokio::test]
async fn a_burst_loses_nothing() {
    // The most that a reader may be behind, and nothing to resume from.
    let waggle = Options::default().proxy(&["--replay-bytes", "0"]).start().await;
    let session = Session::open(&waggle).await;
    for steps in [
        json!([{ "log": 3 << 20 }]),
        json!([{ "log": 100_000, "times": 100 }]),
        json!([{ "log": 1, "times": 10_000 }]),
    ] {
        let count = steps[0]["times"].as_u64().unwrap_or(1);
        let messages = session.post(&script(1, steps)).await.events().rest().await;
        assert_eq!(messages.len() as u64, count + 1);
        assert_eq!(messages.last().unwrap()["id"], 1);
    }
    waggle.stop().await;
}

#[tokio::test]
async fn silence_makes_it_a_stream_with_a_sign_of_life() {
    let waggle = Options::default().proxy(&["--keep-alive", "1s"]).start().await;
    for revision in ["2025-06-18", "2025-11-25"] {
        let session = Session::with(&waggle, revision, json!({})).await;
        let mut events = session.post(&script(1, json!([{ "hold": "gate" }]))).await.events();
        events.until(": ").await;
        session.script(json!([{ "open": "gate" }])).await;
        let messages = events.rest().await;
        assert_eq!((messages.len(), &messages[0]["id"]), (1, &json!(1)));
    }
    waggle.stop().await;
}

#[tokio::test]
async fn streams_are_primed_from_2025_11_25_on() {
    let waggle = Options::default().start().await;
    for (revision, primed) in [("2025-03-26", false), ("2025-06-18", false), ("2025-11-25", true)] {
        let session = Session::with(&waggle, revision, json!({})).await;
        let mut events = session.post(&script(1, json!([{ "progress": 1 }]))).await.events();
        let first = events.next().await.unwrap();
        assert_eq!(first.data.is_empty(), primed, "{revision}");
        assert!(first.id.is_some());
        assert_eq!(events.retry().is_some(), primed, "{revision}");
        events.rest().await;
    }
    waggle.stop().await;
}

#[tokio::test]
async fn a_client_of_json_alone_gets_the_rest_on_its_stream() {
    let waggle = Options::default().proxy(&["--keep-alive", "1s"]).start().await;
    let session = Session::open(&waggle).await;
    let mut stream = session.listen().await;
    let steps = json!([{ "progress": 1 }, { "hold": "gate" }]);
    let request = session.posting(script(5, steps).to_string()).header("Accept", "application/json");
    let (response, ()) = tokio::join!(request.send(session.to), async {
        assert_eq!(stream.message().await["method"], "notifications/progress");
        // Silence does not make it a stream.
        stream.until(": keep-alive").await;
        session.script(json!([{ "open": "gate" }])).await;
    });
    assert_eq!(response.json().await["id"], 5);
    waggle.stop().await;
}

#[tokio::test]
async fn questions_come_on_the_stream_of_the_call() {
    let waggle = Options::default().start().await;
    for (method, params) in [
        ("elicitation/create", json!({ "message": "name?", "requestedSchema": {} })),
        ("sampling/createMessage", json!({ "messages": [], "maxTokens": 1 })),
        ("roots/list", json!({})),
    ] {
        let capabilities = json!({ "elicitation": {}, "sampling": {}, "roots": {} });
        let session = Session::with(&waggle, "2025-11-25", capabilities.clone()).await;
        let steps = json!([{ "ask": method, "params": params }]);
        let mut events = session.post(&script(1, steps)).await.events();
        let question = events.message().await;
        assert_eq!((&question["method"], &question["params"]), (&json!(method), &params));
        session.answer(&question, json!({ "content": "forty-two" })).await;
        let answer = &events.message().await["result"]["structuredContent"]["answers"][0];
        assert_eq!((&answer["id"], &answer["result"]["content"]), (&json!("q0"), &json!("forty-two")));
        // The server was told the client's own capabilities.
        assert_eq!(session.history().await[0]["params"]["capabilities"], capabilities);
    }
    waggle.stop().await;
}

#[tokio::test]
async fn pings_are_answered_on_the_spot_both_ways() {
    let waggle = Options::default().proxy(&["--warm-processes", "0"]).start().await;
    let session = Session::open(&waggle).await;
    assert_eq!(session.ask(&message("p", "ping", json!({}))).await["result"], json!({}));
    waggle.until("processes", 0).await;
    let answers = &session.script(json!([{ "ask": "ping", "params": {} }])).await["answers"];
    assert_eq!(answers[0]["result"], json!({}));
    waggle.stop().await;
}

#[tokio::test]
async fn a_cancelled_request_ends_without_an_answer() {
    let waggle = Options::default().start().await;
    let session = Session::open(&waggle).await;
    let steps = json!([{ "progress": 1 }, { "hold_cancelled": true }, { "open": "seen" }]);
    let mut events = session.post(&script("mine", steps)).await.events();
    events.message().await;
    let cancel =
        message(Value::Null, "notifications/cancelled", json!({ "requestId": "mine", "reason": "bored" }));
    assert_eq!(session.post(&cancel).await.status, 202);
    assert!(events.try_message().await.is_none() && !events.is_cut_off());
    // The server heard of it, and its late answer harms nobody.
    session.script(json!([{ "hold": "seen" }])).await;
    waggle.until("requestsInFlight", 0).await;
    session.ask(&call(1, "echo", json!({}))).await;
    waggle.stop().await;
}

#[tokio::test]
async fn a_request_has_a_time_limit_that_progress_extends() {
    let waggle = Options::default().proxy(&["--request-timeout", "500ms"]).start().await;
    let session = Session::open(&waggle).await;
    let answer = session
        .ask(&script(1, json!([{ "hold_cancelled": true }, { "open": "told" }, { "silent": true }])))
        .await;
    assert!(answer["error"]["message"].as_str().unwrap().contains("0.5 s"), "{answer}");
    // The server was told to give up. Who asks for that has no longer either.
    eventually("the server was told", async || {
        session.ask(&script(2, json!([{ "hold": "told" }]))).await["error"].is_null()
    })
    .await;
    waggle.stop().await;
}

#[tokio::test]
async fn a_vanished_client_cancels_nothing() {
    let waggle = Options::default().start().await;
    let session = Session::open(&waggle).await;
    let mut connection = crate::support::Connection::open(session.to).await;
    let body = script(1, json!([{ "open": "begun" }, { "hold": "gate" }, { "open": "done" }])).to_string();
    connection.write(session.posting(body.clone()).head() + &body).await;
    session.script(json!([{ "hold": "begun" }])).await;
    drop(connection);
    session.script(json!([{ "open": "gate" }, { "hold": "done" }])).await;
    let told = session.history().await;
    assert!(told.iter().all(|message| message["method"] != "notifications/cancelled"), "{told:?}");
    waggle.until("requestsInFlight", 0).await;
    waggle.stop().await;
}
