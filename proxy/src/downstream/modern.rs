//! Streamable HTTP of 2026-07-28: every POST stands alone.
//!
//! Cancellation contract: dropping a handler's future, or the body that it has returned, means that the client has
//! gone, which in this revision cancels the request in the server.

use std::sync::Arc;

use hyper::{Response, StatusCode, header::AUTHORIZATION, http::request::Parts};
use waggle_protocol::{
    Gather,
    jsonrpc::{self, Field, Kind},
    modern::{
        check::{self, check, check_notification},
        discover, header,
        method::MethodClass,
        rejection::{Rejection, status_of},
    },
    seal::Principal,
    sse::encode as sse,
};

use super::{
    Body, Endpoint, Message, accepted,
    headers::{self, Accept},
    sse_body::{SseBody, Style},
    streamable_http::WITHOUT_STREAM,
};
use crate::{
    error::Refusal,
    stream::{Exchange, First, Outlet},
    telemetry::metrics::MethodLabel,
    upstream::{Caller, Era, Handshakes, Settled},
};

impl Endpoint {
    /// A request or a notification of a modern client.
    pub(super) async fn post_modern(
        &self,
        parts: &Parts,
        message: &Message,
    ) -> Result<Response<Body>, Refusal> {
        let read = |name: &str| headers::only(&parts.headers, name);
        if message.envelope.kind() == Kind::Notification {
            // None is defined over HTTP; what a vendor means by its own is not known here.
            check_notification(&message.bytes, &message.envelope, read)?;
            return Ok(accepted());
        }
        let request = check(&message.bytes, &message.envelope, read)?;
        let inside = self.let_in()?;
        let settled = self.settled().await?;
        if settled.dialect.era() == Era::Legacy {
            if request.class == MethodClass::Unknown || request.method.starts_with("tasks/") {
                return Err(Rejection::method_not_found(&request.method).into());
            }
            if request.method == "server/discover" {
                return self.discover(message).await;
            }
        }
        self.check_arguments(&settled, parts, message, &request).await?;
        let (outlet, caller, accept) = self.call(parts, &settled, message, &request).await?;
        drop(inside);
        Ok(self.respond_to_call(outlet, caller, accept).await)
    }

    /// Answers `server/discover` for a server that knows only `initialize`.
    async fn discover(&self, message: &Message) -> Result<Response<Body>, Refusal> {
        let handshake = self.handshake(&Handshakes::own_params()).await?;
        let result = discover::discover_from_initialize(handshake.raw()).unwrap_or_default();
        let id = message.id().unwrap_or_default();
        Ok(headers::json(Body::full(jsonrpc::build::response(&id, &result))))
    }

    /// The arguments that the tool wants repeated in headers are, and say the same.
    async fn check_arguments(
        &self,
        settled: &Settled,
        parts: &Parts,
        message: &Message,
        request: &check::Request<'_>,
    ) -> Result<(), Refusal> {
        let (true, Some(tool)) = (request.method == "tools/call", &request.name) else { return Ok(()) };
        let tools = self.fleet.tools(settled).await;
        let arguments = message.envelope.span(Field::ParamsArguments);
        let arguments = arguments.map(|span| span.of(&message.bytes));
        Ok(tools.check(tool, arguments, |name| headers::only(&parts.headers, name))?)
    }

    /// Sends it to the server: where its answer comes, what it lasts for, and how the client takes it.
    async fn call(
        &self,
        parts: &Parts,
        settled: &Settled,
        message: &Message,
        request: &check::Request<'_>,
    ) -> Result<(Arc<Outlet>, Caller, Accept), Refusal> {
        let accept = match headers::accept(&parts.headers) {
            // There is no other way to listen.
            Accept::Json if request.method == "subscriptions/listen" => Accept::Any,
            accept => accept,
        };
        let outlet = Arc::new(Outlet::for_call(&self.server));
        if accept == Accept::Json {
            outlet.refuse_messages();
        }
        let exchange = Exchange::of_call(
            outlet.clone(),
            self.server.metrics.clone(),
            MethodLabel::of(request.method.as_bytes()),
            self.server.clock.now(),
        );
        let principal = Principal::of(parts.headers.get(AUTHORIZATION).map(|value| value.as_bytes()));
        let caller = self.fleet.call(settled, principal, exchange, &message.bytes, &message.envelope).await?;
        Ok((outlet, caller, accept))
    }

    /// JSON with the status that fits when the answer comes first; a stream when something precedes it, or nothing
    /// comes for as long as intermediaries tolerate silence.
    async fn respond_to_call(&self, outlet: Arc<Outlet>, caller: Caller, accept: Accept) -> Response<Body> {
        let patience = if accept == Accept::Json { WITHOUT_STREAM } else { self.keep_alive() };
        let first = match accept {
            Accept::Sse => First::Stream,
            Accept::Any | Accept::Json => {
                let until = self.server.clock.now().after(patience);
                outlet.first(&self.server.silence, until).await
            }
        };
        if let First::Answers(answers) = first {
            let status = outlet.error_code().map_or(200, status_of);
            let status = StatusCode::from_u16(status).unwrap_or_default();
            let body = answers.into_iter().next().map_or_else(Body::empty, Body::message);
            return headers::json_with(body, status);
        }
        let mut opening = Gather::new();
        if !outlet.has_messages() {
            sse::comment(&mut opening, "waiting");
        }
        let Ok(ticket) = outlet.attach(None) else { return accepted() };
        let style = Style { ids: false, keep_alive: self.keep_alive() };
        let body = SseBody::new(outlet, ticket, style, opening).ending(caller);
        headers::event_stream(Body::Sse(Box::new(body)))
    }

    /// Whether a GET or DELETE is of a client that knows neither: it names the revision and no session.
    pub(super) fn refuse_modern(&self, parts: &Parts) -> Result<(), Refusal> {
        let version = headers::only(&parts.headers, header::PROTOCOL_VERSION);
        match version.is_some_and(waggle_protocol::modern::claim::is_modern) {
            true => Err(Refusal::method_not_allowed("POST, OPTIONS")),
            false => Ok(()),
        }
    }
}

impl From<Rejection> for Refusal {
    fn from(rejection: Rejection) -> Self {
        let status = StatusCode::from_u16(rejection.status).unwrap_or(StatusCode::BAD_REQUEST);
        Self::with_error(status, rejection.error)
    }
}
