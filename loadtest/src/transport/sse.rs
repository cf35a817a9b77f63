//! A client of HTTP+SSE of 2024-11-05: messages are posted, and all answers come on the session's stream.

use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    Request as HttpRequest,
    header::{ACCEPT, CONTENT_TYPE, HOST},
};

use super::{
    Fault, Request, Stream,
    connection::Connection,
    http::{accept, is_stream, read},
    request::{self, OLDEST},
};
use crate::endpoint::Endpoint;

/// A client with its stream and a connection to post on.
#[derive(Debug)]
pub struct Sse {
    poster: Poster,
    stream: Stream,
}

impl Sse {
    pub(super) async fn open(endpoint: &Endpoint) -> Result<Self, Fault> {
        let mut connection = Connection::open(endpoint).await?;
        let request = HttpRequest::get(endpoint.path.as_str())
            .header(HOST, endpoint.authority.as_str())
            .header(ACCEPT, "text/event-stream")
            .body(Full::default())
            .map_err(Fault::broken)?;
        let response = accept(connection.send(request).await?).await?;
        if !is_stream(&response) {
            return Err(Fault::Broken("the response is no stream".to_owned()));
        }
        let mut stream = Stream::new(connection, response.into_body(), None);
        let mut found = None;
        while found.is_none() {
            let open = stream.next_event(|name, data| {
                if name == b"endpoint" {
                    found = Some(String::from_utf8_lossy(data).into_owned());
                }
            });
            if !open.await? {
                return Err(Fault::Lost);
            }
        }
        let endpoint = endpoint
            .beside(&found.unwrap_or_default())
            .ok_or_else(|| Fault::Broken("the endpoint event leads elsewhere".to_owned()))?;
        let mut client = Self { poster: Poster::open(endpoint).await?, stream };
        client.exchange(request::initialize(OLDEST), request::is_answer).await?;
        client.poster.post(request::INITIALIZED.to_owned()).await?;
        Ok(client)
    }

    pub(super) async fn request(
        &mut self,
        request: &Request<'_>,
        message: impl FnMut(&[u8]) -> bool,
    ) -> Result<(), Fault> {
        self.exchange(request.body(false), message).await
    }

    /// Posts a message, and reads the stream until an answer has come.
    async fn exchange(&mut self, body: String, mut message: impl FnMut(&[u8]) -> bool) -> Result<(), Fault> {
        let posted = self.poster.post(body);
        tokio::pin!(posted);
        let (mut is_posted, mut is_answered) = (false, false);
        // A large answer may have to be read before the post ends.
        while !(is_posted && is_answered) {
            tokio::select! {
                result = &mut posted, if !is_posted => {
                    result?;
                    is_posted = true;
                }
                open = self.stream.next(|data| is_answered |= message(data)), if !is_answered => {
                    if !open? {
                        return Err(Fault::Broken("the session's stream has ended".to_owned()));
                    }
                }
            }
        }
        Ok(())
    }

    /// Another connection to post on.
    pub(super) async fn poster(&self) -> Result<Poster, Fault> {
        Poster::open(self.poster.endpoint.clone()).await
    }

    /// Makes a request; the answer is left in the session's stream.
    pub(super) async fn into_unread(mut self, request: &Request<'_>) -> Result<Stream, Fault> {
        self.poster.post(request.body(false)).await?;
        Ok(self.stream)
    }

    /// The session's stream alone.
    pub(super) fn into_stream(self) -> Stream {
        self.stream
    }
}

/// A connection to post messages on.
#[derive(Debug)]
pub struct Poster {
    endpoint: Endpoint,
    connection: Connection,
}

impl Poster {
    async fn open(endpoint: Endpoint) -> Result<Self, Fault> {
        let connection = Connection::open(&endpoint).await?;
        Ok(Self { endpoint, connection })
    }

    pub(super) async fn post(&mut self, body: String) -> Result<(), Fault> {
        let request = HttpRequest::post(self.endpoint.path.as_str())
            .header(HOST, self.endpoint.authority.as_str())
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(body)))
            .map_err(Fault::broken)?;
        read(accept(self.connection.send(request).await?).await?, |_| false).await
    }
}
