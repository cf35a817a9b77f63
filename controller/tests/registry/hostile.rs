//! Registries that are slow, huge, wrong or worse: limits hold, and the error says what happened.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::{Method, Response, header};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use tokio::{net::TcpListener, time::timeout};
use waggle_controller::image::ImageError;

use super::{
    amd64, logins, nobody,
    own::{Answer, DEADLINE, Server, Shelf, answer, with_header},
    resolver,
};

const CHUNK: usize = 64 * 1024;

/// A body without an end, and how many bytes of it have been taken.
fn endless(taken: &Arc<AtomicUsize>) -> Answer {
    let taken = Arc::clone(taken);
    let chunks = stream::repeat(()).map(move |()| {
        taken.fetch_add(CHUNK, Ordering::Relaxed);
        Ok::<_, Infallible>(Frame::data(Bytes::from_static(&[b' '; CHUNK])))
    });
    Response::new(BodyExt::boxed(StreamBody::new(chunks)))
}

async fn error_of(server: &Server, image: &str) -> ImageError {
    let resolver = resolver(|_| {});
    let (image, nobody, wanted) = (server.image(image), nobody(), amd64());
    timeout(DEADLINE, resolver.entrypoint(&image, &nobody, &wanted)).await.unwrap().unwrap_err()
}

#[tokio::test]
async fn a_document_without_an_end_is_not_read_to_the_end() {
    for path in ["/manifests/", "/blobs/"] {
        let taken = Arc::new(AtomicUsize::new(0));
        let (shelf, count) = (Shelf::new("/app"), Arc::clone(&taken));
        let server =
            Server::start(move |asked| match asked.path.contains(path) && asked.method == Method::GET {
                true => endless(&count),
                false => shelf.answer(asked),
            })
            .await;
        let error = error_of(&server, "app:1").await;
        assert_eq!(error.reason(), "ImageUnreadable");
        assert!(error.to_string().contains("above 2097152 bytes"), "{error}");
        // The limit, and what lies in the buffers of both sides.
        let taken = taken.load(Ordering::Relaxed);
        assert!(taken < 16 * 1024 * 1024, "{taken} bytes of {path}");
    }
}

#[tokio::test]
async fn an_error_without_an_end_is_an_error_all_the_same() {
    let taken = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&taken);
    let server = Server::start(move |_| {
        let mut answer = endless(&count);
        *answer.status_mut() = http::StatusCode::INTERNAL_SERVER_ERROR;
        answer
    })
    .await;
    assert_eq!(error_of(&server, "app:1").await.reason(), "RegistryFailed");
    assert!(taken.load(Ordering::Relaxed) < 16 * 1024 * 1024);
}

#[tokio::test]
async fn a_registry_that_never_answers_costs_the_time_limit_and_no_more() {
    // It takes connections, and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let limit = Duration::from_millis(300);
    let resolver = resolver(|settings| settings.time_limit = limit);
    let image = format!("{}/app:1", silent.local_addr().unwrap());
    let start = Instant::now();
    let (nobody, wanted) = (nobody(), amd64());
    let error = timeout(DEADLINE, resolver.entrypoint(&image, &nobody, &wanted)).await.unwrap().unwrap_err();
    assert!(matches!(error, ImageError::TimedOut { .. }), "{error:?}");
    assert!(start.elapsed() >= limit);
    assert!(error.retry_after().is_some());
}

#[tokio::test]
async fn a_body_that_stops_costs_the_time_limit_and_no_more() {
    let shelf = Shelf::new("/app");
    let server = Server::start(move |asked| match asked.method == Method::GET {
        true => Response::new(BodyExt::boxed(StreamBody::new(stream::pending()))),
        false => shelf.answer(asked),
    })
    .await;
    let resolver = resolver(|settings| settings.time_limit = Duration::from_millis(300));
    let (image, nobody, wanted) = (server.image("app:1"), nobody(), amd64());
    let error = timeout(DEADLINE, resolver.entrypoint(&image, &nobody, &wanted)).await.unwrap().unwrap_err();
    assert_eq!(error.reason(), "RegistryTimeout");
}

#[tokio::test]
async fn what_does_not_have_its_digest_is_refused() {
    for path in ["/manifests/", "/blobs/"] {
        let shelf = Shelf::new("/app");
        let evil = Shelf::new("/evil");
        let evil_digest = evil.digest();
        let server = Server::start(move |asked| {
            let mut answer = shelf.answer(asked);
            if asked.method == Method::GET && asked.path.contains(path) {
                let other = super::own::Asked { path: format!("/manifests/{evil_digest}"), ..asked.clone() };
                *answer.body_mut() = evil.answer(&other).into_body();
                answer.headers_mut().remove(header::CONTENT_LENGTH);
            }
            answer
        })
        .await;
        let error = error_of(&server, "app:1").await;
        assert_eq!(error.reason(), "ImageUnreadable");
        assert!(error.to_string().contains("sends something else for sha256:"), "{error}");
    }
}

#[tokio::test]
async fn statuses_become_reasons() {
    let body = r#"{"errors":[{"code":"X","message":"the comb\nis full"}]}"#;
    for (status, reason, says) in [
        (401, "PullDenied", "says 401"),
        (403, "PullDenied", "says 403"),
        (404, "ImageNotFound", "has no "),
        (429, "RegistryRateLimited", "refuses more requests"),
        (400, "RegistryFailed", "answers 400"),
        (500, "RegistryFailed", "(the comb is full)"),
        (304, "RegistryFailed", "answers 304"),
    ] {
        let server = Server::start(move |_| answer(status, body)).await;
        let error = error_of(&server, "app:1").await;
        assert_eq!(error.reason(), reason, "{status}");
        assert!(error.to_string().contains(says), "{error}");
    }
}

#[tokio::test]
async fn a_redirect_is_followed_without_the_login_and_not_for_ever() {
    let shelf = Shelf::new("/app");
    let blobs = {
        let shelf = shelf.clone();
        Server::start(move |asked| shelf.answer(asked)).await
    };
    let target = blobs.host.clone();
    let server = Server::start(move |asked| {
        if asked.authorization.is_none() {
            return with_header(answer(401, ""), "www-authenticate", "Basic realm=\"hive\"");
        }
        if asked.path.contains("/blobs/") {
            return with_header(answer(307, ""), "location", &format!("http://{target}{}", asked.path));
        }
        shelf.answer(asked)
    })
    .await;
    let credentials = logins(&server.host, &[("forager", "n3ctar")]);
    let found = resolver(|_| {}).entrypoint(&server.image("app:1"), &credentials, &amd64()).await.unwrap();
    assert_eq!(found.cmd, ["/app"]);
    let asked = blobs.asked();
    assert!(asked.len() == 1 && asked[0].authorization.is_none(), "{asked:?}");

    let circle = Server::start(|asked| with_header(answer(307, ""), "location", &asked.path)).await;
    let error = error_of(&circle, "app:1").await;
    assert_eq!(error.reason(), "RegistryUnreachable");
    assert!(circle.asked().len() < 10, "{error}");
}
