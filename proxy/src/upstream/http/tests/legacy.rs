//! Streamable HTTP up to 2025-11-25: the handshake, answers in either form, streams that are resumed.

use super::*;

pub(super) const HANDSHAKE: &str =
    r#"{"protocolVersion":"2025-11-25","capabilities":{},"serverInfo":{"name":"s","version":"1"}}"#;

/// A link that has said hello; its stream waits for an answer.
pub(super) async fn greeted(session: Option<&str>) -> (HttpLink, Peer, Request) {
    let (mut link, mut peer) = pair(HttpKind::Legacy).await;
    let initialize = request(1, "initialize", r#"{"protocolVersion":"2025-11-25"}"#);
    link.say(&initialize);
    let posted = peer.post(&initialize).await;
    assert_eq!((posted.header("mcp-session-id"), posted.header("mcp-protocol-version")), (None, None));
    let mut headers = vec![("content-type", "application/json")];
    headers.extend(session.map(|id| ("Mcp-Session-Id", id)));
    posted.respond(200, &headers, result(1, HANDSHAKE)).await;
    assert_eq!(link.hear().await, (result(1, HANDSHAKE), Some(1)));
    link.say(&notification("notifications/initialized"));
    let posted = peer.post(&notification("notifications/initialized")).await;
    assert_eq!(posted.header("mcp-session-id"), session);
    posted.accept().await;
    let stream = peer.get().await;
    assert_eq!(stream.header("mcp-session-id"), session);
    (link, peer, stream)
}

#[tokio::test]
async fn nothing_overtakes_the_handshake_and_each_request_names_the_session() {
    let (mut link, mut peer) = pair(HttpKind::Legacy).await;
    link.say(&request(1, "initialize", "{}"));
    let posted = peer.post(&request(1, "initialize", "{}")).await;
    let mut events =
        posted.open(200, &[("content-type", "text/event-stream"), ("mcp-session-id", "s-1")]).await;
    // The server may want to know first whether anybody is there.
    events.message(&request(9, "ping", "{}")).await;
    assert_eq!(link.hear().await, (request(9, "ping", "{}"), Some(1)));
    link.say(&result(9, "{}"));
    let pong = peer.post(&result(9, "{}")).await;
    assert_eq!((pong.header("mcp-session-id"), pong.header("mcp-protocol-version")), (Some("s-1"), None));
    pong.accept().await;
    events.message(&result(1, HANDSHAKE)).await;
    link.hear().await;
    link.say(&notification("notifications/initialized"));
    link.say(&call(2));
    // The call waits though the notification takes its time.
    let initialized = peer.post(&notification("notifications/initialized")).await;
    initialized.accept().await;
    let mut both = [peer.request().await, peer.request().await];
    both.sort_by_key(|request| request.method.clone());
    let [stream, posted] = both;
    for request in [&stream, &posted] {
        assert_eq!(request.header("mcp-session-id"), Some("s-1"));
        assert_eq!(request.header("mcp-protocol-version"), Some("2025-11-25"));
        assert_eq!(request.header("last-event-id"), None);
    }
    assert_eq!((&*stream.method, &*posted.body), ("GET", &*call(2)));
    stream.respond(405, &[], "").await;
    posted.json(&result(2, r#"{"two":2}"#)).await;
    assert_eq!(link.hear().await, (result(2, r#"{"two":2}"#), Some(2)));
    // Its end is told.
    let closing = tokio::task::JoinSet::from_iter([link.close()]);
    let farewell = peer.request().await;
    assert_eq!((&*farewell.method, farewell.header("mcp-session-id")), ("DELETE", Some("s-1")));
    farewell.respond(200, &[], "").await;
    soon(closing.join_all()).await;
}

#[tokio::test]
async fn messages_bear_the_request_on_whose_stream_they_came() {
    let (mut link, mut peer, stream) = greeted(None).await;
    let mut background = stream.events().await;
    link.say(&call(2));
    link.say(&call(3));
    let mut two = peer.request().await.events().await;
    let mut three = peer.request().await.events().await;
    // Which came first cannot be told: the answers name the requests.
    background.message(&notification("background")).await;
    assert_eq!(link.hear().await, (notification("background"), None));
    two.message(&notification("related")).await;
    let (_, first) = link.hear().await;
    two.message(&result(first.unwrap(), "{}")).await;
    assert_eq!(link.hear().await, (result(first.unwrap(), "{}"), first));
    let second = 5 - first.unwrap();
    three.message(&request(7, "sampling/createMessage", "{}")).await;
    assert_eq!(link.hear().await, (request(7, "sampling/createMessage", "{}"), Some(second)));
    link.say(&result(7, r#"{"role":"user"}"#));
    peer.post(&result(7, r#"{"role":"user"}"#)).await.accept().await;
    three.message(&result(second, "{}")).await;
    link.hear().await;
    // A link that goes away takes its streams along.
    drop(link);
    background.closed().await;
}

#[tokio::test]
async fn a_stream_that_breaks_off_is_resumed_and_what_it_repeats_is_dropped() {
    let (mut link, mut peer, stream) = greeted(Some("s-7")).await;
    stream.respond(405, &[], "").await;
    link.say(&call(2));
    let mut events = peer.post(&call(2)).await.events().await;
    assert!(events.send("id: a-0\nretry: 1\ndata:\n\n").await);
    assert!(events.send(format!("id: a-1\ndata: {}\n\n", notification("one"))).await);
    assert_eq!(link.hear().await.0, notification("one"));
    // Cut in the middle of an event.
    assert!(events.send(r#"data: {"jsonrpc":"2.0","id":2,"res"#).await);
    drop(events);
    let resumed = peer.get().await;
    assert_eq!(
        (resumed.header("last-event-id"), resumed.header("mcp-session-id")),
        (Some("a-1"), Some("s-7"))
    );
    // The server is away for a moment.
    resumed.respond(503, &[], "").await;
    let mut events = peer.get().await.events().await;
    for (id, message) in [("a-1", "one"), ("a-2", "two")] {
        assert!(events.send(format!("id: {id}\ndata: {}\n\n", notification(message))).await);
    }
    assert_eq!(link.hear().await, (notification("two"), Some(2)));
    // An end without the answer is a pause (2025-11-25).
    events.end().await;
    let resumed = peer.get().await;
    assert_eq!(resumed.header("last-event-id"), Some("a-2"));
    let mut events = resumed.events().await;
    events.message(&result(2, "{}")).await;
    assert_eq!(link.hear().await, (result(2, "{}"), Some(2)));
}

#[tokio::test]
async fn the_background_stream_is_opened_again() {
    let (mut link, mut peer, stream) = greeted(None).await;
    let mut events = stream.events().await;
    assert!(events.send(format!("retry: 1\nid: b-1\ndata: {}\n\n", notification("one"))).await);
    assert_eq!(link.hear().await, (notification("one"), None));
    drop(events);
    let again = peer.get().await;
    assert_eq!(again.header("last-event-id"), Some("b-1"));
    again.respond(502, &[], "").await;
    let mut events = peer.get().await.events().await;
    events.message(&notification("two")).await;
    assert_eq!(link.hear().await, (notification("two"), None));
}

#[tokio::test]
async fn a_request_without_an_answer_is_answered_with_an_error() {
    let (mut link, mut peer, stream) = greeted(None).await;
    stream.respond(405, &[], "").await;
    for (id, status, headers, body, text) in [
        (
            2,
            401,
            &[][..],
            "",
            "the server refuses the proxy's credentials (401 Unauthorized); see `--upstream-header`",
        ),
        (
            3,
            429,
            &[("retry-after", "7")],
            "",
            "the server has answered 429 Too Many Requests; it asks to retry after 7",
        ),
        (4, 500, &[], "sesame", "the server has answered 500 Internal Server Error"),
        (5, 202, &[], "", "the server has not answered the request (202 Accepted)"),
        (
            6,
            200,
            &[("content-type", "text/html")],
            "<p>",
            "the server has answered with the content type `text/html`",
        ),
        (
            7,
            200,
            &[("content-type", "application/json")],
            "{",
            "the server has answered with something else than a JSON-RPC message",
        ),
        (
            8,
            400,
            &[],
            r#"{"jsonrpc":"2.0","error":{"code":-32000,"message":"no"},"id":null}"#,
            "the server has answered 400 Bad Request: no",
        ),
        (
            9,
            301,
            &[("location", "/")],
            "",
            "the server redirects with 301 Moved Permanently, which is not followed",
        ),
        (
            10,
            200,
            &[("content-type", "text/event-stream")],
            "data: {\"jsonrpc\":\"2.0\",\"method\":\"n\"}\n\n",
            "the server has ended the stream without an answer",
        ),
    ] {
        link.say(&call(id));
        peer.post(&call(id)).await.respond(status, headers, body).await;
        if id == 10 {
            link.hear().await;
        }
        assert_eq!(link.hear_error(id).await, (-31006, text.to_owned()));
    }
    // What is an answer stays one, whatever the status.
    link.say(&call(11));
    peer.post(&call(11))
        .await
        .respond(500, &[("content-type", "application/json")], error("11", -32603))
        .await;
    assert_eq!(link.hear().await, (error("11", -32603), Some(11)));
    // The connection is cut before the head, and in the middle of the body.
    link.say(&call(12));
    drop(peer.post(&call(12)).await);
    let (code, text) = link.hear_error(12).await;
    assert!(
        code == -31006 && text.starts_with("the server has closed the connection without an answer: "),
        "{text}"
    );
    link.say(&call(13));
    let mut body = peer.post(&call(13)).await.open(200, &[("content-type", "application/json")]).await;
    assert!(body.send(r#"{"jsonrpc":"2.0","id":13,"#).await);
    drop(body);
    assert!(link.hear_error(13).await.1.starts_with("the server has broken off: "));
}

#[tokio::test]
async fn a_server_that_speaks_something_else_is_told_from_one_that_fails() {
    for (status, body, spoken) in [
        (400, "no", Err("has answered 400 Bad Request")),
        (404, "", Err("has answered 404 Not Found")),
        (405, "", Err("has answered 405 Method Not Allowed")),
        (403, "", Ok("refuses the proxy's credentials (403 Forbidden); see `--upstream-header`")),
        (503, "", Ok("has answered 503 Service Unavailable")),
    ] {
        let (mut link, mut peer) = pair(HttpKind::Legacy).await;
        link.say(&request(1, "initialize", "{}"));
        peer.post(&request(1, "initialize", "{}")).await.respond(status, &[], body).await;
        match spoken {
            Err(text) => assert_eq!(link.is_not_spoken().await, text),
            Ok(text) => assert_eq!(link.fails().await, text),
        }
    }
    // Nobody listens.
    let unused = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut link = link_to(settings(&format!("http://{unused}/mcp")), HttpKind::Legacy);
    link.say(&request(1, "initialize", "{}"));
    let text = link.fails().await;
    assert!(text.starts_with("cannot be reached: ") && text.contains("refused"), "{text}");
}

#[tokio::test]
async fn a_cancelled_request_is_given_up_once_the_server_knows() {
    let (mut link, mut peer, stream) = greeted(None).await;
    stream.respond(405, &[], "").await;
    link.say(&call(2));
    let events = peer.post(&call(2)).await.events().await;
    let cancel = r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":2}}"#;
    link.say(cancel);
    peer.post(cancel).await.accept().await;
    events.closed().await;
}
