//! A client of Streamable HTTP, with a session or without.

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{
    Method, Response, StatusCode,
    body::Incoming,
    header::{ACCEPT, CONTENT_TYPE, HeaderValue},
};

use super::{
    Fault, Request, Route, Stream,
    connection::Connection,
    events::Events,
    request::{self, LEGACY, MODERN},
};

const STREAM: &str = "text/event-stream";
/// What every subscription asks for.
const LISTEN: &str =
    r#""notifications":{"toolsListChanged":true,"resourceSubscriptions":["echo://notices"]}"#;

/// A client with a connection, and with a session unless it is stateless.
#[derive(Debug)]
pub struct Http {
    route: Route,
    stateless: bool,
    connection: Connection,
    session: Option<HeaderValue>,
}

impl Http {
    pub(super) async fn connect(route: &Route, stateless: bool) -> Result<Self, Fault> {
        let connection = route.connect().await?;
        Ok(Self { route: route.clone(), stateless, connection, session: None })
    }

    pub(super) async fn open(route: &Route, stateless: bool) -> Result<Self, Fault> {
        let mut client = Self::connect(route, stateless).await?;
        if !stateless {
            client.initialize().await?;
        }
        Ok(client)
    }

    /// Another client of the same session.
    pub(super) async fn beside(&self) -> Result<Self, Fault> {
        let client = Self::connect(&self.route, self.stateless).await?;
        Ok(Self { session: self.session.clone(), ..client })
    }

    pub(super) fn is_stateless(&self) -> bool {
        self.stateless
    }

    async fn initialize(&mut self) -> Result<(), Fault> {
        let response = self.post(request::initialize(LEGACY), "initialize", None).await?;
        self.session = response.headers().get("mcp-session-id").cloned();
        let mut answered = false;
        read(response, |message| {
            answered |= request::is_answer(message);
            answered
        })
        .await?;
        if !answered {
            return Err(Fault::Lost);
        }
        self.notify("notifications/initialized", request::INITIALIZED.to_owned()).await
    }

    pub(super) async fn request(
        &mut self,
        request: &Request<'_>,
        message: impl FnMut(&[u8]) -> bool,
    ) -> Result<(), Fault> {
        let response = self.post(request.body(self.stateless), request.method, request.name).await?;
        read(response, message).await
    }

    /// Makes a request and gives its connection away, with an answer of which nothing was read but the head.
    pub(super) async fn into_unread(mut self, request: &Request<'_>) -> Result<Stream, Fault> {
        let response = self.post(request.body(self.stateless), request.method, request.name).await?;
        Ok(Stream::new(self.connection, response.into_body(), self.session))
    }

    pub(super) async fn notify(&mut self, method: &'static str, body: String) -> Result<(), Fault> {
        let response = self.post(body, method, None).await?;
        read(response, |_| false).await
    }

    /// Turns the connection into the stream of what the server says by itself.
    pub(super) async fn into_stream(mut self, last_event_id: Option<&str>) -> Result<Stream, Fault> {
        let response = if self.stateless {
            let listen = Request { fields: LISTEN, ..Request::plain(1, "subscriptions/listen") };
            self.post(listen.body(true), listen.method, None).await?
        } else {
            let mut request = self.head(Method::GET).header(ACCEPT, STREAM);
            if let Some(id) = last_event_id {
                request = request.header("last-event-id", id);
            }
            self.send(request, Bytes::new()).await?
        };
        if !is_stream(&response) {
            return Err(Fault::Broken("the response is no stream".to_owned()));
        }
        Ok(Stream::new(self.connection, response.into_body(), self.session))
    }

    /// Ends the session, if there is one.
    pub(super) async fn delete(&mut self) -> Result<(), Fault> {
        if self.session.is_none() {
            return Ok(());
        }
        let response = self.send(self.head(Method::DELETE), Bytes::new()).await;
        self.session = None;
        match response {
            // Servers need not let sessions be ended.
            Err(Fault::Refused(StatusCode::METHOD_NOT_ALLOWED)) => Ok(()),
            response => read(response?, |_| false).await,
        }
    }

    /// Ends another session.
    pub(super) async fn delete_other(mut self, session: HeaderValue) -> Result<Self, Fault> {
        self.session = Some(session);
        self.delete().await?;
        Ok(self)
    }

    fn head(&self, method: Method) -> hyper::http::request::Builder {
        let mut request = self.route.request(method);
        if let Some(session) = &self.session {
            request = request.header("mcp-session-id", session).header("mcp-protocol-version", LEGACY);
        } else if self.stateless {
            request = request.header("mcp-protocol-version", MODERN);
        }
        request
    }

    async fn post(
        &mut self,
        body: String,
        method: &'static str,
        name: Option<&str>,
    ) -> Result<Response<Incoming>, Fault> {
        let mut request = self
            .head(Method::POST)
            .header(CONTENT_TYPE, "application/json")
            .header(ACCEPT, "application/json, text/event-stream");
        if self.stateless {
            request = request.header("mcp-method", method);
            if let Some(name) = name {
                request = request.header("mcp-name", name);
            }
        }
        self.send(request, Bytes::from(body)).await
    }

    async fn send(
        &mut self,
        request: hyper::http::request::Builder,
        body: Bytes,
    ) -> Result<Response<Incoming>, Fault> {
        let request = request.body(Full::new(body)).map_err(Fault::broken)?;
        accept(self.connection.send(request).await?).await
    }
}

/// Lets pass what was not refused.
pub(super) async fn accept(response: Response<Incoming>) -> Result<Response<Incoming>, Fault> {
    match response.status() {
        status if status.is_success() => Ok(response),
        status => {
            // What is left unread would be the next response.
            let _ = response.into_body().collect().await;
            Err(Fault::Refused(status))
        }
    }
}

pub(super) fn is_stream(response: &Response<Incoming>) -> bool {
    let media_type = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    media_type.is_some_and(|value| value.starts_with(STREAM))
}

/// Reads a response to its end; each message goes to `message`.
pub(super) async fn read(
    response: Response<Incoming>,
    mut message: impl FnMut(&[u8]) -> bool,
) -> Result<(), Fault> {
    let is_stream = is_stream(&response);
    let mut body = response.into_body();
    if is_stream {
        let mut events = Events::default();
        while let Some(frame) = body.frame().await {
            if let Some(bytes) = frame.map_err(Fault::broken)?.data_ref() {
                events.feed(bytes, |event| {
                    message(event.data);
                });
            }
        }
        return Ok(());
    }
    let bytes = body.collect().await.map_err(Fault::broken)?.to_bytes();
    if !bytes.is_empty() {
        message(&bytes);
    }
    Ok(())
}
