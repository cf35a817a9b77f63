//! The configured server, and how it is reached.

use std::{fmt, sync::Arc, time::Duration};

use http::{HeaderMap, HeaderName, HeaderValue, Uri, header};

use super::{
    client::{self, HttpClient, HttpSetupError},
    params::Params,
};
use crate::{config::Live, telemetry::metrics::Metrics};

/// How the server is reached.
pub(crate) struct HttpSettings {
    pub(crate) url: Uri,
    /// For each request; the values are secrets.
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    /// Certificates to trust besides those of the system, as PEM.
    pub(crate) ca: Option<Vec<u8>>,
    /// What bounds times and sizes.
    pub(crate) config: Arc<Live>,
}

/// The configured HTTP server: shared by all links; holds the pooled connections.
pub(crate) struct HttpServer {
    pub(super) url: Uri,
    /// What each request bears.
    pub(super) headers: HeaderMap,
    pub(super) client: HttpClient,
    config: Arc<Live>,
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
            client: client::client(&settings.url, settings.ca.as_deref(), settings.config.clone())?,
            url: settings.url,
            headers,
            config: settings.config,
            params: Params::default(),
            metrics,
        })
    }

    /// The longest silence in a response, and the longest time for a response that is one message.
    pub(super) fn idle_timeout(&self) -> Duration {
        self.config.now().times.upstream_idle_timeout
    }

    /// Until the head of a response has come.
    pub(super) fn request_timeout(&self) -> Duration {
        self.config.now().times.request_timeout
    }

    /// The size of one message, decompressed.
    pub(super) fn max_message(&self) -> usize {
        self.config.now().limits.max_line
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
