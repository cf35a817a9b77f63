//! A server that does one thing wrong, to see that it is caught: each kind of fault, and counted as that kind.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, wherever it does")]

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{Request, Response, body::Incoming, header::CONTENT_TYPE, service::service_fn};
use hyper_util::rt::TokioIo;
use loadtest::{
    endpoint::Endpoint,
    report::Report,
    scenario::{Context, Scenario, calls::Calls, fanout::Fanout},
    size::Size,
    transport::{Route, Target, Transport},
    verify::Tally,
};
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// What the server does wrong, once.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Wrong {
    Nothing,
    /// Another session's text.
    Leak,
    /// This session's text of another call.
    Mixed,
    /// Half of a text.
    Corrupt,
    /// No answer, in a response that ends.
    Lost,
    /// No answer, and no end.
    Hang,
    /// The same answer twice.
    Duplicate,
    /// An answer to another id.
    OtherId,
    /// An error.
    Error,
    /// A status.
    Refused,
    /// A notification that does not come.
    LostNotice,
    /// One that comes twice.
    DoubleNotice,
    /// One for somebody else.
    ForeignNotice,
}

#[derive(Debug)]
struct Faulty {
    wrong: Wrong,
    done: AtomicBool,
}

impl Faulty {
    /// Whether it is time to do wrong: in the third call of some session, so that there are earlier ones.
    fn is_time(&self, id: u64) -> bool {
        id >= 3 && self.wrong != Wrong::Nothing && !self.done.swap(true, Ordering::Relaxed)
    }

    async fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
    ) -> Result<Response<Full<Bytes>>, Infallible> {
        let body = request.into_body().collect().await.unwrap().to_bytes();
        let message: Value = serde_json::from_slice(&body).unwrap_or_default();
        let Some(id) = message["id"].as_u64() else { return Ok(respond(202, &[])) };
        if message["method"] != "tools/call" {
            let result = json!({"protocolVersion": "2025-11-25", "capabilities": {}, "serverInfo": {"name": "faulty", "version": "1"}});
            return Ok(respond(200, &[json!({"jsonrpc": "2.0", "id": id, "result": result})]));
        }
        let text = message["params"]["arguments"]["text"].as_str().unwrap().to_owned();
        let answer = |id: u64, text: &str| json!({"jsonrpc": "2.0", "id": id, "result": {"content": [{"type": "text", "text": text}]}});
        let right = answer(id, &text);
        if !self.is_time(id) {
            return Ok(respond(200, &[right]));
        }
        let mut parts: Vec<&str> = text.splitn(4, '/').collect();
        Ok(match self.wrong {
            Wrong::Leak => {
                parts[1] = "s99";
                respond(200, &[answer(id, &parts.join("/"))])
            }
            Wrong::Mixed => {
                parts[2] = "c1";
                respond(200, &[answer(id, &parts.join("/"))])
            }
            Wrong::Corrupt => respond(200, &[answer(id, &text[..text.len() / 2])]),
            Wrong::Lost => {
                respond(200, &[json!({"jsonrpc": "2.0", "method": "notifications/message", "params": {}})])
            }
            Wrong::Hang => std::future::pending().await,
            Wrong::Duplicate => respond(200, &[right.clone(), right]),
            Wrong::OtherId => respond(200, &[answer(id + 1000, &text), right]),
            Wrong::Error => respond(
                200,
                &[json!({"jsonrpc": "2.0", "id": id, "error": {"code": -32603, "message": "no"}})],
            ),
            Wrong::Refused => respond(503, &[]),
            _ => respond(200, &[right]),
        })
    }
}

/// Everything as a stream, so that there can be several messages.
fn respond(status: u16, messages: &[Value]) -> Response<Full<Bytes>> {
    let events: String = messages.iter().map(|message| format!("data: {message}\n\n")).collect();
    Response::builder()
        .status(status)
        .header(CONTENT_TYPE, "text/event-stream")
        .header("mcp-session-id", "one")
        .body(Full::new(events.into()))
        .unwrap()
}

async fn serve(wrong: Wrong) -> Context {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/mcp", listener.local_addr().unwrap());
    let faulty = Arc::new(Faulty { wrong, done: AtomicBool::new(false) });
    tokio::task::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let faulty = faulty.clone();
            let service = service_fn(move |request| faulty.clone().answer(request));
            let connection = hyper::server::conn::http1::Builder::new();
            tokio::task::spawn(connection.serve_connection(TokioIo::new(stream), service));
        }
    });
    let target =
        Target::Http(Route::new(Endpoint::parse(&url, false).unwrap(), None), Transport::StreamableHttp);
    Context::new(target, patience(wrong), Vec::new())
}

/// What does not come is waited for in vain; what comes may take its time on a busy machine.
fn patience(wrong: Wrong) -> Duration {
    match wrong {
        Wrong::Hang | Wrong::LostNotice | Wrong::ForeignNotice => Duration::from_secs(3),
        _ => Duration::from_secs(60),
    }
}

