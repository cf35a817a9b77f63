//! What a request of 2026-07-28 must be like, and what becomes of one that is not.

use serde_json::{Value, json};

use crate::support::{
    MODERN, Modern, Options, Request, Response, Session, call, initialize, message, retry, script,
};

const CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";
const VERSION: &str = "io.modelcontextprotocol/protocolVersion";

fn echo(id: impl Into<Value>) -> Value {
    call(id, "echo", json!({ "text": "edge" }))
}

/// The error of a refusal, which names the request.
async fn refused(response: Response, status: u16, code: i64) -> Value {
    let (header, allow) = (response.status, response.header("allow").map(str::to_owned));
    let body = response.json().await;
    assert_eq!((header, &body["error"]["code"]), (status, &json!(code)), "{body}");
    assert_eq!(allow.is_some(), status == 405);
    assert!(body["error"]["message"].is_string(), "{body}");
    body
}

#[tokio::test]
async fn a_good_request_is_served_without_a_session() {
    for options in [Options::default(), Options::default().shared(), Options::default().modern()] {
        let waggle = options.start().await;
        let client = Modern::new(&waggle);
        let response = client.post(&echo("good")).await;
        assert_eq!((response.status, response.header("mcp-session-id")), (200, None));
        let answer = response.json().await;
        assert_eq!((&answer["id"], &answer["result"]["echo"]["text"]), (&json!("good"), &json!("edge")));
        assert_eq!(answer["result"]["resultType"], "complete");
        assert_eq!(waggle.status().await["sessions"], 0);
        waggle.stop().await;
    }
}

#[tokio::test]
async fn metadata_is_required_and_checked() {
    let waggle = Options::default().start().await;
    let client = Modern::new(&waggle);
    let good = client.dressed(&echo("meta"));
    let without = |key: &str| {
        let mut bad = good.clone();
        bad["params"]["_meta"].as_object_mut().unwrap().remove(key);
        bad
    };
    let with = |key: &str, value: Value| {
        let mut bad = good.clone();
        bad["params"]["_meta"][key] = value;
        bad
    };
    for bad in [
        echo("meta"),
        without(VERSION),
        without(CAPABILITIES),
        with(VERSION, json!(20_260_728)),
        with(CAPABILITIES, json!([])),
        with("io.modelcontextprotocol/logLevel", json!("loud")),
        with("progressToken", json!({})),
    ] {
        let request = Request::post("/mcp", bad.to_string())
            .header("MCP-Protocol-Version", MODERN)
            .header("Mcp-Method", "tools/call")
            .header("Mcp-Name", "echo");
        let body = refused(request.send(waggle.address).await, 400, -32602).await;
        assert_eq!(body["id"], "meta");
    }
    waggle.stop().await;
}

#[tokio::test]
async fn headers_say_what_the_body_says() {
    let waggle = Options::default().start().await;
    let client = Modern::new(&waggle);
    let good = client.posting(&echo(7));
    let read = client.posting(&message(7, "resources/read", json!({ "uri": "x:ü" })));
    for bad in [
        good.clone().without("MCP-Protocol-Version"),
        good.clone().header("MCP-Protocol-Version", "2025-11-25"),
        good.clone().header("MCP-Protocol-Version", "2027-01-01"),
        good.clone().without("Mcp-Method"),
        good.clone().header("Mcp-Method", "tools/list"),
        good.clone().header("Mcp-Method", "Tools/Call"),
        good.clone().without("Mcp-Name"),
        good.clone().header("Mcp-Name", "script"),
        good.clone().header("Mcp-Name", "=?base64?!?="),
        read.clone().without("Mcp-Name"),
        read.clone().header("Mcp-Name", "x:u"),
    ] {
        let body = refused(bad.send(waggle.address).await, 400, -32020).await;
        assert_eq!(body["id"], 7);
    }
    for good in
        [good.header("Mcp-Name", "=?base64?ZWNobw==?="), read.header("Mcp-Name", "=?base64?eDrDvA==?=")]
    {
        assert_eq!(good.send(waggle.address).await.status, 200);
    }
    waggle.stop().await;
}

#[tokio::test]
async fn an_unknown_revision_is_told_which_are_known() {
    let waggle = Options::default().start().await;
    let client = Modern::new(&waggle);
    let mut body = client.dressed(&echo("version"));
    body["params"]["_meta"][VERSION] = json!("2027-01-01");
    let request = Request::post("/mcp", body.to_string())
        .header("MCP-Protocol-Version", "2027-01-01")
        .header("Mcp-Method", "tools/call")
        .header("Mcp-Name", "echo");
    let body = refused(request.send(waggle.address).await, 400, -32022).await;
    let data = &body["error"]["data"];
    assert_eq!((&body["id"], &data["requested"]), (&json!("version"), &json!("2027-01-01")));
    assert!(data["supported"].as_array().unwrap().contains(&json!(MODERN)), "{data}");
    waggle.stop().await;
}

#[tokio::test]
async fn methods_that_are_gone_or_unknown_are_404() {
    for options in [Options::default(), Options::default().modern()] {
        let waggle = options.start().await;
        let client = Modern::new(&waggle);
        for method in [
            "initialize",
            "ping",
            "logging/setLevel",
            "resources/subscribe",
            "resources/unsubscribe",
            "tasks/list",
            "vendor/anything",
        ] {
            let body = refused(client.post(&message(method, method, json!({}))).await, 404, -32601).await;
            assert_eq!(body["id"], method);
        }
        waggle.stop().await;
    }
}

