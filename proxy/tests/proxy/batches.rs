//! JSON arrays of messages: part of 2025-03-26 alone.

use serde_json::{Value, json};

use crate::support::{Options, Session, call, initialize, message, script};

async fn old(waggle: &crate::support::Waggle) -> Session {
    Session::with(waggle, "2025-03-26", json!({})).await
}

fn ids(answers: &[Value]) -> Vec<String> {
    let mut ids: Vec<_> = answers.iter().map(|answer| answer["id"].to_string()).collect();
    ids.sort();
    ids
}

#[tokio::test]
async fn answers_come_as_one_array() {
    let waggle = Options::default().start().await;
    let session = old(&waggle).await;
    let batch = json!([
        call(1, "echo", json!({ "n": 1 })),
        message(Value::Null, "notifications/of-some-vendor", json!({})),
        call("2", "echo", json!({ "n": 2 })),
        message(3, "ping", json!({})),
        { "jsonrpc": "2.0", "id": 9, "result": {} },
    ]);
    let answers = session.post(&batch).await.json().await;
    assert_eq!(ids(answers.as_array().unwrap()), [r#""2""#, "1", "3"]);
    waggle.stop().await;
}

#[tokio::test]
async fn answers_come_as_a_stream_that_ends_with_the_last() {
    let waggle = Options::default().start().await;
    let session = old(&waggle).await;
    let batch = json!([
        script(1, json!([{ "progress": 1 }])),
        call(2, "echo", json!({})),
        message(3, "nope", json!({}))
    ]);
    let messages = session.post(&batch).await.events().rest().await;
    let (answers, others): (Vec<_>, Vec<_>) =
        messages.into_iter().partition(|message| message["method"].is_null());
    assert_eq!((ids(&answers), others.len()), (vec!["1".into(), "2".into(), "3".into()], 1));
    waggle.stop().await;
}

#[tokio::test]
async fn a_batch_without_requests_is_accepted() {
    let waggle = Options::default().start().await;
    let session = old(&waggle).await;
    let batch = json!([message(Value::Null, "notifications/of-some-vendor", json!({})), { "jsonrpc": "2.0", "id": 1, "result": 1 }]);
    let response = session.post(&batch).await;
    assert_eq!(response.status, 202);
    assert_eq!(response.text().await, "");
    waggle.stop().await;
}

#[tokio::test]
async fn what_is_no_batch_is_refused_as_a_whole() {
    let waggle = Options::default().proxy(&["--max-batch", "3"]).start().await;
    let session = old(&waggle).await;
    let ping = message(1, "ping", json!({}));
    for bad in [
        json!([]),
        json!([ping, 1]),
        json!([[ping]]),
        json!([ping, initialize("2025-03-26", json!({}))]),
        json!([ping, ping, ping, ping]),
    ] {
        let response = session.post(&bad).await;
        assert_eq!(response.status, 400, "{bad}");
        assert_eq!(response.json().await["error"]["code"], -32600, "{bad}");
    }
    let response = session.posting(r#"[{"jsonrpc":"2.0","id":1,"method":"ping"},"#).send(session.to).await;
    assert_eq!((response.status, &response.json().await["error"]["code"]), (400, &json!(-32700)));
    waggle.stop().await;
}

#[tokio::test]
async fn other_revisions_have_none() {
    let waggle = Options::default().start().await;
    for revision in ["2025-06-18", "2025-11-25"] {
        let session = Session::with(&waggle, revision, json!({})).await;
        let response = session.post(&json!([call(1, "echo", json!({}))])).await;
        assert_eq!(response.status, 400);
        let body = response.json().await;
        assert_eq!(body["error"]["code"], -32600);
        assert!(body["error"]["message"].as_str().unwrap().contains("2025-03-26"));
    }
    waggle.stop().await;
}
