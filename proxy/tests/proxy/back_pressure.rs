//! Clients that read slowly, not at all, or go away.

use serde_json::{Value, json};

use crate::support::{Connection, Options, Session, call, eventually, script};

#[tokio::test]
async fn a_client_that_stops_reading_loses_its_stream_and_nobody_else_notices() {
    for options in [Options::default(), Options::default().shared()] {
        let waggle = options.proxy(&["--stall-timeout", "3s"]).start().await;
        let (stuck, other) = (Session::open(&waggle).await, Session::open(&waggle).await);
        let before = waggle.memory();
        let log = json!({ "jsonrpc": "2.0", "method": "notifications/message", "params": {
            "level": "info", "data": "x".repeat(65_536) } });
        // Written as it is: to make each anew takes the server longer than all the rest.
        let steps = json!([{ "progress": 1 }, { "raw": format!("{log}\n"), "times": 800 }]);
        let body = script("stuck", steps).to_string();
        let mut connection = Connection::narrow(stuck.to).await;
        connection.write(stuck.posting(body.clone()).head() + &body).await;
        let mut stream = connection.response(false).await.events();
        stream.message().await;
        // The server is not held up: it has sent its 50 MiB and answered.
        waggle.until("requestsInFlight", 0).await;
        for n in 0..20 {
            assert_eq!(other.ask(&call(n, "echo", json!(n))).await["result"]["echo"], n);
        }
        waggle.gauge("waggle_streams_ended_total{end=\"ClientGone\"}", 1.0).await;
        let grown = waggle.memory().saturating_sub(before);
        assert!(grown < 32 << 20, "{grown} bytes");
        // Its session lives, and its answer waits for it.
        let last = stream.last_id();
        drop(stream);
        let rest = stuck.resume(&last).await.events().rest().await;
        assert_eq!(rest.last().unwrap()["id"], "stuck");
        waggle.stop().await;
    }
}

#[tokio::test]
async fn a_standalone_stream_that_nobody_reads_is_bounded() {
    let waggle = Options::default().start().await;
    let session = Session::open(&waggle).await;
    session.script(json!([])).await;
    let before = waggle.memory();
    let mut connection = Connection::narrow(session.to).await;
    connection.write(session.request("GET").head()).await;
    let stuck = connection.response(false).await;
    // Answered first, so that the messages belong to no call.
    let flood = format!(
        "{{\"jsonrpc\":\"2.0\",\"method\":\"notifications/tools/list_changed\",\"params\":{{\"x\":\"{}\"}}}}\n",
        "x".repeat(60_000)
    );
    for _ in 0..10 {
        session.script(json!([{ "raw": flood, "times": 100 }])).await;
    }
    let grown = waggle.memory().saturating_sub(before);
    assert!(grown < 24 << 20, "{grown} bytes");
    assert!(waggle.metric("waggle_messages_dropped_total{reason=\"unread\"}").await > 0.0);
    // Whoever comes next has the newest.
    let mut stream = session.listen().await;
    assert_eq!(stream.message().await["method"], "notifications/tools/list_changed");
    drop(stuck);
    waggle.stop().await;
}

#[tokio::test]
async fn many_slow_readers_get_every_byte() {
    let waggle = Options::default().start().await;
    let session = Session::open(&waggle).await;
    let mut tasks = tokio::task::JoinSet::new();
    for id in 0..8 {
        let session = session.clone();
        tasks.spawn(async move {
            let body = script(id, json!([{ "bytes": 4 << 20 }])).to_string();
            let mut connection = Connection::narrow(session.to).await;
            connection.write(session.posting(body.clone()).head() + &body).await;
            let answer: Value = connection.response(false).await.message().await;
            assert_eq!(
                (&answer["id"], answer["result"]["structuredContent"]["text"].as_str().unwrap().len()),
                (&json!(id), 4 << 20)
            );
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    waggle.stop().await;
}

#[tokio::test]
async fn clients_that_vanish_leave_nothing_behind() {
    let waggle = Options::default().proxy(&["--warm-processes", "0"]).start().await;
    let session = Session::open(&waggle).await;
    for id in 0..50 {
        let body = script(id, json!([{ "progress": 1 }, { "hold": "gate" }])).to_string();
        let mut connection = Connection::open(session.to).await;
        connection.write(session.posting(body.clone()).head() + &body).await;
        if id % 2 == 0 {
            connection.response(false).await.events().message().await;
        }
    }
    for _ in 0..20 {
        drop(session.listen().await);
    }
    session.script(json!([{ "open": "gate" }])).await;
    waggle.until("requestsInFlight", 0).await;
    eventually("no connection but the one that asks", async || {
        waggle.metric("waggle_connections").await <= 1.0
    })
    .await;
    session.delete().await;
    waggle.until("sessions", 0).await;
    waggle.until("processes", 0).await;
    waggle.stop().await;
}

#[tokio::test]
async fn broken_messages_of_one_client_are_its_own_affair() {
    let waggle = Options::default().shared().start().await;
    let (good, bad) = (Session::open(&waggle).await, Session::open(&waggle).await);
    let mut held = good.post(&script(1, json!([{ "progress": 1 }, { "hold": "gate" }]))).await.events();
    held.message().await;
    for body in [
        &b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{"[..],
        b"\xff\xfe",
        b"[[[[",
        b"{\"a\":1}{\"b\":2}",
    ] {
        assert_eq!(bad.posting(body).send(bad.to).await.status, 400);
    }
    good.script(json!([{ "open": "gate" }])).await;
    assert_eq!(held.message().await["id"], 1);
    assert!(good.history().await.iter().all(|message| message["jsonrpc"] == "2.0"));
    waggle.stop().await;
}
