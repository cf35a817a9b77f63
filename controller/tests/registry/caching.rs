//! How often registries are asked, and what is answered meanwhile.

use std::{sync::Arc, time::Duration};

use futures_util::{FutureExt, future::join_all};
use serde_json::json;

use super::{
    Clock, amd64,
    debian::Registry,
    image::{OCI_CONFIG, Pusher, config},
    logins, nobody,
    own::{Server, Shelf, answer},
    resolver,
};

const ALL: [&str; 3] = ["HEAD manifests", "GET manifests", "GET blobs"];

/// A server with the image `app:1`.
async fn serve(shelf: &Shelf) -> Server {
    let shelf = shelf.clone();
    Server::start(move |asked| shelf.answer(asked)).await
}

#[tokio::test]
async fn a_moved_tag_is_seen_when_its_time_is_over() {
    let Some(registry) = Registry::open().await else { return };
    let (image, pusher) = (registry.image("moving:1"), Pusher::new(None));
    let clock = Clock::new();
    let resolver = clock.resolver(|settings| settings.tag_ttl = Duration::from_secs(600));
    let push = async |command: &str| {
        pusher.image(&image, &config(OCI_CONFIG, "amd64", &json!({ "Cmd": [command] }))).await
    };
    let read = async || resolver.entrypoint(&image, &nobody(), &amd64()).await.unwrap();
    let first = push("/first").await;
    assert_eq!(read().await.cmd, ["/first"]);
    let second = push("/second").await;
    clock.advance(Duration::from_secs(599));
    assert_eq!((&read().await.cmd[..], &read().await.digest), (&["/first".to_owned()][..], &first));
    clock.advance(Duration::from_secs(1));
    assert_eq!((&read().await.cmd[..], &read().await.digest), (&["/second".to_owned()][..], &second));
    // What is gone for the tag is still there by its digest.
    let by_digest = format!("{}@{first}", registry.image("moving"));
    assert_eq!(resolver.entrypoint(&by_digest, &nobody(), &amd64()).await.unwrap().cmd, ["/first"]);

    // What was known holds on while the registry is gone; what was not is an error.
    let other = registry.image("other:1");
    registry.stop().await;
    clock.advance(Duration::from_secs(601));
    assert_eq!(read().await.cmd, ["/second"]);
    let error = resolver.entrypoint(&other, &nobody(), &amd64()).await.unwrap_err();
    assert_eq!(error.reason(), "RegistryUnreachable");
    assert!(error.to_string().contains("check that the registry is well"), "{error}");
}

#[tokio::test]
async fn a_tag_that_has_not_moved_costs_one_small_question_and_a_digest_none() {
    let shelf = Shelf::new("/app");
    let server = serve(&shelf).await;
    let clock = Clock::new();
    let resolver = clock.resolver(|_| {});
    let (tag, digest) = (server.image("app:1"), server.image(&format!("app@{}", shelf.digest())));
    let found = resolver.entrypoint(&tag, &nobody(), &amd64()).await.unwrap();
    assert_eq!(server.kinds(), ALL);
    for _ in 0..3 {
        clock.advance(Duration::from_secs(601));
        let again = resolver.entrypoint(&tag, &nobody(), &amd64()).await.unwrap();
        assert!(Arc::ptr_eq(&found, &again));
        assert_eq!(server.kinds(), ["HEAD manifests"]);
    }
    clock.advance(Duration::from_secs(10 * 365 * 86400));
    let by_digest = resolver.entrypoint(&digest, &nobody(), &amd64()).await.unwrap();
    assert!(Arc::ptr_eq(&found, &by_digest));
    assert_eq!(server.kinds(), [""; 0]);
}

#[tokio::test]
async fn what_a_digest_stands_for_is_asked_once() {
    let shelf = Shelf::new("/app");
    let server = serve(&shelf).await;
    let clock = Clock::new();
    let resolver = clock.resolver(|_| {});
    for tag in ["", ":1", ":other"] {
        let image = server.image(&format!("app{tag}@{}", shelf.digest()));
        resolver.entrypoint(&image, &nobody(), &amd64()).await.unwrap();
        clock.advance(Duration::from_secs(10 * 365 * 86400));
    }
    assert_eq!(server.kinds(), ["GET manifests", "GET blobs"]);
}

#[tokio::test]
async fn equal_lookups_at_the_same_time_are_one() {
    let server = serve(&Shelf::new("/app")).await;
    let resolver = resolver(|_| {});
    let (image, nobody, wanted) = (server.image("app:1"), nobody(), amd64());
    let answers = join_all((0..20).map(|_| resolver.entrypoint(&image, &nobody, &wanted))).await;
    assert!(answers.iter().all(|answer| answer.as_ref().unwrap().cmd == ["/app"]));
    assert_eq!(server.kinds(), ALL);
}

