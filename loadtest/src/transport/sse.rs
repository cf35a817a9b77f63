//! A client of HTTP+SSE of 2024-11-05: messages are posted, and all answers come on the session's stream.

use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    Method,
    header::{ACCEPT, CONTENT_TYPE},
};

use super::{
    Fault, Request, Route, Stream,
    connection::Connection,
    http::{accept, is_stream, read},
    request::{self, OLDEST},
};

/// A client with its stream and a connection to post on.
#[derive(Debug)]
pub struct Sse {
    poster: Poster,
    stream: Stream,
}

impl Sse {
    pub(super) async fn open(route: &Route) -> Result<Self, Fault> {
        let mut connection = route.connect().await?;
        let request = route
            .request(Method::GET)
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
        let route = route
            .beside(&found.unwrap_or_default())
            .ok_or_else(|| Fault::Broken("the endpoint event leads elsewhere".to_owned()))?;
        let mut client = Self { poster: Poster::open(route).await?, stream };
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
        Poster::open(self.poster.route.clone()).await
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
    route: Route,
    connection: Connection,
}

impl Poster {
    async fn open(route: Route) -> Result<Self, Fault> {
        let connection = route.connect().await?;
        Ok(Self { route, connection })
    }

    pub(super) async fn post(&mut self, body: String) -> Result<(), Fault> {
        let request = self
            .route
            .request(Method::POST)
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(body)))
            .map_err(Fault::broken)?;
        read(accept(self.connection.send(request).await?).await?, |_| false).await
    }
}
