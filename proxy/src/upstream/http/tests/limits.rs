//! Servers that send too much, too slowly, or elsewhere.

use std::io::Write as _;

use flate2::{Compression, write::GzEncoder};

use super::*;

const JSON: (&str, &str) = ("content-type", "application/json");

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

/// Sends `piece` until the client is gone.
async fn flood(mut body: Streaming, piece: &[u8]) {
    soon(async { while body.send(piece).await {} }).await;
}

#[tokio::test]
async fn an_endless_message_is_cut() {
    let (mut link, mut peer) = pair(HttpKind::Modern).await;
    let too_large = (-31006, format!("the server has sent a message above the limit of {MAX_MESSAGE} bytes"));
    for (id, kind, start) in [
        (1, "application/json", "{"),
        (2, "text/event-stream", "data: {"),
        (3, "text/event-stream", "data: x\n\ndata:"),
    ] {
        link.say(&call(id));
        let mut body = peer.post(&call(id)).await.open(200, &[("content-type", kind)]).await;
        body.send(start).await;
        if id == 3 {
            // What is no message is the end of it already.
            assert!(link.hear_error(id).await.1.ends_with("something else than a JSON-RPC message"));
        }
        flood(body, &[b' '; 9000]).await;
        if id != 3 {
            assert_eq!(link.hear_error(id).await, too_large);
        }
    }
    // One that says how long it is is not read at all.
    link.say(&call(4));
    peer.post(&call(4)).await.respond(200, &[JSON], vec![b' '; MAX_MESSAGE + 1]).await;
    assert_eq!(link.hear_error(4).await, too_large);
    // Just within the limit.
    link.say(&call(5));
    let answer = format!("{:width$}", result(5, "{}"), width = MAX_MESSAGE);
    peer.post(&call(5)).await.json(&answer).await;
    assert_eq!(link.hear().await.0, answer);
}

#[tokio::test]
async fn compressed_answers_are_read_and_bombs_are_not() {
    let (mut link, mut peer) = pair(HttpKind::Modern).await;
    let compressed = [JSON, ("content-encoding", "gzip")];
    link.say(&call(1));
    let posted = peer.post(&call(1)).await;
    assert_eq!(posted.header("accept-encoding"), Some("gzip"));
    posted.respond(200, &compressed, gzip(result(1, "{}").as_bytes())).await;
    assert_eq!(link.hear().await.0, result(1, "{}"));
    for (id, body, headers, text) in [
        (2, gzip(&vec![b' '; 20 << 20]), &compressed, "has sent a message above the limit of 60000 bytes"),
        (3, b"no gzip".to_vec(), &compressed, "has sent a response whose compression is broken"),
        (
            4,
            gzip(result(4, "{}").as_bytes())[..30].to_vec(),
            &compressed,
            "has sent a response whose compression is broken",
        ),
        (
            5,
            vec![],
            &[JSON, ("content-encoding", "br")],
            "has compressed its response in a way that it was not offered",
        ),
    ] {
        link.say(&call(id));
        peer.post(&call(id)).await.respond(200, headers, body).await;
        assert_eq!(link.hear_error(id).await.1, format!("the server {text}"));
    }
    // Events come out as they go in.
    link.say(&call(6));
    let events = [("content-type", "text/event-stream"), ("content-encoding", "gzip")];
    let mut body = peer.post(&call(6)).await.open(200, &events).await;
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    for message in [notification("n"), result(6, "{}")] {
        encoder.write_all(format!("data: {message}\n\n").as_bytes()).unwrap();
        encoder.flush().unwrap();
        assert!(body.send(std::mem::take(encoder.get_mut())).await);
        assert_eq!(link.hear().await.0, message);
    }
}

