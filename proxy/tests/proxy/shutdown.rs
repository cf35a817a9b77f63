//! SIGTERM: what was begun is finished, streams end with a hint, and nothing is left.

use rustix::process::Signal;
use serde_json::json;

use crate::support::{
    Connection, Options, Request, Session, eventually, initialize, marked, message, script, within,
};

#[tokio::test]
async fn requests_are_finished_and_streams_end_with_a_hint() {
    for options in [Options::default(), Options::default().shared()] {
        let waggle = options.start().await;
        let session = Session::open(&waggle).await;
        let listening = session.listen().await;
        let mut streaming = session
            .post(&script(1, json!([{ "progress": 1 }, { "hold": "gate" }, { "progress": 2 }])))
            .await
            .events();
        streaming.message().await;
        // The last to open the gate is under way, too.
        let opener =
            script(2, json!([{ "open": "begun" }, { "hold": "drain" }, { "open": "gate" }])).to_string();
        let mut connection = Connection::open(session.to).await;
        connection.write(session.posting(opener.clone()).head() + &opener).await;
        session.script(json!([{ "hold": "begun" }])).await;
        // Messages of what goes on are still taken from connections that are open.
        let mut kept = Connection::open(session.to).await;
        let ping = message(1, "ping", json!({})).to_string();
        kept.write(session.posting(ping.clone()).head() + &ping).await;
        let mut pong = kept.response(false).await;
        pong.body().await;
        let mut kept = pong.into_connection();

        waggle.signal(Signal::TERM);
        eventually("not ready", async || waggle.is_draining().await).await;
        let refused = script(3, json!([])).to_string();
        kept.write(session.posting(refused.clone()).head() + &refused).await;
        let mut response = kept.response(false).await;
        assert_eq!((response.status, response.header("retry-after").is_some()), (503, true));
        response.body().await;
        // The server is told by a notification, which is still accepted.
        let mut kept = response.into_connection();
        let open = message(json!(null), "notifications/open", json!({ "gate": "drain" })).to_string();
        kept.write(session.posting(open.clone()).head() + &open).await;
        assert_eq!(kept.response(false).await.status, 202);

        assert_eq!(connection.response(false).await.message().await["id"], 2);
        let messages = streaming.rest().await;
        assert_eq!((messages.len(), &messages[1]["id"]), (2, &json!(1)));
        let mut listening = listening;
        assert_eq!(listening.try_message().await, None);
        assert!(
            !listening.is_cut_off() && listening.raw().matches("retry: ").count() == 2,
            "{}",
            listening.raw()
        );
        assert_eq!(waggle.ended().await.code(), Some(0));
    }
}

#[tokio::test]
async fn under_load_every_answer_that_was_begun_comes() {
    for options in [Options::default(), Options::default().shared()] {
        let waggle = options.start().await;
        let mut clients = tokio::task::JoinSet::new();
        for _ in 0..8 {
            let session = Session::open(&waggle).await;
            clients.spawn(async move {
                let mut answered = 0;
                loop {
                    let body = crate::support::call(answered, "echo", json!({ "n": answered })).to_string();
                    let Ok(stream) = tokio::net::TcpStream::connect(session.to).await else {
                        return answered;
                    };
                    let mut connection = Connection::from(stream);
                    connection.write(session.posting(body.clone()).head() + &body).await;
                    // A connection that was still in the queue of the kernel is closed without a word.
                    let Some((status, _)) = connection.head().await else { return answered };
                    assert!(matches!(status, 200 | 404 | 503), "{status}");
                    if status != 200 {
                        return answered;
                    }
                    answered += 1;
                }
            });
        }
        eventually("they are busy", async || {
            waggle.metric("waggle_from_client_bytes_total").await > 20_000.0
        })
        .await;
        waggle.signal(Signal::TERM);
        let status = waggle.ended().await;
        assert_eq!(status.code(), Some(0));
        while let Some(answered) = within("a client's end", clients.join_next()).await {
            assert!(answered.unwrap() > 0);
        }
    }
}

