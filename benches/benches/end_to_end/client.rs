//! As much of an HTTP client as a bench needs: little enough not to be what is measured.

use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::call::{Era, INITIALIZE, INITIALIZED, check};

const MODERN_HEADERS: &str =
    "MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: tools/call\r\nMcp-Name: echo\r\n";

/// A client on one kept-alive connection.
pub(crate) struct Client {
    connection: TcpStream,
    /// Headers of every request, the session's id among them.
    headers: String,
    era: Era,
    calls: u64,
    /// Read, and not yet part of a response.
    buffer: Vec<u8>,
}

struct Response {
    head: String,
    body: Vec<u8>,
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr, era: Era) -> Self {
        let connection = TcpStream::connect(address).await.expect("the server listens");
        connection.set_nodelay(true).expect("a TCP connection");
        let headers = format!(
            "Host: {address}\r\nContent-Type: application/json\r\nAccept: application/json, text/event-stream\r\n"
        );
        let mut client = Self { connection, headers, era, calls: 0, buffer: Vec::new() };
        match era {
            Era::Legacy => client.initialize().await,
            Era::Modern => client.headers += MODERN_HEADERS,
        }
        // The process starts with the first call, which is not to be measured.
        client.echo(1).await;
        client
    }

    async fn initialize(&mut self) {
        let welcome = self.post(INITIALIZE).await;
        let session = welcome.header("mcp-session-id").expect("a session id").to_owned();
        self.headers += &format!("Mcp-Session-Id: {session}\r\nMCP-Protocol-Version: 2025-11-25\r\n");
        self.post(INITIALIZED).await;
    }

    /// A call that gives back `size` bytes.
    pub(crate) async fn echo(&mut self, size: usize) {
        self.calls += 1;
        let response = self.post(&self.era.echo(self.calls, size)).await;
        check(&response.body, self.calls, size);
    }

    async fn post(&mut self, body: &str) -> Response {
        let head = format!("POST /mcp HTTP/1.1\r\n{}Content-Length: {}\r\n\r\n", self.headers, body.len());
        let request = [head.as_bytes(), body.as_bytes()].concat();
        self.connection.write_all(&request).await.expect("the server reads");
        let response = self.response().await;
        assert!(response.head.starts_with("HTTP/1.1 20"), "{}", response.head);
        response
    }

    async fn response(&mut self) -> Response {
        let end = loop {
            if let Some(end) = self.buffer.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                break end + 4;
            }
            self.read().await;
        };
        let head = String::from_utf8_lossy(&self.buffer[..end]).into_owned();
        let mut response = Response { head, body: Vec::new() };
        let length = response.header("content-length").and_then(|length| length.parse().ok());
        let length: usize = length.unwrap_or_else(|| panic!("no content length: {}", response.head));
        while self.buffer.len() < end + length {
            self.read().await;
        }
        let rest = self.buffer.split_off(end + length);
        response.body = self.buffer.split_off(end);
        self.buffer = rest;
        response
    }

    async fn read(&mut self) {
        self.buffer.reserve(64 * 1024);
        let read = self.connection.read_buf(&mut self.buffer).await.expect("the server writes");
        assert!(read > 0, "the server closed the connection");
    }
}

impl Response {
    fn header(&self, name: &str) -> Option<&str> {
        let named =
            |line: &'_ str| line.split_once(':').is_some_and(|(key, _)| key.eq_ignore_ascii_case(name));
        self.head.lines().find(|line| named(line))?.split_once(": ").map(|(_, value)| value)
    }
}
