//! Who may talk to the proxy: `Host`, `Origin`, CORS.

use serde_json::json;

use crate::support::{Options, Request, Session, initialize};

fn attempt(path: &str) -> Request {
    match path {
        "/sse" => Request::new("GET", path),
        _ => Request::post(path, initialize("2025-11-25", json!({})).to_string()),
    }
}

#[tokio::test]
async fn foreign_hosts_and_origins_are_refused_everywhere() {
    let waggle = Options::default().start().await;
    for (name, value, allowed) in [
        ("Host", "localhost:1234", true),
        ("Host", "127.0.0.1", true),
        ("Host", "[::1]:80", true),
        ("Host", "evil.example", false),
        ("Host", "localhost.evil.example", false),
        ("Host", "127.0.0.1.evil.example:80", false),
        ("Origin", "http://localhost:6274", true),
        ("Origin", "http://127.0.0.1", true),
        ("Origin", "null", true),
        ("Origin", "http://evil.example", false),
        ("Origin", "http://localhost.evil.example", false),
        ("Origin", "http://evil.example:80/localhost", false),
    ] {
        for path in ["/mcp", "/sse"] {
            let response = attempt(path).header(name, value).send(waggle.address).await;
            assert_eq!(response.status, if allowed { 200 } else { 403 }, "{name}: {value} on {path}");
            if !allowed {
                assert!(response.header("access-control-allow-origin").is_none());
                assert!(response.json().await["error"]["message"].is_string());
            }
        }
    }
    for (method, path) in
        [("GET", "/mcp"), ("DELETE", "/mcp"), ("OPTIONS", "/mcp"), ("POST", "/messages?sessionId=x")]
    {
        let response =
            Request::new(method, path).header("Origin", "http://evil.example").send(waggle.address).await;
        assert_eq!(response.status, 403, "{method} {path}");
    }
    waggle.stop().await;
}

#[tokio::test]
async fn listed_names_are_served() {
    let options = ["--allowed-host", "mcp.example", "--allowed-origin", "https://app.example"];
    let waggle = Options::default().proxy(&options).start().await;
    let request = attempt("/mcp").header("Host", "mcp.example:8443").header("Origin", "https://app.example");
    let response = request.send(waggle.address).await;
    assert_eq!(response.status, 200);
    assert_eq!(response.header("access-control-allow-origin"), Some("https://app.example"));
    assert!(response.header("access-control-expose-headers").unwrap().contains("Mcp-Session-Id"));
    assert_eq!(response.header("vary"), Some("Origin"));
    waggle.stop().await;
}

#[tokio::test]
async fn a_browser_may_ask_first_and_read_every_answer() {
    let waggle = Options::default().start().await;
    let origin = "http://localhost:6274";
    let preflight = Request::new("OPTIONS", "/mcp")
        .header("Origin", origin)
        .header("Access-Control-Request-Method", "DELETE")
        .header("Access-Control-Request-Headers", "content-type, mcp-session-id, mcp-param-region");
    let response = preflight.send(waggle.address).await;
    assert_eq!((response.status, response.header("access-control-allow-origin")), (204, Some(origin)));
    assert!(response.header("access-control-allow-methods").unwrap().contains("DELETE"));
    let allowed = response.header("access-control-allow-headers").unwrap().to_ascii_lowercase();
    for name in [
        "content-type",
        "mcp-session-id",
        "mcp-protocol-version",
        "last-event-id",
        "authorization",
        "mcp-param-region",
    ] {
        assert!(allowed.contains(name), "{name}: {allowed}");
    }
    let session = Session::open(&waggle).await;
    for request in [session.request("GET"), session.posting("{"), Request::new("GET", "/nothing")] {
        let response = request.header("Origin", origin).send(waggle.address).await;
        assert_eq!(response.header("access-control-allow-origin"), Some(origin), "{}", response.status);
    }
    // Without an origin nothing is said about it.
    let response = session.request("GET").send(waggle.address).await;
    assert_eq!(response.header("access-control-allow-origin"), None);
    waggle.stop().await;
}

#[tokio::test]
async fn an_authorization_that_nobody_asked_for_is_no_obstacle() {
    let waggle = Options::default().start().await;
    for value in ["", "bearer", "bearer abc", "Basic eDp5"] {
        let response = attempt("/mcp").header("Authorization", value).send(waggle.address).await;
        assert_eq!(response.status, 200, "{value}");
    }
    waggle.stop().await;
}
