//! The way to an endpoint.

use std::{num::NonZeroUsize, sync::Arc};

use hyper::{Method, Request, header::HOST, http::request::Builder};

use super::{
    Fault,
    connection::{Connection, Own},
    shared::Shared,
};
use crate::endpoint::Endpoint;

/// An endpoint, and the connections to it.
#[derive(Clone, Debug)]
pub struct Route {
    endpoint: Endpoint,
    /// `None` if each client has connections of its own.
    shared: Option<Arc<Shared>>,
}

impl Route {
    /// By HTTP/2 with prior knowledge over so many connections that all clients share; by HTTP/1.1 if no number is given.
    pub fn new(endpoint: Endpoint, http2: Option<NonZeroUsize>) -> Self {
        Self { endpoint, shared: http2.map(|count| Arc::new(Shared::new(count))) }
    }

    /// The number of connections of HTTP/2; `None` if it is HTTP/1.1.
    pub fn http2(&self) -> Option<usize> {
        self.shared.as_ref().map(|shared| shared.count())
    }

    /// The way to where a reference leads that was given by the endpoint; `None` if that is another host.
    pub(super) fn beside(&self, reference: &str) -> Option<Self> {
        Some(Self { endpoint: self.endpoint.beside(reference)?, shared: self.shared.clone() })
    }

    /// A connection for a client, or a part in one.
    pub(super) async fn connect(&self) -> Result<Connection, Fault> {
        let authority = &self.endpoint.authority;
        Ok(match &self.shared {
            None => Connection::Own(Own::open(authority).await?),
            Some(shared) => Connection::Shared(shared.join(authority).await?),
        })
    }

    /// The head of a request. HTTP/2 has the host in the URI, and HTTP/1.1 in a header.
    pub(super) fn request(&self, method: Method) -> Builder {
        let Endpoint { authority, path } = &self.endpoint;
        let request = Request::builder().method(method);
        match &self.shared {
            None => request.uri(path.as_str()).header(HOST, authority.as_str()),
            Some(_) => request.uri(format!("http://{authority}{path}")),
        }
    }
}
