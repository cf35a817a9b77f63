//! Streamable HTTP of 2026-07-28: headers that repeat the body, streams whose end is a cancellation.

use super::*;

const META: &str = r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","progressToken":7}"#;
const TOOL: &str =
    r#"{"name":"t","inputSchema":{"properties":{"r":{"type":"string","x-mcp-header":"Region"}}}}"#;

fn annotated_call(id: u64) -> String {
    request(id, "tools/call", &format!(r#"{{"name":"t","arguments":{{"r":"eu-5"}},{META}}}"#))
}

#[tokio::test]
async fn each_request_repeats_its_body_in_headers() {
    let (mut link, mut peer) = pair(HttpKind::Modern).await;
    let discover = request(1, "server/discover", &format!("{{{META}}}"));
    link.say(&discover);
    let posted = peer.post(&discover).await;
    assert_eq!(posted.path, "/mcp");
    assert_eq!(posted.header("mcp-protocol-version"), Some("2026-07-28"));
    assert_eq!((posted.header("mcp-method"), posted.header("mcp-name")), (Some("server/discover"), None));
    // A session is none of its business.
    let headers = [("content-type", "application/json"), ("mcp-session-id", "s-1")];
    posted.respond(200, &headers, result(1, r#"{"supportedVersions":["2026-07-28"]}"#)).await;
    link.hear().await;
    let read = request(2, "resources/read", r#"{"uri":"file:///é"}"#);
    link.say(&read);
    let posted = peer.post(&read).await;
    assert_eq!(posted.header("mcp-name"), Some("=?base64?ZmlsZTovLy/DqQ==?="));
    assert_eq!(posted.header("mcp-session-id"), None);
    let mut events = posted.events().await;
    events.message(&notification("n")).await;
    assert_eq!(link.hear().await, (notification("n"), Some(2)));
    events.message(&result(2, "{}")).await;
    assert_eq!(link.hear().await, (result(2, "{}"), Some(2)));
}

#[tokio::test]
async fn to_cancel_a_request_is_to_close_its_stream() {
    let (mut link, mut peer) = pair(HttpKind::Modern).await;
    let cancel = |id| {
        format!(r#"{{"jsonrpc":"2.0","method":"notifications/cancelled","params":{{"requestId":{id}}}}}"#)
    };
    // In the middle of the answer, and before its head.
    link.say(&call(1));
    let mut events = peer.post(&call(1)).await.events().await;
    events.message(&notification("n")).await;
    link.hear().await;
    link.say(&cancel(1));
    events.closed().await;
    link.say(&call(2));
    let waiting = peer.post(&call(2)).await;
    link.say(&cancel(2));
    waiting.closed().await;
    // Nothing was posted, and nothing is answered.
    link.say(&call(3));
    peer.post(&call(3)).await.json(&result(3, "{}")).await;
    assert_eq!(link.hear().await, (result(3, "{}"), Some(3)));
}

#[tokio::test]
async fn a_subscription_may_be_silent() {
    let peer_settings = |url: &str| HttpSettings {
        config: bounds(|times| times.upstream_idle_timeout = Duration::from_millis(50)),
        ..settings(url)
    };
    let mut peer = Peer::start(None).await;
    let mut link = link_to(peer_settings(&peer.url("/mcp")), HttpKind::Modern);
    let listen = request(1, "subscriptions/listen", "{}");
    link.say(&listen);
    let mut subscription = peer.post(&listen).await.events().await;
    // A call beside it is given up meanwhile.
    link.say(&call(2));
    let silent = peer.post(&call(2)).await.events().await;
    assert_eq!(link.hear_error(2).await.0, -31007);
    silent.closed().await;
    subscription.message(&notification("changed")).await;
    assert_eq!(link.hear().await, (notification("changed"), Some(1)));
}

#[tokio::test]
async fn arguments_in_headers_are_learnt_from_the_list_that_passes_by() {
    let (mut link, mut peer) = pair(HttpKind::Modern).await;
    link.say(&request(1, "tools/list", "{}"));
    let bad = r#"{"name":"bad","inputSchema":{"properties":{"r":{"x-mcp-header":"R"}}}}"#;
    let list = |tools: &str| result(1, &format!(r#"{{"tools":[{tools}],"ttlMs":0}}"#));
    peer.request().await.json(&list(&format!("{bad},{TOOL}"))).await;
    assert_eq!(link.hear().await.0, list(TOOL), "a tool that must not be called is not shown");
    link.say(&annotated_call(2));
    let posted = peer.post(&annotated_call(2)).await;
    assert_eq!((posted.header("mcp-name"), posted.header("mcp-param-region")), (Some("t"), Some("eu-5")));
    posted.json(&result(2, "{}")).await;
    link.hear().await;
}

#[tokio::test]
async fn a_complaint_about_headers_is_met_with_the_tools_once() {
    let (mut link, mut peer) = pair(HttpKind::Modern).await;
    link.say(&annotated_call(2));
    let posted = peer.post(&annotated_call(2)).await;
    assert_eq!(posted.header("mcp-param-region"), None);
    posted.respond(400, &[("content-type", "application/json")], error("2", -32020)).await;
    let listed = peer.request().await;
    assert_eq!(listed.header("mcp-method"), Some("tools/list"));
    assert!(
        listed.body.contains("protocolVersion") && !listed.body.contains("progressToken"),
        "{}",
        listed.body
    );
    listed.json(&result(0, r#"{"tools":[],"nextCursor":"more"}"#)).await;
    let listed = peer.request().await;
    assert!(listed.body.contains(r#""cursor":"more""#), "{}", listed.body);
    listed.json(&result(1, &format!(r#"{{"tools":[{TOOL}]}}"#))).await;
    let posted = peer.post(&annotated_call(2)).await;
    assert_eq!(posted.header("mcp-param-region"), Some("eu-5"));
    // Not good enough: now the client hears of it.
    posted.respond(400, &[("content-type", "application/json")], error("2", -32020)).await;
    assert_eq!(link.hear().await, (error("2", -32020), Some(2)));
}

#[tokio::test]
async fn discovery_tells_what_the_server_speaks() {
    let discover = request(1, "server/discover", "{}");
    for (status, body, heard) in [
        (200, error("1", -32601), Ok(error("1", -32601))),
        (200, error("null", -32603), Ok(error("1", -32603))),
        (400, error("1", -32022), Ok(error("1", -32022))),
        (404, error("null", -32601), Ok(error("1", -32601))),
        (400, error("null", -32000), Err("has answered 400 Bad Request: said so")),
        (400, "Bad Request".to_owned(), Err("has answered 400 Bad Request")),
        (404, error("null", -32001), Err("has answered 404 Not Found: said so")),
        (405, String::new(), Err("has answered 405 Method Not Allowed")),
        (406, String::new(), Err("has answered 406 Not Acceptable")),
        (415, String::new(), Err("has answered 415 Unsupported Media Type")),
        (202, String::new(), Err("has not answered the request (202 Accepted)")),
    ] {
        let (mut link, mut peer) = pair(HttpKind::Modern).await;
        link.say(&discover);
        peer.post(&discover).await.respond(status, &[("content-type", "application/json")], &body).await;
        match heard {
            Ok(message) => assert_eq!(link.hear().await, (message, Some(1)), "{status} {body}"),
            Err(text) => assert_eq!(link.is_not_spoken().await, text, "{status} {body}"),
        }
    }
}

#[tokio::test]
async fn a_stream_that_breaks_off_is_an_error_for_its_request_alone() {
    let (mut link, mut peer) = pair(HttpKind::Modern).await;
    link.say(&call(1));
    let mut events = peer.post(&call(1)).await.events().await;
    assert!(events.send("id: 1\ndata:\n\n").await);
    drop(events);
    let (code, text) = link.hear_error(1).await;
    assert!(code == -31006 && text.starts_with("the server has broken off: "), "{text}");
    link.say(&call(2));
    peer.post(&call(2)).await.json(&result(2, "{}")).await;
    link.hear().await;
}
