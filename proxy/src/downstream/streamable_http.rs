//! Streamable HTTP for 2025-03-26 to 2025-11-25: POST, GET and DELETE on the MCP endpoint.
//!
//! Cancellation contract: dropping a handler's future (the client has gone) cancels nothing upstream. A POST
//! that has become a stream stays resumable; one that has not loses its answer, and what else the server
//! sends for it goes to the session's standalone stream.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use hyper::{Response, StatusCode, header::HeaderValue, http::request::Parts};
use waggle_protocol::{
    Gather,
    error::code,
    jsonrpc::{self, Kind},
    modern::claim::{Claim, claim, claim_batch},
    sse::{EventId, encode as sse},
    time::Timestamp,
};

use super::{
    Body, Endpoint, Message, accepted, header,
    headers::{self, Accept, LAST_EVENT_ID, PROTOCOL_VERSION, SESSION_ID},
    initialize::linked,
    pong,
    sse_body::{RETRY, SseBody, Style},
};
use crate::{
    error::Refusal,
    session::{Busy, Session, Transport},
    stream::{Exchange, First, Outlet},
    telemetry::metrics::MethodLabel,
};

/// What the endpoint offers, for `Allow`.
pub(crate) const MCP_METHODS: &str = "POST, GET, DELETE, OPTIONS";

/// A client that takes no stream waits for its JSON answer this long: longer than any request may take.
pub(super) const WITHOUT_STREAM: Duration = Duration::from_secs(24 * 3600);

impl Endpoint {
    /// A message, or in 2025-03-26 a batch of them. Each request is given the room that the future needs at most: what
    /// is seldom gets its own.
    pub(crate) async fn post<B>(&self, parts: &Parts, body: B) -> Result<Response<Body>, Refusal>
    where
        B: http_body::Body<Data = Bytes> + Unpin,
    {
        headers::check_content_type(&parts.headers)?;
        let body = self.body(body).await?;
        if jsonrpc::is_batch(&body) {
            return Box::pin(self.post_batch(parts, &body)).await;
        }
        let message = Message::parse(body)?;
        let version = headers::only(&parts.headers, &PROTOCOL_VERSION);
        match claim(&message.bytes, &message.envelope, version) {
            Claim::Legacy => {}
            // A legacy client's mistake, as long as its session is known.
            Claim::ModernWithoutMeta if self.knows_session(parts) => {}
            Claim::Modern | Claim::ModernWithoutMeta => {
                let id = message.id().filter(|_| message.envelope.kind() == Kind::Request);
                let answered = Box::pin(self.post_modern(parts, &message)).await;
                return answered.map_err(|refusal| refusal.to(id));
            }
        }
        if message.envelope.kind() == Kind::Request && message.is("initialize") {
            // A session id here is stale, or of a session that the client has given up.
            let opened = Box::pin(self.initialize(&message)).await;
            return opened.map_err(|refusal| refusal.to(message.id()));
        }
        let kind = message.envelope.kind();
        let id = message.id().filter(|_| kind == Kind::Request);
        self.post_message(parts, &message).await.map_err(|refusal| refusal.to(id))
    }

    async fn initialize(&self, message: &Message) -> Result<Response<Body>, Refusal> {
        let welcome = self.welcome(message).await?;
        let session = self.sessions.open(Transport::StreamableHttp)?;
        self.link(&session, &welcome);
        let mut response = headers::json(Body::full(welcome.response));
        if let Ok(id) = HeaderValue::from_str(&session.id.to_text()) {
            response.headers_mut().insert(&SESSION_ID, id);
        }
        Ok(response)
    }

    async fn post_message(&self, parts: &Parts, message: &Message) -> Result<Response<Body>, Refusal> {
        let session = self.session(parts)?;
        let busy = session.busy();
        match message.envelope.kind() {
            Kind::Request if message.is("ping") => {
                Ok(headers::json(Body::full(pong(&message.id().unwrap_or_default()))))
            }
            Kind::Request => {
                let inside = self.let_in()?;
                let outlet = session.post_stream(1);
                let accept = headers::accept(&parts.headers);
                if accept == Accept::Json {
                    outlet.refuse_messages();
                }
                let now = self.server.clock.now();
                self.forward(&session, &outlet, message, now).await?;
                drop(inside);
                Ok(self.respond(&session, outlet, accept, false, now, busy).await)
            }
            Kind::Notification | Kind::Response | Kind::Error => {
                self.tell(&session, message).await?;
                Ok(accepted())
            }
        }
    }

