//! The admin port.

use serde_json::json;

use crate::support::{Options, Request, Session, call, script};

#[tokio::test]
async fn health_follows_the_server() {
    let alone = Options::default().proxy(&["--warm-processes", "0"]);
    let waggle =
        alone.wrapper(&["sh", "-c", "read -r _ < \"$GATE\"; exec \"$0\" \"$@\""]).gated().start().await;
    assert!(!waggle.is_ready().await);
    let response = Request::new("GET", "/readyz").send(waggle.admin).await;
    assert_eq!((response.status, response.header("content-type")), (503, Some("text/plain; charset=utf-8")));
    assert!(response.text().await.contains("initialize"));
    assert_eq!(waggle.status().await["serverInfo"], json!(null));
    waggle.open_gate();
    crate::support::eventually("ready", async || waggle.is_ready().await).await;
    assert_eq!(waggle.status().await["serverInfo"]["name"], "fake");
    for path in ["/livez", "/livez/", "/readyz"] {
        assert_eq!(Request::new("GET", path).send(waggle.admin).await.status, 200, "{path}");
        assert_eq!(Request::new("HEAD", path).send(waggle.admin).await.status, 200, "{path}");
    }
    waggle.stop().await;
}

#[tokio::test]
async fn the_counters_move() {
    let waggle = Options::default().start().await;
    let before = waggle.metrics().await;
    let session = Session::open(&waggle).await;
    session.ask(&call(1, "echo", json!({}))).await;
    session.post(&script(2, json!([{ "progress": 1 }]))).await.events().rest().await;
    session.posting("{").send(session.to).await;
    waggle.gauge("waggle_streams_ended_total{end=\"Complete\"}", 1.0).await;
    let after = waggle.metrics().await;
    for name in ["to_server", "from_server", "from_client", "to_client"] {
        let name = format!("waggle_{name}_bytes_total");
        assert!(after[&name] > before[&name], "{name}");
    }
    let calls = |kind: &str| format!("waggle_request_duration_seconds_{kind}{{method=\"ToolsCall\"");
    let count = format!("{}}}", calls("count"));
    assert_eq!(after[&count] - before[&count], 2.0);
    assert!(
        after.keys().any(|name| name.contains("ToolsCall") && name.contains("le=\"0.00005\"")),
        "50 µs: {after:?}"
    );
    assert_eq!(after["waggle_sessions"], 1.0);
    assert_eq!(after["waggle_requests_in_flight"], 0.0);
    assert_eq!(after["waggle_http_refusals_total{status=\"400\"}"], 1.0);
    waggle.stop().await;
}

#[tokio::test]
async fn nothing_else_is_there() {
    let waggle = Options::default().start().await;
    for (method, path, expected) in [("GET", "/mcp", 404), ("POST", "/status", 405), ("GET", "/", 404)] {
        assert_eq!(Request::new(method, path).send(waggle.admin).await.status, expected, "{method} {path}");
    }
    for path in ["/livez", "/metrics", "/status"] {
        assert_eq!(
            Request::new("GET", path).send(waggle.address).await.status,
            404,
            "not on the public port: {path}"
        );
    }
    waggle.stop().await;
}

#[tokio::test]
async fn it_can_be_off() {
    let waggle = Options::replacing(&[("--listen", "127.0.0.1:0"), ("--admin-listen", "off")]).start().await;
    Session::open(&waggle).await.script(json!([])).await;
    waggle.stop().await;
}
