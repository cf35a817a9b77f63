//! An HTTP/1.1 server that hands each request to the test.

use std::{collections::HashMap, net::SocketAddr, sync::Arc};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader},
    net::TcpListener,
    sync::mpsc,
};
use tokio_rustls::TlsAcceptor;
use tokio_util::task::TaskTracker;

use super::{SECRET, soon};

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}
type Connection = BufReader<Box<dyn Stream>>;

pub(super) struct Peer {
    pub(super) address: SocketAddr,
    scheme: &'static str,
    requests: mpsc::Receiver<Request>,
}

/// A request that waits for its response.
pub(super) struct Request {
    pub(super) method: String,
    pub(super) path: String,
    /// By name in lower case.
    pub(super) headers: HashMap<String, String>,
    pub(super) body: String,
    connection: Connection,
    next: Next,
}

/// Where the requests of a connection go.
#[derive(Clone)]
struct Next {
    requests: mpsc::Sender<Request>,
    tracker: TaskTracker,
}

/// A response that is being sent. Dropped without an end, it breaks off.
pub(super) struct Streaming {
    connection: Connection,
    next: Next,
}

impl Peer {
    pub(super) async fn start(tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, requests) = mpsc::channel(16);
        let next = Next { requests: sender, tracker: TaskTracker::new() };
        let scheme = if tls.is_some() { "https" } else { "http" };
        let tls = tls.map(Arc::new);
        next.tracker.clone().spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                let (next, tls) = (next.clone(), tls.clone());
                next.tracker.clone().spawn(async move {
                    let stream: Box<dyn Stream> = match tls {
                        None => Box::new(tcp),
                        Some(tls) => match tls.accept(tcp).await {
                            Ok(stream) => Box::new(stream),
                            Err(_) => return,
                        },
                    };
                    next.read(BufReader::new(stream)).await;
                });
            }
        });
        Self { address, scheme, requests }
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("{}://localhost:{}{path}", self.scheme, self.address.port())
    }

    /// The next request. Each bears the configured headers.
    pub(super) async fn request(&mut self) -> Request {
        let request = soon(self.requests.recv()).await.unwrap();
        assert_eq!(request.headers["authorization"], SECRET);
        assert!(request.headers["user-agent"].starts_with("waggle-proxy/"));
        request
    }

    /// Whether no request has come, but for those that were taken.
    pub(super) fn has_heard_nothing(&self) -> bool {
        self.requests.is_empty()
    }

    /// The next request, which is a POST of `message`.
    pub(super) async fn post(&mut self, message: &str) -> Request {
        let request = self.request().await;
        assert_eq!((&*request.method, &*request.body), ("POST", message));
        assert_eq!(request.headers["content-type"], "application/json");
        assert_eq!(request.headers["accept"], "application/json, text/event-stream");
        request
    }

    /// The next request, which opens a stream.
    pub(super) async fn get(&mut self) -> Request {
        let request = self.request().await;
        assert_eq!(
            (&*request.method, &*request.headers["accept"]),
            ("GET", "text/event-stream"),
            "{}",
            request.body
        );
        request
    }
}

impl Next {
    /// Reads a request off the connection, if another comes.
    async fn read(self, mut connection: Connection) {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            match connection.read_line(&mut head).await {
                Ok(1..) => {}
                _ => return,
            }
        }
        let mut lines = head.lines();
        let mut start = lines.next().unwrap().split(' ').map(str::to_owned);
        let headers: HashMap<String, String> = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        let length = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
        let mut body = vec![0; length];
        if connection.read_exact(&mut body).await.is_err() {
            return;
        }
        let (method, path) = (start.next().unwrap(), start.next().unwrap());
        let requests = self.requests.clone();
        let body = String::from_utf8(body).unwrap();
        let _ = requests.send(Request { method, path, headers, body, connection, next: self }).await;
    }
}

impl Request {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// Answers with a body; the connection goes on.
    pub(super) async fn respond(mut self, status: u16, headers: &[(&str, &str)], body: impl AsRef<[u8]>) {
        let body = body.as_ref();
        let head = format!("{}content-length: {}\r\n\r\n", head(status, headers), body.len());
        self.connection.write_all(&[head.as_bytes(), body].concat()).await.unwrap();
        self.connection.flush().await.unwrap();
        self.next.tracker.clone().spawn(self.next.read(self.connection));
    }

    pub(super) async fn json(self, body: &str) {
        self.respond(200, &[("content-type", "application/json; charset=utf-8")], body).await;
    }

    pub(super) async fn accept(self) {
        self.respond(202, &[], "").await;
    }

    /// Waits until the client closes the connection, without an answer.
    pub(super) async fn closed(self) {
        Streaming { connection: self.connection, next: self.next }.closed().await;
    }

    /// Answers with an event stream.
    pub(super) async fn events(self) -> Streaming {
        self.open(200, &[("content-type", "text/event-stream")]).await
    }

    /// Answers with a body that is sent bit by bit.
    pub(super) async fn open(mut self, status: u16, headers: &[(&str, &str)]) -> Streaming {
        let head = format!("{}transfer-encoding: chunked\r\n\r\n", head(status, headers));
        self.connection.write_all(head.as_bytes()).await.unwrap();
        self.connection.flush().await.unwrap();
        Streaming { connection: self.connection, next: self.next }
    }
}

fn head(status: u16, headers: &[(&str, &str)]) -> String {
    let lines: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    format!("HTTP/1.1 {status} Because\r\n{lines}")
}

impl Streaming {
    /// Sends a piece; false when the client has gone.
    pub(super) async fn send(&mut self, piece: impl AsRef<[u8]>) -> bool {
        let piece = piece.as_ref();
        let chunk = [format!("{:x}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat();
        self.connection.write_all(&chunk).await.is_ok() && self.connection.flush().await.is_ok()
    }

    pub(super) async fn message(&mut self, message: &str) {
        assert!(self.send(format!("event: message\ndata: {message}\n\n")).await);
    }

    /// Ends the response; the connection goes on.
    pub(super) async fn end(mut self) {
        self.connection.write_all(b"0\r\n\r\n").await.unwrap();
        self.connection.flush().await.unwrap();
        self.next.tracker.clone().spawn(self.next.read(self.connection));
    }

    /// Waits until the client closes the connection.
    pub(super) async fn closed(mut self) {
        let mut rest = [0; 64];
        let read = soon(self.connection.read(&mut rest)).await;
        assert!(matches!(read, Ok(0) | Err(_)), "{read:?}");
    }
}