#[tokio::test]
async fn the_grace_period_is_the_end_of_patience() {
    for options in [Options::default(), Options::default().shared()] {
        let waggle = options.proxy(&["--grace", "500ms"]).start().await;
        let session = Session::open(&waggle).await;
        let mut streaming =
            session.post(&script("s", json!([{ "progress": 1 }, { "hold": "never" }]))).await.events();
        streaming.message().await;
        let plain = script("p", json!([{ "open": "begun" }, { "hold": "never" }])).to_string();
        let mut waiting = Connection::open(session.to).await;
        waiting.write(session.posting(plain.clone()).head() + &plain).await;
        session.script(json!([{ "hold": "begun" }])).await;
        waggle.signal(Signal::TERM);
        // Who waits is told.
        let answer = streaming.message().await;
        assert!(
            answer["id"] == "s" && answer["error"]["message"].as_str().unwrap().contains("shutting down"),
            "{answer}"
        );
        assert_eq!(streaming.try_message().await, None);
        assert!(!streaming.is_cut_off());
        let answer = waiting.response(false).await.message().await;
        assert!(answer["id"] == "p" && answer["error"].is_object(), "{answer}");
        assert_eq!(waggle.ended().await.code(), Some(0));
    }
}

#[tokio::test]
async fn a_server_that_ignores_everything_is_killed() {
    let stubborn = ["sh", "-c", "trap '' TERM; \"$0\" \"$@\"; while :; do sleep 1000; done"];
    for options in [Options::default(), Options::default().shared()] {
        let waggle = options.proxy(&["--grace", "1s"]).wrapper(&stubborn).start().await;
        Session::open(&waggle).await.script(json!([])).await;
        waggle.stop().await;
    }
}

#[tokio::test]
async fn a_server_that_does_not_see_the_end_of_stdin_is_asked_to_end() {
    let patient =
        ["sh", "-c", "trap 'echo asked to end >&2; exit' TERM; \"$0\" \"$@\"; while :; do sleep 0.01; done"];
    // Each step of its stop is a part of that.
    let waggle = Options::default().proxy(&["--grace", "1m"]).wrapper(&patient).start().await;
    Session::open(&waggle).await.script(json!([])).await;
    waggle.signal(Signal::TERM);
    waggle.logged("asked to end").await;
    assert_eq!(waggle.ended().await.code(), Some(0));
}

#[tokio::test]
async fn a_second_signal_ends_it_at_once() {
    let waggle = Options::default().proxy(&["--grace", "1h"]).start().await;
    let session = Session::open(&waggle).await;
    let mut streaming =
        session.post(&script(1, json!([{ "progress": 1 }, { "hold": "never" }]))).await.events();
    streaming.message().await;
    waggle.signal(Signal::INT);
    waggle.logged("shutting down").await;
    waggle.signal(Signal::TERM);
    assert_eq!(waggle.ended().await.code(), Some(0));
}

#[tokio::test]
async fn before_the_server_has_answered() {
    for options in [Options::default(), Options::default().shared()] {
        let waggle = options.server(&["--silent"]).start().await;
        let body = initialize("2025-11-25", json!({})).to_string();
        let mut connection = Connection::open(waggle.address).await;
        connection.write(Request::post("/mcp", body.clone()).head() + &body).await;
        // A connection of which nothing has been read yet would be closed without a word.
        waggle.gauge("waggle_from_client_bytes_total", body.len() as f64).await;
        waggle.signal(Signal::TERM);
        assert_eq!(connection.response(false).await.status, 503);
        assert_eq!(waggle.ended().await.code(), Some(0));
    }
}

#[tokio::test]
async fn open_connections_without_a_request_do_not_hold_it_up() {
    let waggle = Options::default().proxy(&["--header-timeout", "10m"]).start().await;
    let silent = Connection::open(waggle.address).await;
    let mut half = Connection::open(waggle.address).await;
    half.write("POST /mcp HTTP/1.1\r\nHost:").await;
    let mut body = Connection::open(waggle.address).await;
    body.write(Request::post("/mcp", "").header("Content-Length", "10").head()).await;
    waggle.gauge("waggle_connections", 4.0).await;
    let session = Session::open(&waggle).await;
    session.script(json!([])).await;
    waggle.signal(Signal::TERM);
    silent.ended().await;
    half.ended().await;
    drop(body);
    assert_eq!(waggle.ended().await.code(), Some(0));
}

#[tokio::test]
async fn a_killed_proxy_leaves_no_server() {
    let waggle = Options::default().start().await;
    let session = Session::open(&waggle).await;
    session.script(json!([{ "stderr": "here" }])).await;
    let mark = waggle.mark.clone();
    assert!(marked(&mark).len() >= 2);
    waggle.signal(Signal::KILL);
    // Their stdin has ended: that is how stdio servers are told.
    assert_eq!(waggle.ended().await.code(), None);
}
