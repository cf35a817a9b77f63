//! A registry of the tests' own, which counts what it is asked and answers as a test wants.

use std::{convert::Infallible, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, combinators::BoxBody};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use serde_json::json;
use tokio::{net::TcpListener, sync::Notify, task::JoinSet};

use super::image::{Document, OCI_CONFIG, config, manifest};

pub(crate) type Answer = Response<BoxBody<Bytes, Infallible>>;

/// What was asked: method, path with query, and the `Authorization`.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) authorization: Option<String>,
}

/// A running server; it ends with the value.
pub(crate) struct Server {
    pub(crate) host: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    was_asked: Arc<Notify>,
    _tasks: JoinSet<()>,
}

impl Server {
    /// Serves what a function answers.
    pub(crate) async fn start(answer: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let was_asked = Arc::new(Notify::new());
        let (log, noticed, answer) = (Arc::clone(&asked), Arc::clone(&was_asked), Arc::new(answer));
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (log, noticed, answer) = (Arc::clone(&log), Arc::clone(&noticed), Arc::clone(&answer));
                let service = service_fn(move |request: Request<Incoming>| {
                    let asked = Asked {
                        method: request.method().clone(),
                        path: request.uri().path_and_query().unwrap().to_string(),
                        authorization: request
                            .headers()
                            .get(header::AUTHORIZATION)
                            .map(|value| value.to_str().unwrap().to_owned()),
                    };
                    log.lock().push(asked.clone());
                    noticed.notify_one();
                    let answer = answer(&asked);
                    async move { Ok::<_, Infallible>(answer) }
                });
                connections.spawn(async move {
                    // A client that goes away, or that tries TLS first, is none of the test's errors.
                    let _ = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
        Self { host, asked, was_asked, _tasks: tasks }
    }

    /// Waits until something has been asked.
    pub(crate) async fn was_asked(&self) {
        self.was_asked.notified().await;
    }

    /// Everything that was asked since the last call.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut self.asked.lock())
    }

    /// The same, short: `HEAD manifests`, `GET manifests`, `GET blobs`.
    pub(crate) fn kinds(&self) -> Vec<String> {
        let kind = |asked: &Asked| {
            let kind = if asked.path.contains("/blobs/") { "blobs" } else { "manifests" };
            format!("{} {kind}", asked.method)
        };
        self.asked().iter().map(kind).collect()
    }

    pub(crate) fn image(&self, name: &str) -> String {
        format!("{}/{name}", self.host)
    }
}

/// An answer with a body.
pub(crate) fn answer(status: u16, body: impl Into<Bytes>) -> Answer {
    let mut response = Response::new(Full::new(body.into()).boxed());
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    response
}

/// An answer with a header.
pub(crate) fn with_header(mut answer: Answer, name: &'static str, value: &str) -> Answer {
    answer.headers_mut().insert(name, value.parse().unwrap());
    answer
}

/// A tag, which can be moved, with the image that it names.
#[derive(Clone)]
pub(crate) struct Shelf(Arc<Mutex<(String, Document, Document)>>);

impl Shelf {
    /// The tag `1`, with an image that runs a command.
    pub(crate) fn new(command: &str) -> Self {
        let (config, manifest) = Self::made(command);
        Self(Arc::new(Mutex::new(("1".into(), config, manifest))))
    }

    fn made(command: &str) -> (Document, Document) {
        let config = config(OCI_CONFIG, "amd64", &json!({ "Cmd": [command] }));
        let manifest = manifest(&config);
        (config, manifest)
    }

    /// Puts another image there.
    pub(crate) fn replace(&self, tag: &str, command: &str) {
        let (config, manifest) = Self::made(command);
        *self.0.lock() = (tag.into(), config, manifest);
    }

    /// The digest of the manifest.
    pub(crate) fn digest(&self) -> String {
        self.0.lock().2.digest()
    }

    /// Answers as a registry does.
    pub(crate) fn answer(&self, asked: &Asked) -> Answer {
        let (tag, config, manifest) = self.0.lock().clone();
        let name = asked.path.rsplit('/').next().unwrap();
        let document = if asked.path.contains("/manifests/") && (name == tag || name == manifest.digest()) {
            manifest
        } else if asked.path.contains("/blobs/") && name == config.digest() {
            config
        } else {
            return answer(404, r#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"unknown"}]}"#);
        };
        let digest = document.digest();
        let body = if asked.method == Method::HEAD { Vec::new() } else { document.bytes };
        with_header(answer(200, body), "docker-content-digest", &digest)
    }
}

/// Longer than any lookup of a healthy test takes.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);
