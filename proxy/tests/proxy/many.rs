//! Many clients at once, all with the same ids and tokens: nobody gets what is another's.

use std::sync::Arc;

use serde_json::json;
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use crate::support::{Options, Request, Session, Waggle, call, initialize, message, script};

const CLIENTS: u64 = 64;

async fn done(mut tasks: JoinSet<()>) {
    while let Some(task) = tasks.join_next().await {
        task.unwrap();
    }
}

/// What one client does: calls with the same ids as all the others, told apart by their payloads alone.
async fn client(session: Session, own: u64, together: Arc<Barrier>) {
    let mut stream = session.listen().await;
    stream.until(": ").await;
    together.wait().await;
    for round in 0..4 {
        let n = own * 1000 + round;
        let steps = json!([{ "progress": n }, { "progress": n + 500 }, { "bytes": n % 977 }]);
        let messages = session.post(&script(1, steps)).await.events().rest().await;
        let progress: Vec<_> = messages[..2].iter().map(|message| message["params"].clone()).collect();
        assert_eq!(
            progress,
            [
                json!({ "progressToken": 1, "progress": n }),
                json!({ "progressToken": 1, "progress": n + 500 })
            ]
        );
        let answer = &messages[2];
        assert_eq!(answer["id"], 1);
        assert_eq!(answer["result"]["structuredContent"]["text"].as_str().unwrap().len() as u64, n % 977);
        let payload = json!({ "own": n, "text": format!("{n}-").repeat(2000) });
        assert_eq!(session.ask(&call(1, "echo", payload.clone())).await["result"]["echo"], payload);
        let uri = format!("own:{own}");
        session.ask(&message(1, "resources/subscribe", json!({ "uri": uri }))).await;
        session
            .script(
                json!([{ "notify": "notifications/resources/updated", "params": { "uri": uri, "n": n } }]),
            )
            .await;
        assert_eq!(stream.message().await["params"], json!({ "uri": uri, "n": n }));
        session.ask(&message(1, "resources/unsubscribe", json!({ "uri": uri }))).await;
    }
}

async fn all(waggle: &Waggle) {
    let together = Arc::new(Barrier::new(CLIENTS as usize));
    let mut clients = JoinSet::new();
    for own in 0..CLIENTS {
        let revision = ["2025-03-26", "2025-06-18", "2025-11-25"][own as usize % 3];
        let session = Session::with(waggle, revision, json!({})).await;
        clients.spawn(client(session, own, together.clone()));
    }
    done(clients).await;
    assert_eq!(waggle.status().await["requestsInFlight"], 0);
}

#[tokio::test]
async fn with_a_process_each() {
    let waggle = Options::default().proxy(&["--max-processes", "70"]).start().await;
    all(&waggle).await;
    assert!(waggle.status().await["processes"].as_u64().unwrap() >= CLIENTS);
    waggle.stop().await;
}

#[tokio::test]
async fn with_one_process_for_all() {
    let waggle = Options::default().shared().start().await;
    all(&waggle).await;
    assert_eq!(waggle.status().await["processes"], 1);
    waggle.stop().await;
}

#[tokio::test]
async fn questions_reach_who_caused_them() {
    let waggle = Options::default().start().await;
    let mut clients = JoinSet::new();
    for own in 0..32 {
        let session = Session::with(&waggle, "2025-11-25", json!({ "elicitation": {} })).await;
        clients.spawn(async move {
            let steps = json!([{ "ask": "elicitation/create", "params": { "own": own } }]);
            let mut events = session.post(&script(1, steps)).await.events();
            let question = events.message().await;
            assert_eq!(question["params"]["own"], own);
            session.answer(&question, json!({ "answer": own })).await;
            let answer = events.message().await;
            assert_eq!(answer["result"]["structuredContent"]["answers"][0]["result"]["answer"], own);
        });
    }
    done(clients).await;
    waggle.stop().await;
}

/// A pipe holds 64 KiB to 1 MiB: both directions are full at once here.
#[tokio::test]
async fn large_calls_at_once_do_not_hang() {
    for (options, count, size) in [
        (Options::default().shared(), 16, 1 << 20),
        (Options::default().shared(), 4, 64 << 10),
        (Options::default(), 16, 1 << 20),
    ] {
        let waggle = options.start().await;
        let mut calls = JoinSet::new();
        let session = Session::open(&waggle).await;
        for n in 0..count {
            let session = session.clone();
            calls.spawn(async move {
                let text = format!("{n:04}").repeat(size / 4);
                let answer = session.ask(&call(n, "echo", json!({ "text": text }))).await;
                assert!(answer["result"]["echo"]["text"] == text);
            });
        }
        done(calls).await;
        waggle.stop().await;
    }
}

#[tokio::test]
async fn clients_that_come_at_once_share_one_handshake() {
    for options in [Options::default(), Options::default().shared()] {
        let waggle = options.start().await;
        let mut clients = JoinSet::new();
        for _ in 0..CLIENTS {
            let to = waggle.address;
            clients.spawn(async move {
                let body = initialize("2025-11-25", json!({})).to_string();
                let answer = Request::post("/mcp", body).send(to).await.json().await;
                assert_eq!(answer["result"]["serverInfo"]["name"], "fake");
            });
        }
        done(clients).await;
        assert!(waggle.status().await["processes"].as_u64().unwrap() <= 2);
        waggle.stop().await;
    }
}
