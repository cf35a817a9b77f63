//! Limits of size and time of what a client sends.

use serde_json::json;

use crate::support::{Connection, Options, Request, Session, call, initialize, message, script};

#[tokio::test]
async fn a_body_of_100_mb_is_refused_without_being_read() {
    let waggle = Options::default().start().await;
    let session = Session::open(&waggle).await;
    let length = 100 << 20;
    // Announced: refused by its length.
    let mut connection = Connection::open(session.to).await;
    connection.write(session.posting("").header("Content-Length", &length.to_string()).head()).await;
    let response = connection.response(false).await;
    assert_eq!(response.status, 413);
    let body = response.json().await;
    assert!(body["error"]["message"].as_str().unwrap().contains("--max-body"), "{body}");
    // In chunks: refused once it is too long.
    let mut connection = Connection::open(session.to).await;
    connection.write(session.posting("").header("Transfer-Encoding", "chunked").head()).await;
    let chunk = format!("{:x}\r\n{}\r\n", 1 << 16, "x".repeat(1 << 16));
    let mut sent = 0;
    while sent < length && connection.try_write(chunk.as_bytes()).await {
        sent += 1 << 16;
    }
    assert!(sent < length, "all of it was read");
    assert!(waggle.metric("waggle_from_client_bytes_total").await < 1e6);
    assert_eq!(waggle.metric("waggle_limit_hits_total{limit=\"max_body\"}").await, 2.0);
    session.ask(&call(1, "echo", json!({}))).await;
    waggle.stop().await;
}

#[tokio::test]
async fn the_largest_body_is_served_and_one_more_byte_is_not() {
    let waggle = Options::default().proxy(&["--max-body", "1KiB"]).start().await;
    let session = Session::open(&waggle).await;
    let ping = message(1, "ping", json!({})).to_string();
    for (padding, expected) in [(1024 - ping.len(), 200), (1025 - ping.len(), 413)] {
        let body = format!("{ping}{}", " ".repeat(padding));
        assert_eq!(session.posting(body).send(session.to).await.status, expected);
    }
    waggle.stop().await;
}

#[tokio::test]
async fn a_request_that_stops_half_way_ends() {
    // Long enough for whole requests, also on a machine that is busy.
    let options = ["--header-timeout", "3s", "--body-timeout", "3s"];
    let waggle = Options::default().proxy(&options).start().await;
    let session = Session::open(&waggle).await;
    let head = session.posting("").header("Content-Length", "100").head();
    // In the first line, in the headers, and where it is not known yet which version of HTTP it is.
    let mut halves = Vec::new();
    for half in ["POST /mc", "POST /mcp HTTP/1.1\r\nHost: local", "PRI * HTTP/2.0\r\n", ""] {
        let mut connection = Connection::open(session.to).await;
        connection.write(half).await;
        halves.push(connection);
    }
    let mut connection = Connection::open(session.to).await;
    connection.write(head + "{\"jsonrpc\":").await;
    for half in halves {
        half.ended().await;
    }
    let response = connection.response(false).await;
    assert_eq!(response.status, 408);
    assert!(response.json().await["error"]["message"].is_string());
    // Time for the head is not time for the answer.
    let mut connection = Connection::open(session.to).await;
    let body = script(1, json!([{ "hold": "gate" }])).to_string();
    connection.write(session.posting(body.clone()).head() + &body).await;
    let mut other = Connection::open(session.to).await;
    other.write("GET").await;
    other.ended().await;
    session.script(json!([{ "open": "gate" }])).await;
    assert_eq!(connection.response(false).await.status, 200);
    waggle.stop().await;
}

#[tokio::test]
async fn headers_have_a_limit() {
    let waggle = Options::default().start().await;
    let request = Request::post("/mcp", initialize("2025-11-25", json!({})).to_string());
    let large = request.clone().header("X-Large", &"x".repeat(1 << 20));
    let mut connection = Connection::open(waggle.address).await;
    connection.write(large.head()).await;
    let (status, _) = connection.head().await.unwrap();
    assert_eq!(status, 431);
    assert_eq!(request.send(waggle.address).await.status, 200);
    waggle.stop().await;
}

#[tokio::test]
async fn what_is_no_http_is_refused() {
    let waggle = Options::default().start().await;
    for nonsense in ["\u{16}\u{3}\u{1}\r\n\r\n", "GET /mcp\r\n\r\n", "GET /mcp HTTP/9.9\r\n\r\n"] {
        let mut connection = Connection::open(waggle.address).await;
        connection.write(nonsense).await;
        assert_eq!(connection.head().await.map(|(status, _)| status), Some(400), "{nonsense:?}");
    }
    assert_eq!(
        Request::post("/mcp", initialize("2025-11-25", json!({})).to_string())
            .send(waggle.address)
            .await
            .status,
        200
    );
    waggle.stop().await;
}

#[tokio::test]
async fn requests_in_flight_have_a_limit() {
    let waggle = Options::default().shared().proxy(&["--max-in-flight", "2"]).start().await;
    // Nothing is in flight but what the test sends.
    waggle.shows("/tools", 3).await;
    let (a, b) = (Session::open(&waggle).await, Session::open(&waggle).await);
    let mut held = a.post(&script(1, json!([{ "progress": 1 }, { "hold": "gate" }]))).await.events();
    held.message().await;
    let opener = script(2, json!([{ "progress": 1 }, { "hold": "other" }]));
    let mut second = a.post(&opener).await.events();
    second.message().await;
    let response = b.post(&call("mine", "echo", json!({}))).await;
    assert_eq!((response.status, response.header("retry-after").is_some()), (503, true));
    assert_eq!(response.json().await["id"], "mine");
    assert_eq!(waggle.metric("waggle_limit_hits_total{limit=\"max_in_flight\"}").await, 1.0);
    for gate in ["gate", "other"] {
        a.post(&message(json!(null), "notifications/open", json!({ "gate": gate }))).await;
    }
    assert_eq!((&held.message().await["id"], &second.message().await["id"]), (&json!(1), &json!(2)));
    assert_eq!(b.ask(&call("mine", "echo", json!({}))).await["id"], "mine");
    waggle.stop().await;
}

#[tokio::test]
async fn connections_beyond_the_limit_wait() {
    let waggle = Options::default().proxy(&["--max-connections", "2"]).start().await;
    let body = initialize("2025-11-25", json!({})).to_string();
    let request = Request::post("/mcp", body.clone());
    let (mut first, mut second) =
        (Connection::open(waggle.address).await, Connection::open(waggle.address).await);
    for connection in [&mut first, &mut second] {
        connection.write(request.head()).await;
    }
    waggle.gauge("waggle_connections", 3.0).await;
    let waiting = request.send(waggle.address);
    let (answer, ()) = tokio::join!(waiting, async {
        first.write(&body).await;
        assert_eq!(first.response(false).await.status, 200);
    });
    assert_eq!(answer.status, 200);
    second.write(&body).await;
    assert_eq!(second.response(false).await.status, 200);
    waggle.stop().await;
}
