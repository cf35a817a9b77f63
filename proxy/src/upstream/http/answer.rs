//! What comes back for a POST: a message, a stream of them, or a refusal.

use bytes::Bytes;
use http::{Method, Response, StatusCode, response::Parts};
use hyper::body::Incoming;
use serde_json::Value;
use tokio::time::{sleep, timeout};
use waggle_protocol::{
    error::code,
    jsonrpc::{self, Envelope, Field, Kind, text},
};

use super::{
    body::{Body, content_type},
    events::{Events, Position},
    headers::SESSION_ID,
    link::{HttpKind, Link},
    outgoing::Outgoing,
    request::Accept,
    session::Tokens,
    trouble::{Cause, Trouble},
};

/// The longest refusal that is looked into.
const REFUSAL: usize = 1 << 20;
/// Attempts to resume a stream, without success.
const RESUMES: u32 = 5;

/// How a response is read.
pub(super) struct Reading<'a> {
    pub(super) link: &'a Link,
    pub(super) message: &'a Outgoing,
    pub(super) session: Option<&'a Tokens>,
    /// A complaint about headers is not handed over: the request will be tried again.
    pub(super) may_retry: bool,
}

/// What came.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Answer {
    /// All that was to come.
    Given,
    /// The server misses headers, or finds others than it expects.
    HeaderMismatch,
}

