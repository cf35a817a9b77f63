//! Statuses of Streamable HTTP, 2025-03-26 to 2025-11-25: what is refused, and how.

use serde_json::{Value, json};

use crate::support::{Connection, Options, Request, Response, Session, call, initialize, message, within};

/// Every refusal has a JSON-RPC error as its body.
async fn error(response: Response) -> (u16, Value) {
    let status = response.status;
    let body = response.json().await;
    assert_eq!(body["jsonrpc"], "2.0");
    assert!(body["error"]["message"].is_string() && body["error"]["code"].is_i64(), "{body}");
    (status, body)
}

async fn status(response: Response) -> u16 {
    error(response).await.0
}

fn ping() -> String {
    message(1, "ping", json!({})).to_string()
}

#[tokio::test]
async fn notifications_and_responses_are_accepted_without_a_body() {
    let waggle = Options::default().start().await;
    let session = Session::open(&waggle).await;
    for accepted in [
        message(Value::Null, "notifications/initialized", json!({})),
        message(Value::Null, "notifications/cancelled", json!({ "requestId": 77 })),
        message(Value::Null, "notifications/of-some-vendor", json!({})),
        json!({ "jsonrpc": "2.0", "id": 1, "result": {} }),
        json!({ "jsonrpc": "2.0", "id": "nobody asked", "error": { "code": 1, "message": "" } }),
    ] {
        let response = session.post(&accepted).await;
        assert_eq!((response.status, response.header("content-type")), (202, None), "{accepted}");
        assert_eq!(response.text().await, "");
    }
    waggle.stop().await;
}