#[tokio::test]
async fn bytes_that_complete_nothing_are_silence_and_comments_are_not() {
    let peer_settings = |url: &str| HttpSettings {
        config: bounds(|times| times.upstream_idle_timeout = Duration::from_secs(5)),
        ..settings(url)
    };
    let mut peer = Peer::start(None).await;
    let mut link = link_to(peer_settings(&peer.url("/mcp")), HttpKind::Modern);
    for (id, kind, start) in [(1, "text/event-stream", "data: "), (2, "application/json", "{")] {
        link.say(&call(id));
        let mut body = peer.post(&call(id)).await.open(200, &[("content-type", kind)]).await;
        body.send(start).await;
        let mut drip = tokio::time::interval(Duration::from_millis(20));
        let dripping = async {
            while body.send(" ").await {
                drip.tick().await;
            }
        };
        let ((code, text), ()) = tokio::join!(link.hear_error(id), dripping);
        assert_eq!((code, &*text), (-31007, "the server has been silent for 5s in the middle of a response"));
    }
    link.say(&call(3));
    let mut events = peer.post(&call(3)).await.events().await;
    let mut drip = tokio::time::interval(Duration::from_millis(50));
    for _ in 0..120 {
        drip.tick().await;
        assert!(events.send(": at work\n\n").await, "longer than the limit in all");
    }
    events.message(&result(3, "{}")).await;
    assert_eq!(link.hear().await.0, result(3, "{}"));
}

#[tokio::test]
async fn a_head_that_does_not_come_is_waited_for_in_vain_for_so_long_only() {
    let peer_settings = |url: &str| HttpSettings {
        config: bounds(|times| times.request_timeout = Duration::from_millis(500)),
        ..settings(url)
    };
    let mut peer = Peer::start(None).await;
    let mut link = link_to(peer_settings(&peer.url("/mcp")), HttpKind::Modern);
    link.say(&call(1));
    let waiting = peer.post(&call(1)).await;
    assert_eq!(link.hear_error(1).await, (-31007, "the server has not answered within 500ms".to_owned()));
    waiting.closed().await;
}

#[tokio::test]
async fn redirects_within_the_origin_are_followed_a_few_times() {
    let (mut link, mut peer) = pair(HttpKind::Modern).await;
    link.say(&call(1));
    for path in ["/mcp", "/mcp/", "/v2"] {
        let posted = peer.post(&call(1)).await;
        assert_eq!(posted.path, path);
        match path {
            "/mcp" => posted.respond(307, &[("location", "/mcp/")], "").await,
            "/mcp/" => posted.respond(308, &[("location", &peer.url("/v2"))], "").await,
            _ => posted.json(&result(1, "{}")).await,
        }
    }
    assert_eq!(link.hear().await.0, result(1, "{}"));
    link.say(&call(2));
    for _ in 0..4 {
        peer.post(&call(2)).await.respond(307, &[("location", "/mcp")], "").await;
    }
    assert_eq!(link.hear_error(2).await, (-31006, "the server redirects too often".to_owned()));
    // The credentials stay where they belong.
    let other = Peer::start(None).await;
    link.say(&call(3));
    peer.post(&call(3)).await.respond(307, &[("location", &other.url("/mcp"))], "").await;
    assert_eq!(link.hear_error(3).await.1, "the server redirects to another origin");
    assert!(other.has_heard_nothing());
}

#[tokio::test]
async fn a_consumer_that_stops_slows_the_server() {
    let (mut link, mut peer) = pair(HttpKind::Modern).await;
    link.say(&call(1));
    let mut events = peer.post(&call(1)).await.events().await;
    let message = notification(&"n".repeat(50_000));
    let event = format!("data: {message}\n\n");
    // Far more than any buffer between the two takes.
    let mut sent = 0;
    while let Ok(taken) = timeout(Duration::from_secs(1), events.send(&event)).await {
        assert!(taken);
        sent += 1;
        assert!(sent < 1000, "50 MB are held for nobody");
    }
    for _ in 0..sent {
        assert_eq!(link.hear().await.0, message);
    }
}
