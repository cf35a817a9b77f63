//! A client of Streamable HTTP, of either era.

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{
    Request, Response, StatusCode,
    body::Incoming,
    header::{ACCEPT, CONTENT_TYPE, HOST, HeaderValue},
};

use super::{Fault, Transport, connection::Connection, events::Events};
use crate::endpoint::Endpoint;

const LEGACY: &str = "2025-11-25";
const MODERN: &str = "2026-07-28";

/// A client with a connection, and with a session if the transport has one.
#[derive(Debug)]
pub struct Client {
    endpoint: Endpoint,
    transport: Transport,
    connection: Connection,
    session: Option<HeaderValue>,
}

impl Client {
    /// Connects, and opens a session if the transport has sessions.
    ///
    /// # Errors
    /// The connection fails, or `initialize` is refused.
    pub async fn open(endpoint: &Endpoint, transport: Transport) -> Result<Self, Fault> {
        let connection = Connection::open(endpoint).await?;
        let mut client = Self { endpoint: endpoint.clone(), transport, connection, session: None };
        if transport == Transport::StreamableHttp {
            client.initialize().await?;
        }
        Ok(client)
    }

    async fn initialize(&mut self) -> Result<(), Fault> {
        let body = format!(
            r#"{{"jsonrpc":"2.0","id":0,"method":"initialize","params":{{"protocolVersion":"{LEGACY}","capabilities":{{}},"clientInfo":{{"name":"loadtest","version":"1"}}}}}}"#
        );
        let response = self.post(body, "initialize", None).await?;
        self.session = response.headers().get("mcp-session-id").cloned();
        let mut answered = false;
        read(response, |_| answered = true).await?;
        if !answered {
            return Err(Fault::Lost);
        }
        let body = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#.to_owned();
        let response = self.post(body, "notifications/initialized", None).await?;
        read(response, |_| {}).await
    }

    /// Calls the tool `echo` with `text`; every message of the response goes to `message`.
    ///
    /// # Errors
    /// The request is refused, or the connection fails.
    pub async fn echo(&mut self, id: u64, text: &str, message: impl FnMut(&[u8])) -> Result<(), Fault> {
        // The text is made of characters that JSON does not escape.
        let meta = match self.transport {
            Transport::StreamableHttp => String::new(),
            Transport::Stateless => format!(
                r#","_meta":{{"io.modelcontextprotocol/protocolVersion":"{MODERN}","io.modelcontextprotocol/clientInfo":{{"name":"loadtest","version":"1"}},"io.modelcontextprotocol/clientCapabilities":{{}}}}"#
            ),
        };
        let body = format!(
            r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"echo","arguments":{{"text":"{text}"}}{meta}}}}}"#
        );
        let response = self.post(body, "tools/call", Some("echo")).await?;
        read(response, message).await
    }

    async fn post(
        &mut self,
        body: String,
        method: &'static str,
        name: Option<&'static str>,
    ) -> Result<Response<Incoming>, Fault> {
        let mut request = Request::post(self.endpoint.path.as_str())
            .header(HOST, self.endpoint.authority.as_str())
            .header(CONTENT_TYPE, "application/json")
            .header(ACCEPT, "application/json, text/event-stream");
        match self.transport {
            Transport::StreamableHttp if method != "initialize" => {
                request = request.header("mcp-protocol-version", LEGACY);
            }
            Transport::StreamableHttp => {}
            Transport::Stateless => {
                request = request.header("mcp-protocol-version", MODERN).header("mcp-method", method);
                if let Some(name) = name {
                    request = request.header("mcp-name", name);
                }
            }
        }
        if let Some(session) = &self.session {
            request = request.header("mcp-session-id", session);
        }
        let request = request
            .body(Full::new(Bytes::from(body)))
            .map_err(|error| Fault::Broken(format!("no request can be made: {error}")))?;
        let response = self.connection.send(request).await?;
        match response.status() {
            StatusCode::OK | StatusCode::ACCEPTED => Ok(response),
            status => {
                // What is left unread would be the next response.
                let _ = response.into_body().collect().await;
                Err(Fault::Refused(status))
            }
        }
    }
}

/// Reads a response to its end; each message goes to `message`.
async fn read(response: Response<Incoming>, mut message: impl FnMut(&[u8])) -> Result<(), Fault> {
    let media_type = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let is_stream = media_type.is_some_and(|value| value.starts_with("text/event-stream"));
    let mut body = response.into_body();
    if is_stream {
        let mut events = Events::default();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| Fault::Broken(error.to_string()))?;
            if let Some(bytes) = frame.data_ref() {
                events.feed(bytes, &mut message);
            }
        }
        return Ok(());
    }
    let bytes = body.collect().await.map_err(|error| Fault::Broken(error.to_string()))?.to_bytes();
    if !bytes.is_empty() {
        message(&bytes);
    }
    Ok(())
}