    /// Sends a request upstream that came at `now`; its answer goes to `outlet`.
    pub(super) async fn forward(
        &self,
        session: &Session,
        outlet: &Arc<Outlet>,
        message: &Message,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let link = linked(session)?;
        let method = MethodLabel::of(&message.envelope.method_bytes(&message.bytes));
        let metrics = self.server.metrics.clone();
        let exchange = Exchange::new(outlet.clone(), session.standalone.clone(), metrics, method, now);
        link.upstream.request(link.member, exchange, &message.bytes, &message.envelope).await
    }

    /// Hands on a notification, or the answer to a question of the server's.
    pub(super) async fn tell(&self, session: &Session, message: &Message) -> Result<(), Refusal> {
        let Some(link) = session.linked() else { return Ok(()) };
        if message.envelope.kind() == Kind::Notification && message.is("notifications/initialized") {
            link.upstream.initialized(link.member);
            return Ok(());
        }
        link.upstream.tell(link.member, &message.bytes, &message.envelope).await
    }

    async fn post_batch(&self, parts: &Parts, body: &Bytes) -> Result<Response<Body>, Refusal> {
        let spans = jsonrpc::elements(body).map_err(|error| Refusal::malformed(&error))?;
        let messages: Vec<_> = spans.into_iter().map(|span| Message::parse(span.slice(body))).collect();
        let envelopes = messages.iter().flatten().map(|message| &message.envelope);
        claim_batch(envelopes, headers::only(&parts.headers, &PROTOCOL_VERSION))?;
        let session = self.session(parts)?;
        if !linked(&session)?.version.allows_batches() {
            return Err(Refusal::invalid("batches exist in 2025-03-26 only; send one message per request"));
        }
        let limit = self.server.config.now().limits.max_batch;
        if messages.is_empty() || messages.len() > limit {
            return Err(Refusal::invalid(format!("a batch has 1 to {limit} messages (--max-batch)")));
        }
        let messages: Vec<Message> = messages.into_iter().collect::<Result<_, _>>()?;
        if messages.iter().any(|message| message.is("initialize")) {
            return Err(Refusal::invalid("initialize must not be part of a batch"));
        }
        let inside = self.let_in()?;
        let busy = session.busy();
        let requests = messages.iter().filter(|message| message.envelope.kind() == Kind::Request).count();
        let accept = headers::accept(&parts.headers);
        let outlet = session.post_stream(requests);
        let now = self.server.clock.now();
        if accept == Accept::Json {
            outlet.refuse_messages();
        }
        for message in &messages {
            let id = message.id().unwrap_or_default();
            let done = match message.envelope.kind() {
                Kind::Request if message.is("ping") => {
                    outlet.response(pong(&id).into());
                    Ok(())
                }
                Kind::Request => self.forward(&session, &outlet, message, now).await,
                _ => {
                    // A notification has no answer, not even a refusal, once the batch is accepted.
                    let _ = self.tell(&session, message).await;
                    Ok(())
                }
            };
            if let Err(refusal) = done {
                outlet.response(refusal.error().to_response(Some(&id)).into());
            }
        }
        drop(inside);
        match requests {
            0 => Ok(accepted()),
            _ => Ok(self.respond(&session, outlet, accept, true, now, busy).await),
        }
    }

    /// JSON when the answers come first and alone; a stream when something precedes them, or nothing comes
    /// for as long as intermediaries tolerate silence.
    async fn respond(
        &self,
        session: &Arc<Session>,
        outlet: Arc<Outlet>,
        accept: Accept,
        batch: bool,
        now: Timestamp,
        _busy: Busy,
    ) -> Response<Body> {
        let patience = if accept == Accept::Json { WITHOUT_STREAM } else { self.keep_alive() };
        let abandon = AbandonOnDrop(Some(&outlet));
        let first = match accept {
            Accept::Sse => First::Stream,
            Accept::Any | Accept::Json => outlet.first(&self.server.silence, now.after(patience)).await,
        };
        abandon.keep();
        match first {
            First::Answers(answers) if batch => headers::json(Body::array(&answers)),
            First::Answers(answers) => match answers.into_iter().next() {
                Some(answer) => headers::json_with(Body::message(answer), gateway_status(&outlet)),
                None => accepted(),
            },
            // The request was cancelled, and the client wants no stream.
            First::Stream if accept == Accept::Json => accepted(),
            First::Stream => self.stream_post(session, outlet),
        }
    }