async fn calls(wrong: Wrong) -> Report {
    let context = serve(wrong).await;
    let calls = Calls { sessions: 3, payload: Size(120), seconds: 0.5, ..Calls::default() };
    Scenario::Calls(calls).run(&context).await
}

#[tokio::test]
async fn every_fault_of_an_answer_is_counted_as_what_it_is() {
    let none = Tally::default;
    for (wrong, expected) in [
        (Wrong::Nothing, none()),
        (Wrong::Leak, Tally { leaks: 1, ..none() }),
        (Wrong::Mixed, Tally { wrong: 1, ..none() }),
        (Wrong::Corrupt, Tally { corrupt: 1, ..none() }),
        (Wrong::Lost, Tally { lost: 1, ..none() }),
        (Wrong::Hang, Tally { lost: 1, ..none() }),
        (Wrong::Duplicate, Tally { duplicates: 1, ..none() }),
        (Wrong::OtherId, Tally { wrong: 1, ..none() }),
        (Wrong::Error, Tally { rpc_errors: 1, ..none() }),
        (Wrong::Refused, Tally { refused: 1, ..none() }),
    ] {
        let report = calls(wrong).await;
        assert!(report.tally.good > 10, "{wrong:?}: {:?}", report.tally);
        assert_eq!(Tally { good: 0, ..report.tally.clone() }, expected, "{wrong:?}");
        assert_eq!(report.fault.is_some(), wrong != Wrong::Nothing, "{wrong:?}: {:?}", report.fault);
    }
}

/// The bundled server, behind something that spoils one notification on its way.
async fn spoiled(wrong: Wrong) -> Tally {
    let server =
        loadtest::echo::http::EchoHttp::bind("127.0.0.1:0".parse().unwrap(), loadtest::echo::Era::Dual);
    let server = server.await.unwrap();
    let origin = server.address().unwrap();
    tokio::task::spawn(server.serve());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/mcp", listener.local_addr().unwrap());
    let done = Arc::new(AtomicBool::new(false));
    tokio::task::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            tokio::task::spawn(pass(client, origin, wrong, done.clone()));
        }
    });
    let target =
        Target::Http(Route::new(Endpoint::parse(&url, false).unwrap(), None), Transport::StreamableHttp);
    let context = Context::new(target, patience(wrong), Vec::new());
    let fanout = Fanout { streams: 3, notifications: 5, seconds: 0.0, ..Fanout::default() };
    Scenario::Fanout(fanout).run(&context).await.tally
}

/// Passes bytes on; whole chunks of a stream, one of which is spoiled.
async fn pass(
    client: tokio::net::TcpStream,
    origin: std::net::SocketAddr,
    wrong: Wrong,
    done: Arc<AtomicBool>,
) {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let server = tokio::net::TcpStream::connect(origin).await.unwrap();
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    tokio::task::spawn(async move { tokio::io::copy(&mut from_client, &mut to_server).await });
    let mut bytes = vec![0; 1 << 16];
    while let Ok(read @ 1..) = from_server.read(&mut bytes).await {
        let mut text = String::from_utf8(bytes[..read].to_vec()).unwrap();
        // A chunk of the response, with its length before it.
        let chunk = text.find("/0/2\"}}}\n\n\r\n").map(|end| {
            let end = end + "/0/2\"}}}\n\n\r\n".len();
            let start = text[..end - 2].rfind("event: message").unwrap();
            let start = text[..start - 2].rfind('\n').map_or(0, |line| line + 1);
            (start, end)
        });
        if let Some((start, end)) = chunk.filter(|_| !done.swap(true, Ordering::Relaxed)) {
            let chunk = text[start..end].to_owned();
            match wrong {
                Wrong::LostNotice => text.replace_range(start..end, ""),
                Wrong::DoubleNotice => text.insert_str(end, &chunk),
                Wrong::ForeignNotice => text.replace_range(start..end, &chunk.replace("/all/", "/ALL/")),
                _ => {}
            }
        }
        if to_client.write_all(text.as_bytes()).await.is_err() {
            return;
        }
    }
}

#[tokio::test]
async fn every_fault_of_a_notification_is_counted_as_what_it_is() {
    let none = Tally::default;
    for (wrong, expected) in [
        (Wrong::Nothing, Tally { good: 15, ..none() }),
        (Wrong::LostNotice, Tally { good: 14, lost: 1, ..none() }),
        (Wrong::DoubleNotice, Tally { good: 15, duplicates: 1, ..none() }),
        (Wrong::ForeignNotice, Tally { good: 14, lost: 1, leaks: 1, ..none() }),
    ] {
        assert_eq!(spoiled(wrong).await, expected, "{wrong:?}");
    }
}
