//! HTTP+SSE of 2024-11-05: a stream whose life is the session's, and a place to POST to.

use bytes::Bytes;
use hyper::{Response, http::request::Parts};
use waggle_protocol::{Gather, jsonrpc::Kind, sse::encode as sse};

use super::{
    Body, Endpoint, Message, accepted, headers, pong,
    sse_body::{SseBody, Style},
};
use crate::{
    error::Refusal,
    session::{EndOnDrop, Session, Transport},
};

impl Endpoint {
    /// Opens a session; its first event tells where to POST, relative to the public base.
    pub(crate) fn open_sse(&self) -> Result<Response<Body>, Refusal> {
        let _inside = self.let_in()?;
        let session = self.sessions.open(Transport::HttpSse)?;
        let guard = EndOnDrop { registry: self.sessions.clone(), session: session.clone() };
        let mut opening = Gather::new();
        let config = self.server.config.now();
        let base = config.public_url.as_ref().map_or("", |url| url.path());
        sse::named(&mut opening, "endpoint", &format!("{base}/messages?sessionId={}", session.id.to_text()));
        let outlet = session.standalone.clone();
        let ticket = outlet.attach(None).map_err(|gone| Refusal::invalid(gone.to_string()))?;
        let style = Style { ids: false, keep_alive: self.keep_alive() };
        let body = SseBody::new(outlet, ticket, style, opening).ending(guard);
        Ok(headers::event_stream(Body::Sse(Box::new(body))))
    }

    /// A message of such a session. Answers come on its stream.
    pub(crate) async fn post_sse<B>(&self, parts: &Parts, body: B) -> Result<Response<Body>, Refusal>
    where
        B: http_body::Body<Data = Bytes> + Unpin,
    {
        headers::check_content_type(&parts.headers)?;
        let session = self.sse_session(parts)?;
        let message = Message::parse(self.body(body).await?)?;
        let _busy = session.busy();
        let id = message.id().filter(|_| message.envelope.kind() == Kind::Request);
        self.take_sse(&session, &message).await.map_err(|refusal| refusal.to(id))?;
        Ok(accepted())
    }

    async fn take_sse(&self, session: &Session, message: &Message) -> Result<(), Refusal> {
        match message.envelope.kind() {
            Kind::Request if message.is("initialize") => {
                let welcome = self.welcome(message).await?;
                self.link(session, &welcome);
                session.standalone.response(welcome.response.into());
                Ok(())
            }
            Kind::Request if message.is("ping") => {
                session.standalone.response(pong(&message.id().unwrap_or_default()).into());
                Ok(())
            }
            Kind::Request => {
                let _inside = self.let_in()?;
                self.forward(session, &session.standalone, message, self.server.clock.now()).await
            }
            Kind::Notification | Kind::Response | Kind::Error => self.tell(session, message).await,
        }
    }

    fn sse_session(&self, parts: &Parts) -> Result<std::sync::Arc<Session>, Refusal> {
        let query = parts.uri.query().unwrap_or_default();
        let id = query.split('&').find_map(|pair| pair.strip_prefix("sessionId="));
        let id = id.ok_or_else(|| Refusal::invalid("the sessionId parameter is missing; open /sse first"))?;
        self.sessions.find(id.as_bytes(), Transport::HttpSse).ok_or_else(Refusal::unknown_session)
    }
}
