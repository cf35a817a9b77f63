//! HTTP/1.1 by hand: a client library would hide what the tests are about.

use std::net::SocketAddr;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{Events, within};

/// A request; `Host`, and for a body `Content-Length`, are added unless they are named.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Request {
    pub(crate) fn new(method: &str, target: &str) -> Self {
        Self { method: method.to_owned(), target: target.to_owned(), headers: Vec::new(), body: Vec::new() }
    }

    /// A POST as clients send it.
    pub(crate) fn post(target: &str, body: impl Into<Vec<u8>>) -> Self {
        let mut request = Self::new("POST", target)
            .header("Content-Type", "application/json")
            .header("Accept", "application/json, text/event-stream");
        request.body = body.into();
        request
    }

    /// Sets a header, in place of one of that name.
    pub(crate) fn header(self, name: &str, value: &str) -> Self {
        let mut request = self.without(name);
        request.headers.push((name.to_owned(), value.to_owned()));
        request
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(held, _)| !held.eq_ignore_ascii_case(name));
        self
    }

    /// The head as it goes over the wire, blank line included.
    pub(crate) fn head(&self) -> String {
        let has = |name: &str| self.headers.iter().any(|(held, _)| held.eq_ignore_ascii_case(name));
        let mut head = format!("{} {} HTTP/1.1\r\n", self.method, self.target);
        if !has("host") {
            head += "Host: localhost\r\n";
        }
        for (name, value) in &self.headers {
            head += &format!("{name}: {value}\r\n");
        }
        if self.method == "POST" && !has("content-length") && !has("transfer-encoding") {
            head += &format!("Content-Length: {}\r\n", self.body.len());
        }
        head + "\r\n"
    }

    /// Sends it on a connection of its own and reads the head of the response.
    pub(crate) async fn send(&self, to: SocketAddr) -> Response {
        let mut connection = Connection::open(to).await;
        connection.write(self.head()).await;
        connection.write(&self.body).await;
        connection.response(self.method == "HEAD").await
    }
}

/// One connection.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    /// Read and not yet taken.
    buffer: Vec<u8>,
}

impl From<TcpStream> for Connection {
    fn from(stream: TcpStream) -> Self {
        Self { stream, buffer: Vec::new() }
    }
}

impl Connection {
    pub(crate) async fn open(to: SocketAddr) -> Self {
        let stream = within("a connection", TcpStream::connect(to)).await.unwrap();
        stream.into()
    }

    /// A connection whose receiving side holds next to nothing.
    pub(crate) async fn narrow(to: SocketAddr) -> Self {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        let stream = within("a connection", socket.connect(to)).await.unwrap();
        stream.into()
    }

    /// Writes what the other side still takes: it may have answered and closed before it has read all.
    pub(crate) async fn write(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = within("to write", self.stream.write_all(bytes.as_ref())).await;
    }

    /// As [`Connection::write`]; false once the other side has closed.
    pub(crate) async fn try_write(&mut self, bytes: &[u8]) -> bool {
        within("to write", self.stream.write_all(bytes)).await.is_ok()
    }

    /// Reads the head of a response; its body follows on demand.
    pub(crate) async fn response(mut self, head_only: bool) -> Response {
        let (status, headers) = self.head().await.expect("a response");
        let header = |name: &str| headers.iter().find(|(held, _)| held == name).map(|(_, value)| &**value);
        let framing = match (header("transfer-encoding"), header("content-length")) {
            _ if head_only || matches!(status, 204 | 304) => Framing::Length(0),
            (Some("chunked"), None) => Framing::Chunked,
            (None, Some(length)) => Framing::Length(length.parse().unwrap()),
            (None, None) => Framing::UntilClosed,
            both => panic!("ambiguous framing: {both:?}"),
        };
        Response { status, headers, connection: self, framing }
    }

    /// Status and headers, names in lower case; `None` when the other side closes without one.
    pub(crate) async fn head(&mut self) -> Option<(u16, Vec<(String, String)>)> {
        let end = loop {
            if let Some(end) = self.buffer.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                break end + 4;
            }
            if !self.fill().await {
                assert!(self.buffer.is_empty(), "half a head: {}", String::from_utf8_lossy(&self.buffer));
                return None;
            }
        };
        let head = String::from_utf8(self.buffer.drain(..end).collect()).unwrap();
        let mut lines = head.trim_end().split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers = lines.map(|line| line.split_once(':').unwrap());
        Some((status, headers.map(|(n, v)| (n.to_ascii_lowercase(), v.trim().to_owned())).collect()))
    }

    /// Waits until the other side closes, whatever it says before.
    pub(crate) async fn ended(mut self) {
        while self.fill().await {}
    }

    /// Reads more; false at the end, however it comes.
    async fn fill(&mut self) -> bool {
        let read = within("bytes", self.stream.read_buf(&mut self.buffer)).await;
        read.is_ok_and(|length| length > 0)
    }
}