    fn stream_post(&self, session: &Arc<Session>, outlet: Arc<Outlet>) -> Response<Body> {
        let primed = session.linked().is_some_and(|link| link.version.primes_streams());
        let mut opening = Gather::new();
        if primed {
            sse::priming(&mut opening, EventId { stream: outlet.number, sequence: 0 }, Some(RETRY));
        } else if !outlet.is_finished() {
            sse::comment(&mut opening, "waiting");
        }
        session.keep(outlet.clone());
        // The first reader: there is nothing before what it gets that it could miss.
        self.stream(outlet, None, opening).unwrap_or_else(Refusal::into_response)
    }

    fn stream(
        &self,
        outlet: Arc<Outlet>,
        after: Option<u64>,
        opening: Gather,
    ) -> Result<Response<Body>, Refusal> {
        let ticket = outlet.attach(after).map_err(|gone| Refusal::invalid(gone.to_string()))?;
        let style = Style { ids: true, keep_alive: self.keep_alive() };
        let body = SseBody::new(outlet, ticket, style, opening);
        Ok(headers::event_stream(Body::Sse(Box::new(body))))
    }

    /// The standalone stream, or the rest of a stream that broke.
    pub(crate) fn get(&self, parts: &Parts) -> Result<Response<Body>, Refusal> {
        self.refuse_modern(parts)?;
        if header(&parts.headers, &SESSION_ID).is_none() {
            return Err(Refusal::method_not_allowed("POST, OPTIONS"));
        }
        let session = self.session(parts)?;
        let _inside = self.let_in()?;
        session.touch();
        let last =
            header(&parts.headers, &LAST_EVENT_ID).and_then(|id| EventId::parse(str::from_utf8(id).ok()?));
        match last {
            Some(EventId { stream: number @ 1.., sequence }) => {
                let gone = || Refusal::invalid("the stream of that Last-Event-ID is no longer held");
                let outlet = session.kept(number).ok_or_else(gone)?;
                match self.stream(outlet.clone(), Some(sequence), opening()) {
                    // Some notifications are lost, but the response is still to come.
                    Err(_) if outlet.owes_response() => self.stream(outlet, None, opening()),
                    streamed => streamed,
                }
            }
            // What is no longer held of the standalone stream was notice, not answers: go on with the rest.
            Some(EventId { sequence, .. }) => self
                .stream(session.standalone.clone(), Some(sequence), opening())
                .or_else(|_| self.stream(session.standalone.clone(), None, opening())),
            None => self.stream(session.standalone.clone(), None, opening()),
        }
    }

    /// Ends the session.
    pub(crate) fn delete(&self, parts: &Parts) -> Result<Response<Body>, Refusal> {
        self.refuse_modern(parts)?;
        let session = self.session(parts)?;
        self.sessions.end(&session, "deleted by the client");
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NO_CONTENT;
        Ok(response)
    }

    /// Whether the request names a session that is open.
    fn knows_session(&self, parts: &Parts) -> bool {
        let id = header(&parts.headers, &SESSION_ID);
        id.is_some_and(|id| self.sessions.find(id, Transport::StreamableHttp).is_some())
    }

    /// The session that the request names: 400 without an id, 404 for one that is not known, 400 for a version
    /// header that does not fit it.
    fn session(&self, parts: &Parts) -> Result<Arc<Session>, Refusal> {
        let id = header(&parts.headers, &SESSION_ID)
            .ok_or_else(|| Refusal::invalid("the Mcp-Session-Id header is missing; initialize first"))?;
        let session =
            self.sessions.find(id, Transport::StreamableHttp).ok_or_else(Refusal::unknown_session)?;
        headers::check_version(&parts.headers, linked(&session)?.version)?;
        Ok(session)
    }
}

/// The status of a lone answer. In this era an error is an answer like any other, unless there is no server.
fn gateway_status(outlet: &Outlet) -> StatusCode {
    match outlet.error_code() {
        Some(code::BAD_GATEWAY) => StatusCode::BAD_GATEWAY,
        Some(code::GATEWAY_TIMEOUT) => StatusCode::GATEWAY_TIMEOUT,
        _ => StatusCode::OK,
    }
}

/// What a GET stream starts with, at once, so that every middle box sees it live.
fn opening() -> Gather {
    let mut opening = Gather::new();
    sse::retry(&mut opening, RETRY);
    sse::comment(&mut opening, "open");
    opening
}

/// While it is not known how to answer, the client can vanish without a trace to resume from.
struct AbandonOnDrop<'a>(Option<&'a Outlet>);

impl AbandonOnDrop<'_> {
    fn keep(mut self) {
        self.0 = None;
    }
}

impl Drop for AbandonOnDrop<'_> {
    fn drop(&mut self) {
        if let Some(outlet) = self.0 {
            outlet.refuse_messages();
        }
    }
}
