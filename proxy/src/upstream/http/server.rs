//! The configured server, and how it is reached.

use std::{fmt, sync::Arc, time::Duration};

use http::{HeaderMap, HeaderName, HeaderValue, Uri, header};

use super::{
    client::{self, HttpClient, HttpSetupError},
    params::Params,
};
use crate::telemetry::metrics::Metrics;

/// How the server is reached.
pub(crate) struct HttpSettings {
    pub(crate) url: Uri,
    /// For each request; the values are secrets.
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    /// Certificates to trust besides those of the system, as PEM.
    pub(crate) ca: Option<Vec<u8>>,
    /// Until a connection stands, TLS included.
    pub(crate) connect_timeout: Duration,
    /// The longest silence in a response, and the longest time for a response that is one message.
    pub(crate) idle_timeout: Duration,
    /// Until the head of a response has come.
    pub(crate) request_timeout: Duration,
    /// The size of one message, decompressed.
    pub(crate) max_message: usize,
}

/// The configured HTTP server: shared by all links; holds the pooled connections.
pub(crate) struct HttpServer {
    pub(super) url: Uri,
    /// What each request bears.
    pub(super) headers: HeaderMap,
    pub(super) client: HttpClient,
    pub(super) idle_timeout: Duration,
    pub(super) request_timeout: Duration,
    pub(super) max_message: usize,
    pub(super) params: Params,
    pub(super) metrics: Arc<Metrics>,
}

impl HttpServer {
    /// Reads the certificates. Nothing is sent.
    ///
    /// # Errors
    /// Those in the settings are of no use.
    pub(crate) fn new(settings: HttpSettings, metrics: Arc<Metrics>) -> Result<Self, HttpSetupError> {
        let agent = HeaderValue::from_static(concat!("waggle-proxy/", env!("CARGO_PKG_VERSION")));
        let mut headers = HeaderMap::from_iter([(header::USER_AGENT, agent)]);
        for (name, mut value) in settings.headers {
            value.set_sensitive(true);
            headers.append(name, value);
        }
        Ok(Self {
            client: client::client(&settings.url, settings.ca.as_deref(), settings.connect_timeout)?,
            url: settings.url,
            headers,
            idle_timeout: settings.idle_timeout,
            request_timeout: settings.request_timeout,
            max_message: settings.max_message,
            params: Params::default(),
            metrics,
        })
    }
}

/// Shows neither headers nor the query of the URL, which may hold secrets.
impl fmt::Debug for HttpServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpServer")
            .field("host", &self.url.authority())
            .field("path", &self.url.path())
            .finish_non_exhaustive()
    }
}
