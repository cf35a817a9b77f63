//! HTTP+SSE.

use super::*;

#[tokio::test]
async fn messages_go_to_the_endpoint_and_come_on_the_stream() {
    let (mut link, mut peer) = pair(HttpKind::Sse).await;
    link.say(&request(1, "initialize", "{}"));
    let mut events = peer.get().await.events().await;
    assert!(events.send("event: endpoint\ndata: /messages?id=7\n\n").await);
    let posted = peer.post(&request(1, "initialize", "{}")).await;
    assert_eq!(posted.path, "/messages?id=7");
    posted.accept().await;
    events.message(&result(1, "{}")).await;
    assert_eq!(link.hear().await, (result(1, "{}"), None));
    link.say(&call(2));
    peer.post(&call(2)).await.respond(500, &[], "").await;
    assert_eq!(link.hear_error(2).await.1, "the server has answered 500 Internal Server Error");
    events.end().await;
    assert_eq!(link.fails().await, "has closed its event stream");
}

#[tokio::test]
async fn an_endpoint_elsewhere_gets_nothing() {
    let (mut link, mut peer) = pair(HttpKind::Sse).await;
    let other = Peer::start(None).await;
    link.say(&call(1));
    let mut events = peer.get().await.events().await;
    assert!(events.send(format!("event: endpoint\ndata: {}\n\n", other.url("/messages"))).await);
    assert_eq!(link.fails().await, "names an endpoint of another origin");
    assert!(other.has_heard_nothing());
}

#[tokio::test]
async fn what_opens_no_stream_does_not_speak_it() {
    for (status, kind, text) in [
        (404, "text/plain", "has answered 404 Not Found"),
        (200, "text/html", "has answered with something else than an event stream"),
    ] {
        let (mut link, mut peer) = pair(HttpKind::Sse).await;
        link.say(&request(1, "initialize", "{}"));
        peer.get().await.respond(status, &[("content-type", kind)], "").await;
        assert_eq!(link.is_not_spoken().await, text);
    }
}