impl Reading<'_> {
    pub(super) async fn read(&self, response: Response<Incoming>) -> Result<Answer, Trouble> {
        let (parts, body) = Body::of(response)?;
        if !parts.status.is_success() {
            return self.refusal(&parts, body).await;
        }
        if self.message.method == "initialize" {
            self.link.session.named(parts.headers.get(SESSION_ID));
        }
        if !self.message.is_request() {
            body.drain().await;
            return Ok(Answer::Given);
        }
        if matches!(parts.status, StatusCode::ACCEPTED | StatusCode::NO_CONTENT) {
            return Err(Trouble::not_spoken(format!("has not answered the request ({})", parts.status)));
        }
        match &*content_type(&parts.headers) {
            "application/json" => self.json(self.whole(body).await?).await,
            "text/event-stream" => self.stream(body).await,
            other => Err(Trouble::not_spoken(format!("has answered with the content type `{other:.60}`"))),
        }
    }

    async fn whole(&self, body: Body) -> Result<Bytes, Trouble> {
        let idle = self.link.server.idle_timeout();
        timeout(idle, body.collect(self.link.server.max_message()))
            .await
            .map_err(|_| Trouble::silent(idle))?
    }

    async fn json(&self, line: Bytes) -> Result<Answer, Trouble> {
        let line = self.adopted(&line).unwrap_or(line);
        match self.take(line).await? {
            Some(answer) => Ok(answer),
            None => Err(Trouble::not_spoken("has answered another request than this one")),
        }
    }

    /// An error that names no request, as the response to this one: it can mean no other.
    fn adopted(&self, line: &[u8]) -> Option<Bytes> {
        let envelope = jsonrpc::scan(line).ok().filter(|envelope| envelope.kind() == Kind::Error)?;
        if !matches!(envelope.span(Field::Id).map(|span| span.of(line)), None | Some(b"null")) {
            return None;
        }
        let error: Value = serde_json::from_slice(envelope.span(Field::Error)?.of(line)).ok()?;
        let (code, message) = (error["code"].as_i64()?, error["message"].as_str().unwrap_or_default());
        let id = self.message.id?.to_string();
        Some(jsonrpc::build::error(Some(id.as_bytes()), code, message, error.get("data")))
    }

    /// Hands a message over; says what it answers if it answers the request.
    async fn take(&self, line: Bytes) -> Result<Option<Answer>, Trouble> {
        let no_message = |_| Trouble::not_spoken("has answered with something else than a JSON-RPC message");
        let (link, origin) = (self.link, self.message.id);
        if jsonrpc::is_batch(&line) {
            let answered = jsonrpc::elements(&line).map_err(no_message)?.into_iter().any(|span| {
                let element = span.of(&line);
                jsonrpc::scan(element).is_ok_and(|envelope| self.answers(element, &envelope))
            });
            link.deliver(line, origin).await;
            return Ok(answered.then_some(Answer::Given));
        }
        let envelope = jsonrpc::scan(&line).map_err(no_message)?;
        if !self.answers(&line, &envelope) {
            link.deliver(line, origin).await;
            return Ok(None);
        }
        if self.may_retry && error_code(&line, &envelope) == Some(code::HEADER_MISMATCH) {
            return Ok(Some(Answer::HeaderMismatch));
        }
        let line = match (link.kind, &*self.message.method) {
            (HttpKind::Modern, "tools/list") => link.server.params.learn(&line),
            (HttpKind::Modern, _) => line,
            _ => {
                link.session.answered(self.message, &line, &envelope);
                line
            }
        };
        link.opened();
        if let Some(id) = origin {
            link.finished(id);
        }
        link.deliver(line, origin).await;
        Ok(Some(Answer::Given))
    }

    /// Whether the message is the response to the request.
    fn answers(&self, line: &[u8], envelope: &Envelope) -> bool {
        let id = envelope.span(Field::Id).and_then(|span| text::integer_value(span.of(line)));
        matches!(envelope.kind(), Kind::Response | Kind::Error) && id.is_some() && id == self.message.id
    }

    /// Hands over the events of a response up to the answer, over as many connections as it takes.
    async fn stream(&self, body: Body) -> Result<Answer, Trouble> {
        let max_message = self.link.server.max_message();
        let mut events = Events::new(body, max_message);
        let mut position = Position::default();
        loop {
            let trouble = match self.events(&mut events, &mut position).await {
                Ok(Some(answer)) => return Ok(answer),
                Ok(None) => Trouble::broken_off("has ended the stream without an answer"),
                Err(trouble) => trouble,
            };
            position.leave(&events);
            let resumable = trouble.cause == Cause::BrokenOff && position.last_id().is_some();
            let Some(session) = self.session.filter(|_| resumable) else { return Err(trouble) };
            events = Events::new(self.resume(session, &position).await?, max_message);
        }
    }

    /// Hands over events until the answer has come, or the response ends.
    async fn events(&self, events: &mut Events, position: &mut Position) -> Result<Option<Answer>, Trouble> {
        // A subscription is silent until something happens.
        let idle =
            Some(self.link.server.idle_timeout()).filter(|_| self.message.method != "subscriptions/listen");
        while let Some(event) = events.next(idle).await? {
            let Some(line) = position.advance(event) else { continue };
            if let Some(answer) = self.take(line).await? {
                events.drain().await;
                return Ok(Some(answer));
            }
        }
        Ok(None)
    }

    /// Goes on with a stream where it broke off.
    async fn resume(&self, session: &Tokens, position: &Position) -> Result<Body, Trouble> {
        let server = &self.link.server;
        let mut attempt = 0;
        loop {
            sleep(position.pause(attempt)).await;
            attempt += 1;
            let headers = position.resuming(session.headers());
            let request = server.request(Method::GET, &server.url, headers, Bytes::new(), Accept::Stream);
            let response = match timeout(server.request_timeout(), request).await {
                Ok(response) => response,
                Err(_) => return Err(Trouble::timeout("has broken off, and does not resume the stream")),
            };
            match response.and_then(Body::of) {
                Ok((parts, body))
                    if parts.status.is_success() && content_type(&parts.headers) == "text/event-stream" =>
                {
                    return Ok(body);
                }
                Ok((parts, _)) if !parts.status.is_server_error() || attempt == RESUMES => {
                    // Not a lost session: the request has been sent, and must not be sent again.
                    let status = parts.status;
                    return Err(Trouble::new(format!(
                        "has broken off, and does not resume the stream ({status})"
                    )));
                }
                Err(trouble) if attempt == RESUMES => return Err(trouble),
                Ok(_) | Err(_) => {}
            }
        }
    }

    /// A response that is no success; it may hold a message all the same.
    async fn refusal(&self, parts: &Parts, body: Body) -> Result<Answer, Trouble> {
        let status = parts.status;
        if status == StatusCode::NOT_FOUND && self.session.is_some_and(|session| session.id.is_some()) {
            return Err(Trouble::session_lost());
        }
        let mut trouble = Trouble::status(status, &parts.headers);
        if self.link.opens(self.message) && (trouble.cause != Cause::NotSpoken) {
            return Err(trouble);
        }
        let body = timeout(self.link.server.idle_timeout(), body.collect(REFUSAL)).await;
        let Ok(Ok(line)) = body else { return Err(trouble) };
        let Ok(envelope) = jsonrpc::scan(&line) else { return Err(trouble) };
        if self.answers(&line, &envelope) {
            return self.json(line).await;
        }
        let code = error_code(&line, &envelope);
        if self.link.kind == HttpKind::Modern && code.is_some_and(|code| is_modern(code, status)) {
            return self.json(line).await;
        }
        // What is said to bad credentials may repeat them.
        if !matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)
            && let Some(said) = said(&line, &envelope)
        {
            trouble.text = format!("{}: {said}", trouble.text);
        }
        Err(trouble)
    }
}

/// The beginning of an error's message, on one line.
fn said(line: &[u8], envelope: &Envelope) -> Option<String> {
    let error: Value = serde_json::from_slice(envelope.span(Field::Error)?.of(line)).ok()?;
    let message = error["message"].as_str().filter(|message| !message.is_empty())?;
    Some(message.chars().filter(|character| !character.is_control()).take(200).collect())
}

/// Whether only a server of 2026-07-28 answers so.
fn is_modern(error: i64, status: StatusCode) -> bool {
    matches!(error, code::HEADER_MISMATCH | code::MISSING_CAPABILITY | code::UNSUPPORTED_VERSION)
        || error == code::METHOD_NOT_FOUND && status == StatusCode::NOT_FOUND
}

fn error_code(line: &[u8], envelope: &Envelope) -> Option<i64> {
    std::str::from_utf8(envelope.span(Field::ErrorCode)?.of(line)).ok()?.parse().ok()
}