#[tokio::test]
async fn a_lookup_goes_on_for_those_who_still_wait() {
    let server = serve(&Shelf::new("/app")).await;
    let resolver = resolver(|_| {});
    let (image, nobody, wanted) = (server.image("app:1"), nobody(), amd64());
    let mut first = Box::pin(resolver.entrypoint(&image, &nobody, &wanted));
    let mut second = Box::pin(resolver.entrypoint(&image, &nobody, &wanted));
    assert!((&mut first).now_or_never().is_none() && (&mut second).now_or_never().is_none());
    // Who began it leaves in the middle of it.
    tokio::select! {
        _ = &mut first => panic!("the first of three answers cannot be the last"),
        () = server.was_asked() => drop(first),
    }
    assert_eq!(second.await.unwrap().cmd, ["/app"]);
    assert_eq!(server.kinds(), ALL);
}

#[tokio::test]
async fn a_lookup_that_nobody_waits_for_is_begun_anew() {
    let server = serve(&Shelf::new("/app")).await;
    let resolver = resolver(|_| {});
    let (image, nobody, wanted) = (server.image("app:1"), nobody(), amd64());
    let mut left = Box::pin(resolver.entrypoint(&image, &nobody, &wanted));
    assert!((&mut left).now_or_never().is_none());
    drop(left);
    assert_eq!(resolver.entrypoint(&image, &nobody, &wanted).await.unwrap().cmd, ["/app"]);
}

#[tokio::test]
async fn a_failure_is_kept_for_some_seconds() {
    let shelf = Shelf::new("/app");
    let server = serve(&shelf).await;
    let clock = Clock::new();
    let resolver = clock.resolver(|_| {});
    let (image, nobody, wanted) = (server.image("app:2"), nobody(), amd64());
    for _ in 0..5 {
        assert_eq!(
            resolver.entrypoint(&image, &nobody, &wanted).await.unwrap_err().reason(),
            "ImageNotFound"
        );
    }
    assert_eq!(server.kinds(), ["HEAD manifests"]);
    shelf.replace("2", "/two");
    clock.advance(Duration::from_secs(20));
    assert_eq!(resolver.entrypoint(&image, &nobody, &wanted).await.unwrap().cmd, ["/two"]);
    // That it is gone is no failure of the registry: what was known does not hold on.
    shelf.replace("3", "/three");
    clock.advance(Duration::from_secs(601));
    assert_eq!(resolver.entrypoint(&image, &nobody, &wanted).await.unwrap_err().reason(), "ImageNotFound");
}

#[tokio::test]
async fn no_more_is_kept_than_the_settings_say() {
    let server = serve(&Shelf::new("/app")).await;
    // Each image counts twice, by tag and by digest.
    let resolver = resolver(|settings| settings.capacity = 4);
    for repository in ["a", "b", "c"] {
        resolver.entrypoint(&server.image(&format!("{repository}:1")), &nobody(), &amd64()).await.unwrap();
    }
    server.kinds();
    resolver.entrypoint(&server.image("c:1"), &nobody(), &amd64()).await.unwrap();
    assert_eq!(server.kinds(), [""; 0]);
    resolver.entrypoint(&server.image("a:1"), &nobody(), &amd64()).await.unwrap();
    assert_eq!(server.kinds(), ALL);
}

#[tokio::test]
async fn other_logins_and_other_platforms_are_other_lookups() {
    let server = serve(&Shelf::new("/app")).await;
    let resolver = resolver(|_| {});
    let image = server.image("app:1");
    for (credentials, wanted) in [
        (nobody(), &amd64()[..]),
        (logins(&server.host, &[("a", "b")]), &amd64()),
        (logins(&server.host, &[("a", "c")]), &amd64()),
        (nobody(), &[]),
    ] {
        resolver.entrypoint(&image, &credentials, wanted).await.unwrap();
        assert_eq!(server.kinds(), ALL);
    }
}

#[tokio::test]
async fn a_registry_that_does_not_tell_digests_is_asked_for_the_manifest() {
    let shelf = Shelf::new("/app");
    let digest = shelf.digest();
    let server = Server::start(move |asked| {
        if asked.method == "HEAD" {
            return answer(405, "");
        }
        let mut response = shelf.answer(asked);
        response.headers_mut().remove("docker-content-digest");
        response
    })
    .await;
    let found = resolver(|_| {}).entrypoint(&server.image("app:1"), &nobody(), &amd64()).await.unwrap();
    assert_eq!((found.cmd.clone(), &found.digest), (vec!["/app".to_owned()], &digest));
}
