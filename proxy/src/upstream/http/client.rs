//! Connections to the server: TLS, the pool, and how long a connection may take.

use std::{
    error::Error,
    future::Future,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{Uri, uri::Scheme};
use http_body_util::Full;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject as _},
};
use tokio::time::timeout;
use tower_service::Service;

use crate::config::Live;

/// Sends requests over connections that are kept and shared.
pub(super) type HttpClient = Client<Patient, Full<Bytes>>;

/// Idle connections kept.
const IDLE_CONNECTIONS: usize = 64;
/// Servers drop idle connections too, and a request that meets the drop is lost: ours go first. Node.js and uvicorn, on
/// which most servers run, wait five seconds.
const IDLE_TIME: Duration = Duration::from_secs(3);
/// After this much silence a connection is asked whether its other end still lives.
const KEEP_ALIVE: Duration = Duration::from_secs(30);

/// Why the server cannot be spoken to at all: a sentence for the operator.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HttpSetupError {
    /// The file of `--upstream-ca` is of no use.
    #[error("the certificates of `--upstream-ca` cannot be used: {0}")]
    Ca(String),
    /// TLS cannot be set up.
    #[error("TLS cannot be set up: {0}")]
    Tls(rustls::Error),
}

/// A client for one origin that trusts the system's certificates and those in `ca`, which is PEM.
pub(super) fn client(url: &Uri, ca: Option<&[u8]>, config: Arc<Live>) -> Result<HttpClient, HttpSetupError> {
    let mut roots = RootCertStore::empty();
    // Reading them takes a while, and nothing leaves the origin.
    if url.scheme() == Some(&Scheme::HTTPS) {
        add_native(&mut roots);
    }
    if let Some(pem) = ca {
        add_own(&mut roots, pem)?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(HttpSetupError::Tls)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_keepalive(Some(KEEP_ALIVE));
    let connector = HttpsConnectorBuilder::new()
        .with_tls_config(tls)
        .https_or_http()
        .enable_http1()
        .enable_http2()
        .wrap_connector(tcp);
    Ok(Client::builder(TokioExecutor::new())
        .timer(TokioTimer::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE_TIME)
        .pool_max_idle_per_host(IDLE_CONNECTIONS)
        .http2_keep_alive_interval(KEEP_ALIVE)
        .build(Patient { connector, config }))
}

fn add_native(roots: &mut RootCertStore) {
    let native = rustls_native_certs::load_native_certs();
    for error in &native.errors {
        tracing::warn!(%error, "cannot read certificates of the system");
    }
    // A store may hold certificates that are of no use; they trust nobody.
    let (added, _) = roots.add_parsable_certificates(native.certs);
    if added == 0 {
        tracing::warn!("the system trusts no certificates: name those to trust with `--upstream-ca`");
    }
}

fn add_own(roots: &mut RootCertStore, pem: &[u8]) -> Result<(), HttpSetupError> {
    let unusable = |reason: &dyn Error| HttpSetupError::Ca(reason.to_string());
    let mut added = 0;
    for certificate in CertificateDer::pem_slice_iter(pem) {
        roots.add(certificate.map_err(|error| unusable(&error))?).map_err(|error| unusable(&error))?;
        added += 1;
    }
    match added {
        0 => Err(HttpSetupError::Ca("they hold no certificate".to_owned())),
        _ => Ok(()),
    }
}

/// A connector whose connections, TLS included, stand within a time or fail.
#[derive(Clone, Debug)]
pub(super) struct Patient {
    connector: HttpsConnector<HttpConnector>,
    config: Arc<Live>,
}

type BoxError = Box<dyn Error + Send + Sync>;

impl Service<Uri> for Patient {
    type Response = <HttpsConnector<HttpConnector> as Service<Uri>>::Response;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.connector.poll_ready(context)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let (connecting, limit) =
            (self.connector.call(uri), self.config.now().times.upstream_connect_timeout);
        Box::pin(async move {
            let late = |_| io::Error::new(io::ErrorKind::TimedOut, format!("no connection within {limit:?}"));
            timeout(limit, connecting).await.map_err(late)?
        })
    }
}

/// What went wrong in the end: the innermost of errors that wrap each other.
pub(super) fn innermost(error: &dyn Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}
