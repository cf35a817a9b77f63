//! TLS with a certificate of one's own.

use std::sync::Arc;

use http_body_util::{BodyExt as _, Full};
use hyper::service::service_fn;
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::{
    ServerConfig,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};
use tokio_rustls::TlsAcceptor;

use super::super::client::HttpSetupError;
use super::*;

/// A server that a new authority vouches for, and the authority's certificate as PEM.
fn identity(protocols: &[&[u8]]) -> (TlsAcceptor, Vec<u8>) {
    let mut authority = CertificateParams::new([]).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(["localhost".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &authority).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    (TlsAcceptor::from(Arc::new(config)), authority.pem().into_bytes())
}

#[tokio::test]
async fn a_server_is_trusted_by_the_authority_that_is_named() {
    let (acceptor, ca) = identity(&[]);
    let mut peer = Peer::start(Some(acceptor)).await;
    let trusting = HttpSettings { ca: Some(ca), ..settings(&peer.url("/mcp")) };
    let mut link = link_to(trusting, HttpKind::Modern);
    link.say(&call(1));
    peer.post(&call(1)).await.json(&result(1, "{}")).await;
    assert_eq!(link.hear().await.0, result(1, "{}"));

    let mut link = link_to(settings(&peer.url("/mcp")), HttpKind::Modern);
    link.say(&request(1, "server/discover", "{}"));
    let text = link.fails().await;
    assert!(text.starts_with("cannot be reached: invalid peer certificate"), "{text}");
    assert!(peer.has_heard_nothing());
}

#[tokio::test]
async fn http_2_is_spoken_where_the_server_offers_it() {
    let (acceptor, ca) = identity(&[b"h2", b"http/1.1"]);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://localhost:{}/mcp", listener.local_addr().unwrap().port());
    let mut serving = tokio::task::JoinSet::new();
    serving.spawn(async move {
        let (tcp, _) = listener.accept().await.unwrap();
        let stream = TokioIo::new(acceptor.accept(tcp).await.unwrap());
        let service = service_fn(async |request: hyper::Request<hyper::body::Incoming>| {
            assert_eq!(request.version(), hyper::Version::HTTP_2);
            let body = request.into_body().collect().await.unwrap().to_bytes();
            let id = if body == call(1) { 1 } else { 2 };
            let answer = Full::new(Bytes::from(result(id, "{}")));
            hyper::Response::builder().header("content-type", "application/json").body(answer)
        });
        // One connection takes all requests.
        let _ = auto::Builder::new(TokioExecutor::new()).serve_connection(stream, service).await;
    });
    let mut link = link_to(HttpSettings { ca: Some(ca), ..settings(&url) }, HttpKind::Modern);
    for id in [1, 2] {
        link.say(&call(id));
        assert_eq!(link.hear().await, (result(id, "{}"), Some(id)));
    }
}

#[tokio::test]
async fn a_server_without_tls_is_waited_for_in_vain_for_so_long_only() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://localhost:{}/mcp", silent.local_addr().unwrap().port());
    let impatient = HttpSettings {
        config: bounds(|times| times.upstream_connect_timeout = Duration::from_millis(50)),
        ..settings(&url)
    };
    let mut link = link_to(impatient, HttpKind::Modern);
    link.say(&request(1, "server/discover", "{}"));
    assert_eq!(link.fails().await, "cannot be reached: no connection within 50ms");
}

#[tokio::test]
async fn certificates_that_are_none_are_a_mistake() {
    for (ca, text) in [("", "they hold no certificate"), ("-----BEGIN CERTIFICATE-----\n!\n", "")] {
        let settings = HttpSettings { ca: Some(ca.into()), ..settings("https://localhost/mcp") };
        let error = HttpServer::new(settings, Arc::default()).unwrap_err();
        assert!(matches!(&error, HttpSetupError::Ca(_)), "{error}");
        assert!(error.to_string().contains(text), "{error}");
    }
    let server = HttpServer::new(settings("https://localhost/mcp?key=sesame-5121"), Arc::default()).unwrap();
    assert!(!format!("{server:?}").contains(SECRET));
    assert!(!format!("{:?}", Arc::new(server).open(HttpKind::Sse)).contains(SECRET));
}
