//! Sessions that the server loses.

use super::legacy::{HANDSHAKE, greeted};
use super::*;

/// The peer has forgotten the session and is asked for another, `id`.
async fn greets_anew(peer: &mut Peer, id: &str, handshake: &str) {
    let posted = peer.post(&request(1, "initialize", r#"{"protocolVersion":"2025-11-25"}"#)).await;
    assert_eq!(posted.header("mcp-session-id"), None);
    let mut events = posted.open(200, &[("content-type", "text/event-stream"), ("mcp-session-id", id)]).await;
    events.message(&result(1, handshake)).await;
}

#[tokio::test]
async fn a_lost_session_is_replaced_unseen() {
    let (mut link, mut peer, stream) = greeted(Some("s-1")).await;
    let stream = stream.events().await;
    let level = request(2, "logging/setLevel", r#"{"level":"debug"}"#);
    link.say(&level);
    peer.post(&level).await.json(&result(2, "{}")).await;
    link.hear().await;
    link.say(&call(3));
    let posted = peer.post(&call(3)).await;
    assert_eq!(posted.header("mcp-session-id"), Some("s-1"));
    posted.respond(404, &[], error("3", -32001)).await;
    greets_anew(&mut peer, "s-2", HANDSHAKE).await;
    let initialized = peer.post(&notification("notifications/initialized")).await;
    assert_eq!(initialized.header("mcp-session-id"), Some("s-2"));
    initialized.accept().await;
    peer.post(&level).await.json(&result(2, "{}")).await;
    let mut both = [peer.request().await, peer.request().await];
    both.sort_by_key(|request| request.method.clone());
    let [again, posted] = both;
    assert_eq!((&*again.method, again.header("mcp-session-id")), ("GET", Some("s-2")));
    assert_eq!((&*posted.body, posted.header("mcp-session-id")), (&*call(3), Some("s-2")));
    stream.closed().await;
    posted.json(&result(3, r#"{"three":3}"#)).await;
    assert_eq!(link.hear().await, (result(3, r#"{"three":3}"#), Some(3)), "and nothing of the handshake");
}

#[tokio::test]
async fn a_lost_session_that_held_something_ends_the_link() {
    for kept in [request(2, "resources/subscribe", r#"{"uri":"a"}"#), request(2, "tasks/get", "{}")] {
        let (mut link, mut peer, stream) = greeted(Some("s-1")).await;
        stream.respond(405, &[], "").await;
        link.say(&kept);
        peer.post(&kept).await.json(&result(2, "{}")).await;
        link.hear().await;
        link.say(&call(3));
        peer.post(&call(3)).await.respond(404, &[], "").await;
        assert_eq!(link.fails().await, "has ended the session");
    }
    // Another request is under way.
    let (mut link, mut peer, stream) = greeted(Some("s-1")).await;
    stream.respond(405, &[], "").await;
    link.say(&call(2));
    let _other = peer.post(&call(2)).await;
    link.say(&call(3));
    peer.post(&call(3)).await.respond(404, &[], "").await;
    assert_eq!(link.fails().await, "has ended the session");
}

#[tokio::test]
async fn a_server_that_has_changed_meanwhile_ends_the_link() {
    let (mut link, mut peer, stream) = greeted(Some("s-1")).await;
    stream.respond(405, &[], "").await;
    link.say(&call(2));
    peer.post(&call(2)).await.respond(404, &[], "").await;
    greets_anew(&mut peer, "s-2", r#"{"protocolVersion":"2025-06-18","capabilities":{}}"#).await;
    assert_eq!(link.fails().await, "has ended the session and changed");
    let (mut link, mut peer, stream) = greeted(Some("s-1")).await;
    stream.respond(405, &[], "").await;
    link.say(&call(2));
    peer.post(&call(2)).await.respond(404, &[], "").await;
    peer.request().await.respond(503, &[], "").await;
    assert_eq!(
        link.fails().await,
        "has ended the session, and begins no other: it has answered 503 Service Unavailable"
    );
}

#[tokio::test]
async fn the_end_of_a_session_is_also_seen_on_its_stream() {
    let (mut link, mut peer, stream) = greeted(Some("s-1")).await;
    let mut events = stream.events().await;
    assert!(events.send("retry: 1\ndata:\n\n").await);
    events.end().await;
    peer.get().await.respond(404, &[], "").await;
    greets_anew(&mut peer, "s-2", HANDSHAKE).await;
    peer.post(&notification("notifications/initialized")).await.accept().await;
    let stream = peer.get().await;
    assert_eq!(stream.header("mcp-session-id"), Some("s-2"));
    stream.events().await.message(&notification("two")).await;
    assert_eq!(link.hear().await, (notification("two"), None));
}

#[tokio::test]
async fn a_request_cancelled_while_its_session_is_replaced_leaves_the_link_as_it_was() {
    let (mut link, mut peer, stream) = greeted(Some("s-1")).await;
    stream.respond(405, &[], "").await;
    link.say(&call(2));
    let posted = peer.post(&call(2)).await;
    let cancel = r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":2}}"#;
    link.say(cancel);
    let cancelled = peer.post(cancel).await;
    posted.respond(404, &[], "").await;
    let initialize = peer.request().await;
    assert_eq!(initialize.header("mcp-session-id"), None);
    cancelled.accept().await;
    initialize.closed().await;
    link.say(&call(3));
    let posted = peer.post(&call(3)).await;
    assert_eq!(posted.header("mcp-session-id"), Some("s-1"));
    posted.respond(404, &[], "").await;
    greets_anew(&mut peer, "s-2", HANDSHAKE).await;
    peer.post(&notification("notifications/initialized")).await.accept().await;
    let posted = peer.post(&call(3)).await;
    assert_eq!(posted.header("mcp-session-id"), Some("s-2"));
    posted.json(&result(3, "{}")).await;
    assert_eq!(link.hear().await, (result(3, "{}"), Some(3)));
}

#[tokio::test]
async fn a_session_that_ends_within_the_handshake_is_not_replaced() {
    let (mut link, mut peer) = pair(HttpKind::Legacy).await;
    link.say(&request(1, "initialize", "{}"));
    let headers = [("content-type", "application/json"), ("mcp-session-id", "s-1")];
    peer.request().await.respond(200, &headers, result(1, HANDSHAKE)).await;
    link.hear().await;
    link.say(&notification("notifications/initialized"));
    peer.post(&notification("notifications/initialized")).await.respond(404, &[], "").await;
    assert_eq!(link.fails().await, "has ended the session");
}

#[tokio::test]
async fn a_request_whose_stream_is_lost_is_never_sent_twice() {
    let (mut link, mut peer, stream) = greeted(Some("s-1")).await;
    stream.respond(405, &[], "").await;
    link.say(&call(2));
    let mut events = peer.post(&call(2)).await.events().await;
    assert!(events.send("id: a-1\nretry: 1\ndata:\n\n").await);
    drop(events);
    // The session is gone, but the request may have been carried out.
    peer.get().await.respond(404, &[], "").await;
    let lost = "the server has broken off, and does not resume the stream (404 Not Found)";
    assert_eq!(link.hear_error(2).await, (-31006, lost.to_owned()));
    assert!(peer.has_heard_nothing());
}