#[derive(Debug)]
enum Framing {
    /// So many bytes are still to come.
    Length(usize),
    Chunked,
    UntilClosed,
    Done,
}

/// A response whose body is read on demand. Dropping it closes the connection.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    connection: Connection,
    framing: Framing,
}

impl Response {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(held, _)| held == name).map(|(_, value)| &**value)
    }

    /// The next piece of the body; `None` at its proper end. A body that is cut off fails the test.
    pub(crate) async fn piece(&mut self) -> Option<Vec<u8>> {
        match self.try_piece().await {
            Ok(piece) => piece,
            Err(()) => panic!("the body was cut off"),
        }
    }

    /// As [`Response::piece`]; an error for a body that is cut off.
    pub(crate) async fn try_piece(&mut self) -> Result<Option<Vec<u8>>, ()> {
        loop {
            let buffer = &mut self.connection.buffer;
            match &mut self.framing {
                Framing::Done | Framing::Length(0) => return Ok(None),
                Framing::Length(left) if !buffer.is_empty() => {
                    let take = buffer.len().min(*left);
                    *left -= take;
                    return Ok(Some(buffer.drain(..take).collect()));
                }
                Framing::UntilClosed if !buffer.is_empty() => return Ok(Some(std::mem::take(buffer))),
                Framing::Chunked => match chunk(buffer) {
                    Some(last) if last.is_empty() => {
                        self.framing = Framing::Done;
                        return Ok(None);
                    }
                    Some(chunk) => return Ok(Some(chunk)),
                    None => {}
                },
                Framing::Length(_) | Framing::UntilClosed => {}
            }
            if !self.connection.fill().await {
                return if matches!(self.framing, Framing::UntilClosed) { Ok(None) } else { Err(()) };
            }
        }
    }

    pub(crate) async fn body(&mut self) -> Vec<u8> {
        let mut body = Vec::new();
        while let Some(piece) = self.piece().await {
            body.extend(piece);
        }
        body
    }

    /// The connection, for the next response. The body must have been read.
    pub(crate) fn into_connection(self) -> Connection {
        assert!(matches!(self.framing, Framing::Done | Framing::Length(0)), "a body is left");
        self.connection
    }

    pub(crate) async fn text(mut self) -> String {
        String::from_utf8(self.body().await).unwrap()
    }

    /// The body of a JSON response.
    pub(crate) async fn json(mut self) -> Value {
        assert_eq!(self.header("content-type"), Some("application/json"));
        serde_json::from_slice(&self.body().await).unwrap()
    }

    /// The one message of the response, in either of its forms.
    pub(crate) async fn message(self) -> Value {
        let mut messages = self.messages().await;
        assert_eq!(messages.len(), 1, "{messages:?}");
        messages.remove(0)
    }

    /// All messages of the response, in either of its forms.
    pub(crate) async fn messages(self) -> Vec<Value> {
        match self.header("content-type") {
            Some("text/event-stream") => self.events().rest().await,
            _ => vec![self.json().await],
        }
    }

    /// The body of an SSE response.
    #[track_caller]
    pub(crate) fn events(self) -> Events {
        let kind = (self.status, self.header("content-type"));
        assert_eq!(
            kind,
            (200, Some("text/event-stream")),
            "{}",
            String::from_utf8_lossy(&self.connection.buffer)
        );
        Events::new(self)
    }
}

/// Takes a complete chunk out of the buffer; the last one is empty.
fn chunk(buffer: &mut Vec<u8>) -> Option<Vec<u8>> {
    let line = buffer.windows(2).position(|bytes| bytes == b"\r\n")?;
    let size = usize::from_str_radix(std::str::from_utf8(&buffer[..line]).unwrap(), 16).unwrap();
    let (start, end) = (line + 2, line + 2 + size);
    if buffer.len() < end + 2 {
        return None;
    }
    let chunk = buffer[start..end].to_vec();
    buffer.drain(..end + 2);
    Some(chunk)
}