#[tokio::test]
async fn an_error_of_the_server_is_an_answer() {
    for options in [Options::default(), Options::default().shared(), Options::default().modern()] {
        let waggle = options.start().await;
        let client = Modern::new(&waggle);
        let missing = message("gone", "resources/read", json!({ "uri": "no:such" }));
        let body = refused(client.post(&missing).await, 200, -32602).await;
        assert_eq!((&body["id"], &body["error"]["data"]["uri"]), (&json!("gone"), &json!("no:such")));
        let own = script(1, json!([{ "fail": { "code": -5, "message": "own", "data": [1] } }]));
        let body = refused(client.post(&own).await, 200, -5).await;
        assert_eq!(body["error"]["data"], json!([1]));
        waggle.stop().await;
    }
}

#[tokio::test]
async fn what_this_revision_does_not_send_is_refused() {
    let waggle = Options::default().start().await;
    let client = Modern::new(&waggle);
    let answer = json!({ "jsonrpc": "2.0", "id": 1, "result": {} });
    for body in
        [answer.to_string(), json!([client.dressed(&echo(1))]).to_string(), json!([echo(1)]).to_string()]
    {
        let request = Request::post("/mcp", body).header("MCP-Protocol-Version", MODERN);
        refused(request.send(waggle.address).await, 400, -32600).await;
    }
    let foreign = client.posting(&echo(1)).header("Origin", "https://elsewhere.example");
    assert_eq!(foreign.send(waggle.address).await.status, 403);
    waggle.stop().await;
}

#[tokio::test]
async fn notifications_are_accepted_and_go_no_further() {
    let waggle = Options::default().start().await;
    let client = Modern::new(&waggle);
    for method in ["notifications/cancelled", "notifications/of-some-vendor"] {
        let response = client.post(&message(Value::Null, method, json!({ "requestId": 1 }))).await;
        assert_eq!(response.status, 202, "{method}");
        assert_eq!(response.text().await, "");
    }
    let bad = client.posting(&message(Value::Null, "notifications/of-some-vendor", json!({})));
    refused(bad.header("Mcp-Method", "other").send(waggle.address).await, 400, -32020).await;
    let history = client.history().await;
    assert!(history.iter().all(|message| message["params"]["requestId"].is_null()), "{history:?}");
    waggle.stop().await;
}

#[tokio::test]
async fn get_and_delete_are_for_legacy_clients() {
    for options in [Options::default(), Options::default().modern()] {
        let waggle = options.start().await;
        let session = Session::open(&waggle).await;
        for method in ["GET", "DELETE"] {
            let request = Request::new(method, "/mcp").header("MCP-Protocol-Version", MODERN);
            let response = request.header("Accept", "text/event-stream").send(waggle.address).await;
            assert_eq!(response.header("allow"), Some("POST, OPTIONS"));
            assert_eq!(response.status, 405);
        }
        drop(session.listen().await);
        session.delete().await;
        waggle.stop().await;
    }
}

#[tokio::test]
async fn each_message_is_of_the_era_that_it_claims() {
    let waggle = Options::default().start().await;
    let (client, session) = (Modern::new(&waggle), Session::open(&waggle).await);
    let stale = Session { id: "0123456789abcdef0123456789abcdef".to_owned(), ..session.clone() };
    let bare = |session: &Session| session.posting(echo(1).to_string());
    // Metadata counts more than a session; only a known session makes a modern header a mistake.
    let both = client.posting(&echo(1)).header("Mcp-Session-Id", &session.id);
    assert_eq!(both.send(waggle.address).await.message().await["result"]["resultType"], "complete");
    let odd = client.posting(&echo(1)).header("Mcp-Session-Id", &stale.id);
    assert_eq!(odd.send(waggle.address).await.status, 200);
    let header = |request: Request| request.header("MCP-Protocol-Version", MODERN);
    refused(header(bare(&session)).send(waggle.address).await, 400, -32600).await;
    refused(header(bare(&stale)).send(waggle.address).await, 400, -32602).await;
    assert_eq!(bare(&stale).send(waggle.address).await.status, 404);
    let nothing = Request::post("/mcp", echo(1).to_string());
    refused(nothing.send(waggle.address).await, 400, -32600).await;
    let opening = Request::post("/mcp", initialize("2025-11-25", json!({})).to_string());
    let response = header(opening).send(waggle.address).await;
    assert!(response.header("mcp-session-id").is_some());
    assert_eq!(session.ask(&echo(2)).await["result"], json!({ "echo": { "text": "edge" } }));
    waggle.stop().await;
}

#[tokio::test]
async fn arguments_are_repeated_in_headers_where_the_tool_wants_it() {
    for options in [Options::default(), Options::default().shared(), Options::default().modern()] {
        let waggle = options.start().await;
        let client = Modern::new(&waggle);
        let request = client.posting(&call(1, "regional", json!({ "region": "eu" })));
        refused(request.clone().send(waggle.address).await, 400, -32020).await;
        let wrong = request.clone().header("Mcp-Param-Region", "us");
        refused(wrong.send(waggle.address).await, 400, -32020).await;
        let right = request.header("Mcp-Param-Region", "eu").send(waggle.address).await;
        assert_eq!(right.message().await["result"]["echo"]["region"], "eu");
        client.result(&call(2, "regional", json!({}))).await;
        waggle.stop().await;
    }
}

#[tokio::test]
async fn a_state_of_nobodys_making_is_refused() {
    let waggle = Options::default().start().await;
    let asked = json!({ "resultType": "input_required", "requestState": "made up" });
    for client in [Modern::new(&waggle), Modern::with_forms(&waggle)] {
        let body = client.post(&retry(9, &echo(1), &asked, json!({}))).await;
        assert_eq!(refused(body, 200, -32602).await["id"], 9);
    }
    waggle.stop().await;
}