#[tokio::test]
async fn what_is_no_message_is_400_with_the_right_code() {
    let waggle = Options::default().start().await;
    let session = Session::open(&waggle).await;
    let deep =
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"m","params":{}{}}}"#, "[".repeat(300), "]".repeat(300));
    for (body, code) in [
        ("", -32700),
        ("{", -32700),
        ("nonsense", -32700),
        (r#"{"jsonrpc":"2.0","id":1,"method":"ping"} trailing"#, -32700),
        (deep.as_str(), -32700),
        ("{}", -32600),
        ("1", -32600),
        (r#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#, -32600),
        (r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#, -32600),
        (r#"{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}"#, -32600),
        (r#"{"jsonrpc":"2.0","id":1,"method":"ping","m\u0065thod":"tools/call"}"#, -32600),
    ] {
        let (status, answer) = error(session.posting(body).send(session.to).await).await;
        assert_eq!((status, answer["error"]["code"].as_i64()), (400, Some(code)), "{body}");
    }
    let (status, answer) =
        error(session.posting(b"{\"jsonrpc\":\"2.0\",\"method\":\"\xff\"}").send(session.to).await).await;
    assert_eq!((status, &answer["error"]["code"]), (400, &json!(-32700)));
    // None of it has disturbed the session, nor started a process for it.
    assert_eq!(waggle.status().await["processes"], waggle.status().await["spareProcesses"]);
    session.ask(&call(1, "echo", json!({}))).await;
    waggle.stop().await;
}

#[tokio::test]
async fn sessions_are_needed_known_and_ended() {
    let waggle = Options::default().start().await;
    let session = Session::open(&waggle).await;
    for method in ["POST", "DELETE"] {
        let request = Request::post("/mcp", ping());
        let request = if method == "POST" { request } else { Request::new("DELETE", "/mcp") };
        assert_eq!(status(request.send(waggle.address).await).await, 400, "{method} without a session");
    }
    let unknown = "0123456789abcdef0123456789abcdef";
    let stranger = Session { id: unknown.to_owned(), ..session.clone() };
    let odd = Session { id: "no such id".to_owned(), ..session.clone() };
    for gone in [&stranger, &odd] {
        for request in [gone.posting(ping()), gone.request("GET"), gone.request("DELETE")] {
            assert_eq!(status(request.send(waggle.address).await).await, 404);
        }
    }
    session.delete().await;
    for request in [session.posting(ping()), session.request("GET"), session.request("DELETE")] {
        assert_eq!(status(request.send(waggle.address).await).await, 404);
    }
    assert_eq!(waggle.status().await["sessions"], 0);
    waggle.stop().await;
}

#[tokio::test]
async fn get_without_a_session_is_405() {
    let waggle = Options::default().start().await;
    let response =
        Request::new("GET", "/mcp").header("Accept", "text/event-stream").send(waggle.address).await;
    assert!(response.header("allow").unwrap().contains("POST"));
    assert_eq!(status(response).await, 405);
    waggle.stop().await;
}

#[tokio::test]
async fn initialize_with_a_stale_session_opens_a_new_one() {
    let waggle = Options::default().start().await;
    let session = Session::open(&waggle).await;
    session.delete().await;
    let response =
        session.posting(initialize("2025-06-18", json!({})).to_string()).send(waggle.address).await;
    assert_eq!(response.status, 200);
    let new = response.header("mcp-session-id").unwrap().to_owned();
    assert_ne!(new, session.id);
    assert_eq!(response.json().await["result"]["protocolVersion"], "2025-06-18");
    waggle.stop().await;
}

#[tokio::test]
async fn a_second_initialize_leaves_the_live_session_alone() {
    let waggle = Options::default().start().await;
    let session = Session::open(&waggle).await;
    let pid = session.script(json!([])).await["pid"].clone();
    let response =
        session.posting(initialize("2025-11-25", json!({})).to_string()).send(waggle.address).await;
    assert_eq!(response.status, 200);
    let second = Session { id: response.header("mcp-session-id").unwrap().to_owned(), ..session.clone() };
    assert_eq!(session.script(json!([])).await["pid"], pid);
    assert_ne!(second.script(json!([])).await["pid"], pid);
    waggle.stop().await;
}

#[tokio::test]
async fn the_version_is_negotiated() {
    let waggle = Options::default().server(&["--revision", "2025-06-18"]).start().await;
    for (asked, expected) in [
        ("2024-11-05", "2024-11-05"),
        ("2025-03-26", "2025-03-26"),
        ("2025-06-18", "2025-06-18"),
        ("2025-11-25", "2025-06-18"),
        ("2099-01-01", "2025-06-18"),
    ] {
        let body = initialize(asked, json!({})).to_string();
        let answer = Request::post("/mcp", body).send(waggle.address).await.json().await;
        assert_eq!(answer["result"]["protocolVersion"], expected, "{asked}");
        assert_eq!((&answer["id"], &answer["result"]["serverInfo"]["name"]), (&json!(0), &json!("fake")));
    }
    waggle.stop().await;
}

#[tokio::test]
async fn the_version_header_may_be_missing_but_not_wrong() {
    let waggle = Options::default().start().await;
    for (negotiated, header, expected) in [
        ("2025-11-25", None, 200),
        ("2025-11-25", Some("2025-11-25"), 200),
        ("2025-11-25", Some("2025-06-18"), 400),
        ("2025-11-25", Some("1999-01-01"), 400),
        ("2025-06-18", Some("2025-03-26"), 400),
        ("2025-03-26", Some("2025-03-26"), 200),
        ("2025-03-26", Some("2025-11-25"), 200),
        ("2025-03-26", Some("nonsense"), 400),
    ] {
        let session = Session::with(&waggle, negotiated, json!({})).await;
        let request = session.posting(ping()).without("MCP-Protocol-Version");
        let request =
            header.into_iter().fold(request, |request, v| request.header("MCP-Protocol-Version", v));
        let response = request.send(waggle.address).await;
        assert_eq!(response.status, expected, "{negotiated} {header:?}");
        if expected == 400 {
            let (_, body) = error(response).await;
            assert!(body["error"]["message"].as_str().unwrap().contains("20"), "names what is right: {body}");
        }
    }
    // An initialize is free of it.
    let odd = Request::post("/mcp", initialize("2025-11-25", json!({})).to_string());
    assert_eq!(odd.header("MCP-Protocol-Version", "1999-01-01").send(waggle.address).await.status, 200);
    waggle.stop().await;
}

#[tokio::test]
async fn media_types_are_checked_and_accept_is_not() {
    let waggle = Options::default().start().await;
    let session = Session::open(&waggle).await;
    let request = session.posting(call(1, "echo", json!({})).to_string());
    for good in ["application/json", "Application/JSON; charset=utf-8", "application/json;charset=UTF-8"] {
        assert_eq!(request.clone().header("Content-Type", good).send(session.to).await.status, 200, "{good}");
    }
    for bad in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"] {
        assert_eq!(
            status(request.clone().header("Content-Type", bad).send(session.to).await).await,
            415,
            "{bad}"
        );
    }
    assert_eq!(status(request.clone().without("Content-Type").send(session.to).await).await, 415);
    assert_eq!(status(request.clone().header("Content-Encoding", "gzip").send(session.to).await).await, 415);
    for (accept, expected) in [
        ("application/json", "application/json"),
        ("application/json, text/event-stream", "application/json"),
        ("text/event-stream, application/json;q=0.5", "application/json"),
        ("*/*", "application/json"),
        ("text/html", "application/json"),
        ("text/event-stream", "text/event-stream"),
    ] {
        let response = request.clone().header("Accept", accept).send(session.to).await;
        assert_eq!(response.header("content-type"), Some(expected), "{accept}");
        assert_eq!(response.message().await["result"]["echo"], json!({}));
    }
    assert_eq!(request.without("Accept").send(session.to).await.status, 200);
    waggle.stop().await;
}

#[tokio::test]
async fn paths_and_methods() {
    let waggle = Options::default().start().await;
    let session = Session::open(&waggle).await;
    let slash = Request::post("/mcp/", ping()).header("Mcp-Session-Id", &session.id);
    assert_eq!(slash.send(waggle.address).await.status, 200);
    for (method, path, expected) in [
        ("GET", "/.well-known/oauth-protected-resource", 404),
        ("GET", "/.well-known/oauth-protected-resource/mcp", 404),
        ("GET", "/.well-known/oauth-authorization-server", 404),
        ("GET", "/mcp/.well-known/openid-configuration", 404),
        ("POST", "/register", 404),
        ("GET", "/", 404),
        ("DELETE", "/nothing", 404),
        ("POST", "/sse", 405),
        ("DELETE", "/sse", 405),
        ("GET", "/messages", 405),
        ("PUT", "/mcp", 405),
        ("PATCH", "/mcp", 405),
    ] {
        let response = Request::new(method, path).send(waggle.address).await;
        assert_eq!(response.header("allow").is_some(), expected == 405, "{method} {path}");
        assert_eq!(status(response).await, expected, "{method} {path}");
    }
    for path in ["/mcp", "/sse", "/messages"] {
        let response = Request::new("HEAD", path).send(waggle.address).await;
        assert!(matches!(response.status, 400 | 405), "HEAD {path}: {}", response.status);
        let response = Request::new("OPTIONS", path).send(waggle.address).await;
        assert_eq!((response.status, response.header("allow").is_some()), (204, true), "OPTIONS {path}");
    }
    waggle.stop().await;
}

#[tokio::test]
async fn bodies_in_chunks_and_expectations_are_served() {
    let waggle = Options::default().start().await;
    let session = Session::open(&waggle).await;
    let body = call("chunked", "echo", json!({ "text": "in pieces" })).to_string();
    let request = session.posting("").header("Transfer-Encoding", "chunked");
    let mut connection = Connection::open(session.to).await;
    connection.write(request.head()).await;
    for piece in body.as_bytes().chunks(7) {
        connection.write(format!("{:x};extension=1\r\n", piece.len())).await;
        connection.write(piece).await;
        connection.write("\r\n").await;
    }
    connection.write("0\r\nTrailer: x\r\n\r\n").await;
    let answer = connection.response(false).await.message().await;
    assert_eq!(answer["result"]["echo"]["text"], "in pieces");

    let request = session
        .posting("")
        .header("Expect", "100-continue")
        .header("Content-Length", &body.len().to_string());
    let mut connection = Connection::open(session.to).await;
    connection.write(request.head()).await;
    // The client sends nothing before it is told to.
    assert_eq!(connection.head().await.unwrap().0, 100);
    connection.write(&body).await;
    assert_eq!(connection.response(false).await.message().await["id"], "chunked");
    waggle.stop().await;
}

#[tokio::test]
async fn a_length_and_chunks_together_are_refused() {
    let waggle = Options::default().start().await;
    let session = Session::open(&waggle).await;
    let smuggled = format!("0\r\n\r\n{}", session.request("DELETE").head());
    let request = session.posting("").header("Transfer-Encoding", "chunked");
    let request = request.header("Content-Length", &smuggled.len().to_string());
    let mut connection = Connection::open(session.to).await;
    connection.write(request.head() + &smuggled).await;
    let (status, _) = connection.head().await.unwrap();
    assert_eq!(status, 400);
    // Whatever followed was not taken for a request.
    assert_eq!(session.posting(ping()).send(session.to).await.status, 200);
    waggle.stop().await;
}

#[tokio::test]
async fn connections_are_kept_and_pipelines_are_answered_in_order() {
    let waggle = Options::default().start().await;
    let session = Session::open(&waggle).await;
    let mut connection = Connection::open(session.to).await;
    for id in 0..20 {
        let request = session.posting(call(id, "echo", json!({ "id": id })).to_string());
        connection.write(request.head()).await;
        connection.write(call(id, "echo", json!({ "id": id })).to_string()).await;
    }
    for id in 0..20 {
        let mut response = connection.response(false).await;
        let body: Value = serde_json::from_slice(&response.body().await).unwrap();
        assert_eq!((&body["id"], &body["result"]["echo"]["id"]), (&json!(id), &json!(id)));
        connection = response.into_connection();
    }
    waggle.stop().await;
}

#[tokio::test]
async fn http_2_with_prior_knowledge() {
    use http_body_util::{BodyExt as _, Full};
    use hyper_util::rt::{TokioExecutor, TokioIo};

    let waggle = Options::default().start().await;
    let stream = tokio::net::TcpStream::connect(waggle.address).await.unwrap();
    let handshake = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream));
    let (mut client, connection) = within("a handshake", handshake).await.unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(connection);
    let post = |session: Option<&str>, message: Value| {
        let mut request = hyper::Request::post(format!("http://{}/mcp", waggle.address))
            .header("content-type", "application/json")
            .header("accept", "application/json, text/event-stream");
        if let Some(id) = session {
            request = request.header("mcp-session-id", id);
        }
        request.body(Full::new(bytes::Bytes::from(message.to_string()))).unwrap()
    };
    let response = client.send_request(post(None, initialize("2025-11-25", json!({})))).await.unwrap();
    let id = response.headers()["mcp-session-id"].to_str().unwrap().to_owned();
    // Many requests on one connection, each on a stream of its own.
    let calls: Vec<_> =
        (0..50).map(|n| client.send_request(post(Some(&id), call(n, "echo", json!({ "n": n }))))).collect();
    for (n, response) in calls.into_iter().enumerate() {
        let response = within("an answer", response).await.unwrap();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let answer: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!((&answer["id"], &answer["result"]["echo"]["n"]), (&json!(n), &json!(n)));
    }
    waggle.stop().await;
}
