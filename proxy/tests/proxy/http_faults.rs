//! Servers over HTTP that answer badly, or not at all.

use serde_json::json;

use crate::support::{
    MODERN, Modern, Options, Reply, Request, Scripted, call, eventually, initialize, message, nobody,
};

/// A call that has no server: 502, with an error that names the request.
async fn has_no_server(client: &Modern) {
    let response = client.post(&call("lost", "echo", json!({}))).await;
    assert_eq!(response.status, 502);
    let answer = response.json().await;
    assert_eq!((&answer["id"], &answer["error"]["code"]), (&json!("lost"), &json!(-31006)), "{answer}");
}

#[tokio::test]
async fn a_server_that_is_away_is_502_until_it_comes() {
    let address = nobody();
    let front = Options::upstream(&format!("http://{address}/mcp")).start().await;
    let client = Modern::new(&front);
    for round in 0..2 {
        has_no_server(&client).await;
        eventually("it is not ready", async || !front.is_ready().await).await;
        let hello = initialize("2025-11-25", json!({})).to_string();
        let refused = Request::post("/mcp", hello).send(front.address).await;
        assert_eq!((refused.status, &refused.json().await["error"]["code"]), (502, &json!(-31006)));
        let back = Options::at(address).start().await;
        eventually("it is ready", async || front.is_ready().await).await;
        let answer = client.result(&call(round, "echo", json!({ "round": round }))).await;
        assert_eq!(answer["echo"]["round"], round);
        back.stop().await;
    }
    front.stop().await;
}

#[tokio::test]
async fn a_response_that_is_cut_off_is_an_error() {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n";
    let event = "data: {\"jsonrpc\":\"2.0\",\"id\":";
    for body in [
        format!("\r\n{event}"),
        format!("Content-Length: 1000\r\n\r\n{event}"),
        format!("Transfer-Encoding: chunked\r\n\r\n100\r\n{event}"),
        "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n".to_owned(),
    ] {
        let response = format!("{head}{body}");
        let server = Scripted::modern(move || Reply::Raw(response.clone())).await;
        let waggle = Options::upstream(&server.url()).start().await;
        has_no_server(&Modern::new(&waggle)).await;
        assert!(waggle.is_ready().await, "one request went wrong, not the server");
        waggle.stop().await;
    }
}

#[tokio::test]
async fn a_response_without_end_is_not_kept() {
    let piece = "x".repeat(1 << 16);
    for kind in ["application/json", "text/event-stream"] {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nConnection: close\r\n\r\ndata: \"");
        let piece = piece.clone();
        let server = Scripted::modern(move || Reply::Endless(head.clone(), piece.clone())).await;
        let waggle = Options::upstream(&server.url()).proxy(&["--max-line", "1MiB"]).start().await;
        let client = Modern::new(&waggle);
        client.result(&message(1, "tools/list", json!({}))).await;
        let before = waggle.memory();
        has_no_server(&client).await;
        assert!(waggle.memory().saturating_sub(before) < 16 << 20);
        waggle.stop().await;
    }
}

#[tokio::test]
async fn headers_are_the_proxys_own() {
    let server = Scripted::modern(|| Reply::Result(json!({ "resultType": "complete", "here": 1 }))).await;
    let own =
        ["--upstream-header", "Authorization=Bearer of-the-proxy", "--upstream-header", "X-Tenant=bees"];
    let waggle = Options::upstream(&server.url()).proxy(&own).start().await;
    let client = Modern::new(&waggle).named("of-the-client");
    let request = client.posting(&call(1, "any", json!({}))).header("Cookie", "session=of-the-client");
    let request = request.header("X-Forwarded-For", "of-the-client");
    assert_eq!(request.send(waggle.address).await.message().await["result"]["here"], 1);
    let received = server.received();
    for request in &received {
        assert!(!request.head.contains("of-the-client"), "{}", request.head);
        assert_eq!(request.header("authorization"), Some("Bearer of-the-proxy"));
        assert_eq!((request.header("x-tenant"), request.header("cookie")), (Some("bees"), None));
        assert_eq!(request.header("mcp-protocol-version"), Some(MODERN));
        assert_eq!(request.header("mcp-method"), request.message["method"].as_str());
    }
    let called = received.iter().find(|request| request.message["method"] == "tools/call").unwrap();
    assert_eq!(called.header("mcp-name"), Some("any"));
    assert!(!waggle.log().iter().any(|line| line.contains("of-the-proxy")));
    waggle.stop().await;
}

#[tokio::test]
async fn redirects_end() {
    for location in ["/mcp", "/elsewhere", "http://other.example/mcp", "ftp://x"] {
        let response = format!(
            "HTTP/1.1 307 Temporary Redirect\r\nLocation: {location}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        );
        let server = Scripted::start(move |_| Reply::Raw(response.clone())).await;
        let waggle = Options::upstream(&server.url()).start().await;
        let answer = Modern::new(&waggle).post(&call("lost", "echo", json!({}))).await;
        assert_eq!(answer.status, 502);
        let error = answer.json().await["error"]["message"].as_str().unwrap().to_owned();
        assert!(error.contains("redirects"), "{error}");
        waggle.stop().await;
    }
}
