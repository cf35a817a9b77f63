//! An HTTP server that answers as the test says, also badly.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::Receiver;
use tokio::task::JoinSet;

/// A request that has come.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    /// The request line and the headers.
    pub(crate) head: String,
    /// Null if there is none.
    pub(crate) message: Value,
}

impl Received {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.head.lines().filter_map(|line| line.split_once(": "));
        headers.find(|(held, _)| held.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

/// What is sent back; then the connection is closed.
pub(crate) enum Reply {
    /// 200, as the response to the request.
    Result(Value),
    /// Every byte.
    Raw(String),
    /// First this, then that until nobody reads it any more.
    Endless(String, String),
    /// 200, as a stream of these messages, each as it is sent.
    Events(Receiver<Value>),
}

/// See the module's documentation. Ends with its value.
pub(crate) struct Scripted {
    pub(crate) address: SocketAddr,
    received: Arc<Mutex<Vec<Received>>>,
    _tasks: JoinSet<()>,
}

impl Scripted {
    /// One of 2026-07-28 that answers `call` to calls of tools.
    pub(crate) async fn modern(call: impl Fn() -> Reply + Send + Sync + 'static) -> Self {
        Self::start(move |request| match request.message["method"].as_str() {
            Some("server/discover") => Reply::Result(json!({
                "supportedVersions": ["2026-07-28"], "capabilities": { "tools": {} }, "ttlMs": 0,
                "cacheScope": "private", "resultType": "complete",
            })),
            Some("tools/call") => call(),
            _ => Reply::Result(json!({ "tools": [], "resultType": "complete" })),
        })
        .await
    }

    pub(crate) async fn start(answer: impl Fn(&Received) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let received = Arc::<Mutex<Vec<Received>>>::default();
        let (kept, answer) = (received.clone(), Arc::new(answer));
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((connection, _)) = listener.accept().await {
                let (kept, answer) = (kept.clone(), answer.clone());
                connections.spawn(async move { serve(connection, &kept, &*answer).await });
            }
        });
        Self { address, received, _tasks: tasks }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/mcp", self.address)
    }

    pub(crate) fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }
}

/// One request, one reply; `None` for what is no request.
async fn serve(
    mut connection: TcpStream,
    kept: &Mutex<Vec<Received>>,
    answer: &(impl Fn(&Received) -> Reply + Sync),
) {
    let Some(request) = read(&mut connection).await else { return };
    kept.lock().unwrap().push(request.clone());
    match answer(&request) {
        Reply::Result(result) => {
            let body = json!({ "jsonrpc": "2.0", "id": request.message["id"], "result": result }).to_string();
            let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n";
            let response = format!("{head}Content-Length: {}\r\n\r\n{body}", body.len());
            let _ = connection.write_all(response.as_bytes()).await;
        }
        Reply::Raw(response) => {
            let _ = connection.write_all(response.as_bytes()).await;
        }
        Reply::Endless(first, again) => {
            let mut written = connection.write_all(first.as_bytes()).await;
            while written.is_ok() {
                written = connection.write_all(again.as_bytes()).await;
            }
        }
        Reply::Events(mut messages) => {
            let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n";
            let mut written = connection.write_all(head.as_bytes()).await;
            while let (Ok(()), Some(message)) = (&written, messages.recv().await) {
                written = connection.write_all(format!("data: {message}\n\n").as_bytes()).await;
            }
        }
    }
    let _ = connection.shutdown().await;
}

async fn read(connection: &mut TcpStream) -> Option<Received> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
        if connection.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let mut request = Received { head, message: Value::Null };
    let length: usize = request.header("content-length").map_or(0, |length| length.parse().unwrap());
    while bytes.len() < end + length {
        connection.read_buf(&mut bytes).await.ok()?;
    }
    if length > 0 {
        request.message = serde_json::from_slice(&bytes[end..]).unwrap();
    }
    Some(request)
}
