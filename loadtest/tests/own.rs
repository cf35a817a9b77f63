//! A server that tells a session on the answer to its call, and nothing on its stream, as some bridges do.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, wherever it does")]

use std::{
    convert::Infallible,
    pin::Pin,
    task::{self, Poll},
    time::Duration,
};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Either, Full};
use hyper::{
    Request, Response,
    body::{Body, Frame, Incoming},
    header::CONTENT_TYPE,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use loadtest::{
    endpoint::Endpoint,
    scenario::{Context, Scenario, fanout::Fanout},
    transport::{Route, Target, Transport},
    verify::Tally,
};
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// What comes may take its time on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A stream on which nothing ever comes.
struct Silent;

impl Body for Silent {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut task::Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Pending
    }
}

/// The notifications that a call asks for, as the server tells them; the first of several is spoiled by `spoil`.
fn told(message: &Value, spoil: fn(&str) -> Vec<String>) -> Vec<Value> {
    let arguments = &message["params"]["arguments"];
    let (count, tag) = (arguments["count"].as_u64().unwrap(), arguments["tag"].as_str().unwrap());
    let first = format!("{tag}/1");
    let first = if count > 1 { spoil(&first) } else { vec![first] };
    let others = (2..=count).map(|number| format!("{tag}/{number}"));
    let params = |notice| json!({ "_meta": { "loadtest/notice": notice } });
    let notices = first.into_iter().chain(others).map(params);
    notices
        .map(|params| json!({"jsonrpc": "2.0", "method": "notifications/tools/list_changed", "params": params}))
        .collect()
}

async fn answer(
    request: Request<Incoming>,
    spoil: fn(&str) -> Vec<String>,
) -> Result<Response<Either<Full<Bytes>, Silent>>, Infallible> {
    let is_stream = request.method() == "GET";
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let message: Value = serde_json::from_slice(&body).unwrap_or_default();
    let mut events = Vec::new();
    if message["method"] == "tools/call" {
        events = told(&message, spoil);
        let content = json!([{"type": "text", "text": "notified"}]);
        events.push(json!({"jsonrpc": "2.0", "id": message["id"], "result": {"content": content}}));
    } else if message["id"].is_u64() {
        let result = json!({"protocolVersion": "2025-11-25", "capabilities": {}, "serverInfo": {"name": "x", "version": "1"}});
        events.push(json!({"jsonrpc": "2.0", "id": message["id"], "result": result}));
    }
    let text: String = events.iter().map(|event| format!("data: {event}\n\n")).collect();
    let body = if is_stream { Either::Right(Silent) } else { Either::Left(Full::new(text.into())) };
    let response = Response::builder()
        .status(if is_stream || !events.is_empty() { 200 } else { 202 })
        .header(CONTENT_TYPE, "text/event-stream")
        .header("mcp-session-id", "one");
    Ok(response.body(body).unwrap())
}

async fn tally(spoil: fn(&str) -> Vec<String>) -> Tally {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/mcp", listener.local_addr().unwrap());
    tokio::task::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let service = service_fn(move |request| answer(request, spoil));
            let connection = hyper::server::conn::http1::Builder::new();
            tokio::task::spawn(connection.serve_connection(TokioIo::new(stream), service));
        }
    });
    let route = Route::new(Endpoint::parse(&url, false).unwrap(), None);
    let context = Context::new(Target::Http(route, Transport::StreamableHttp), PATIENCE, Vec::new());
    let fanout = Fanout { streams: 3, notifications: 5, seconds: 0.0, own: true, ..Fanout::default() };
    Scenario::Fanout(fanout).run(&context).await.tally
}

#[tokio::test]
async fn what_comes_beside_the_answer_has_come() {
    let right = |notice: &str| vec![notice.to_owned()];
    assert_eq!(tally(right).await, Tally { good: 15, ..Tally::default() });
}

#[tokio::test]
async fn what_is_wrong_beside_the_answer_is_counted() {
    let none = Tally::default;
    let twice = |notice: &str| vec![notice.to_owned(); 2];
    assert_eq!(tally(twice).await, Tally { good: 15, duplicates: 3, ..none() });
    let missing = |_: &str| Vec::new();
    assert_eq!(tally(missing).await, Tally { good: 12, lost: 3, ..none() });
    let foreign = |notice: &str| vec![notice.replace("/s", "/S")];
    assert_eq!(tally(foreign).await, Tally { good: 12, lost: 3, leaks: 3, ..none() });
}
