//! From path and method to a handler: a table of three paths needs no framework.

use std::{convert::Infallible, sync::Arc};

use arc_swap::ArcSwap;
use bytes::Bytes;
use hyper::{Method, Request, Response, StatusCode, http::request::Parts};

use super::access::Access;
use crate::{
    config::Config,
    downstream::{self, Body, Endpoint},
    error::Refusal,
};

/// Serves requests for one proxy.
#[derive(Debug)]
pub(crate) struct Router {
    endpoint: Arc<Endpoint>,
    rules: ArcSwap<Rules>,
}

/// What follows from the configuration.
#[derive(Debug)]
struct Rules {
    access: Access,
    /// The path prefix under which the public sees us. A middle box may strip it or not: both are served.
    prefix: String,
}

impl Rules {
    fn new(config: &Config) -> Self {
        let prefix = config.public_url.as_ref().map_or("", |url| url.path()).to_owned();
        Self { access: Access::new(config), prefix }
    }
}

impl Router {
    pub(crate) fn new(endpoint: Arc<Endpoint>) -> Self {
        let rules = ArcSwap::from_pointee(Rules::new(&endpoint.server.config.now()));
        Self { endpoint, rules }
    }

    /// The configuration is another one.
    pub(crate) fn reconfigure(&self) {
        self.rules.store(Arc::new(Rules::new(&self.endpoint.server.config.now())));
    }

    /// Answers a request; a refusal is an answer too.
    pub(crate) async fn answer<B>(self: Arc<Self>, request: Request<B>) -> Result<Response<Body>, Infallible>
    where
        B: http_body::Body<Data = Bytes> + Unpin,
    {
        let (parts, body) = request.into_parts();
        let rules = self.rules.load_full();
        let mut response = self.route(&rules, &parts, body).await.unwrap_or_else(|refusal| {
            let response = refusal.into_response();
            self.endpoint.server.metrics.refused(response.status().as_u16());
            response
        });
        rules.access.add_cors(&parts.headers, &mut response);
        Ok(response)
    }

    async fn route<B>(&self, rules: &Rules, parts: &Parts, body: B) -> Result<Response<Body>, Refusal>
    where
        B: http_body::Body<Data = Bytes> + Unpin,
    {
        rules.access.check(parts)?;
        let path = parts.uri.path();
        let path = path.strip_prefix(&rules.prefix).filter(|rest| rest.starts_with('/')).unwrap_or(path);
        // Both spellings are served; a redirect would turn a POST into a GET in some clients.
        let path = path.strip_suffix('/').unwrap_or(path);
        let allow = match path {
            "/mcp" => downstream::MCP_METHODS,
            "/sse" => "GET, OPTIONS",
            "/messages" => "POST, OPTIONS",
            _ => return Err(Refusal::not_found()),
        };
        match (path, &parts.method) {
            ("/mcp", &Method::POST) => self.endpoint.post(parts, body).await,
            ("/mcp", &Method::GET) => self.endpoint.get(parts),
            ("/mcp", &Method::DELETE) => self.endpoint.delete(parts),
            ("/sse", &Method::GET) => self.endpoint.open_sse(),
            ("/messages", &Method::POST) => Box::pin(self.endpoint.post_sse(parts, body)).await,
            (_, &Method::OPTIONS) => {
                let mut response = Response::new(Body::empty());
                *response.status_mut() = StatusCode::NO_CONTENT;
                rules.access.preflight(&parts.headers, &mut response, allow);
                Ok(response)
            }
            _ => Err(Refusal::method_not_allowed(allow)),
        }
    }
}
