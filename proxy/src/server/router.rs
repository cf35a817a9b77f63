//! From path and method to a handler: a table of three paths needs no framework.

use std::{convert::Infallible, sync::Arc};

use bytes::Bytes;
use hyper::{Method, Request, Response, StatusCode};

use super::access::Access;
use crate::{
    downstream::{self, Body, Endpoint},
    error::Refusal,
};

/// Serves requests for one proxy.
#[derive(Debug)]
pub(crate) struct Router {
    endpoint: Arc<Endpoint>,
    access: Access,
    /// The path prefix under which the public sees us. A middle box may strip it or not: both are served.
    prefix: String,
}

impl Router {
    pub(crate) fn new(endpoint: Arc<Endpoint>) -> Self {
        let config = &endpoint.server.config;
        let access = Access::new(config);
        let prefix = config.public_url.as_ref().map_or("", |url| url.path()).to_owned();
        Self { access, prefix, endpoint }
    }

    /// Answers a request; a refusal is an answer too.
    pub(crate) async fn answer<B>(&self, request: Request<B>) -> Result<Response<Body>, Infallible>
    where
        B: http_body::Body<Data = Bytes> + Unpin,
    {
        let origin = request.headers().contains_key(hyper::header::ORIGIN).then(|| request.headers().clone());
        let mut response = self.route(request).await.unwrap_or_else(|refusal| {
            let response = refusal.into_response();
            self.endpoint.server.metrics.refused(response.status().as_u16());
            response
        });
        if let Some(headers) = origin {
            self.access.add_cors(&headers, &mut response);
        }
        Ok(response)
    }

    async fn route<B>(&self, request: Request<B>) -> Result<Response<Body>, Refusal>
    where
        B: http_body::Body<Data = Bytes> + Unpin,
    {
        self.access.check(&request)?;
        let path = request.uri().path();
        let path = path.strip_prefix(&self.prefix).filter(|rest| rest.starts_with('/')).unwrap_or(path);
        // Both spellings are served; a redirect would turn a POST into a GET in some clients.
        let path = path.strip_suffix('/').unwrap_or(path);
        let allow = match path {
            "/mcp" => downstream::MCP_METHODS,
            "/sse" => "GET, OPTIONS",
            "/messages" => "POST, OPTIONS",
            _ => return Err(Refusal::not_found()),
        };
        match (path, request.method().clone()) {
            ("/mcp", Method::POST) => self.endpoint.post(request).await,
            ("/mcp", Method::GET) => self.endpoint.get(&request.into_parts().0),
            ("/mcp", Method::DELETE) => self.endpoint.delete(&request.into_parts().0),
            ("/sse", Method::GET) => self.endpoint.open_sse(),
            ("/messages", Method::POST) => self.endpoint.post_sse(request).await,
            (_, Method::OPTIONS) => {
                let mut response = Response::new(Body::empty());
                *response.status_mut() = StatusCode::NO_CONTENT;
                self.access.preflight(request.headers(), &mut response, allow);
                Ok(response)
            }
            _ => Err(Refusal::method_not_allowed(allow)),
        }
    }
}
