//! Every kind of image, in a real registry.

use serde_json::json;
use waggle_controller::image::{Entrypoint, ImageError, Platform, command};

use super::{
    amd64,
    debian::Registry,
    image::{DOCKER_CONFIG, DOCKER_LIST, Document, OCI_CONFIG, OCI_INDEX, Pusher, config},
    nobody, resolver,
};

/// Reads one image, for amd64.
async fn read(image: &str) -> Result<Entrypoint, ImageError> {
    resolver(|_| {}).entrypoint(image, &nobody(), &amd64()).await.map(|entrypoint| (*entrypoint).clone())
}

#[tokio::test]
async fn an_image_is_read_by_tag_by_digest_and_by_both() {
    let Some(registry) = Registry::open().await else { return };
    let pusher = Pusher::new(None);
    let process = json!({
        "Entrypoint": ["/usr/bin/server", "--flag=1"], "Cmd": ["stdio", "$HOME"], "WorkingDir": "/srv", "User": "1000:7"
    });
    for (name, kind) in [("team/oci", OCI_CONFIG), ("team/docker", DOCKER_CONFIG)] {
        let image = registry.image(name);
        let digest = pusher.image(&format!("{image}:1.2"), &config(kind, "amd64", &process)).await;
        let localhost = image.replace("127.0.0.1", "localhost");
        for reference in [
            format!("{image}:1.2"),
            format!("{localhost}:1.2"),
            format!("{image}@{digest}"),
            // The digest wins: there is no such tag.
            format!("{image}:7@{digest}"),
        ] {
            let entrypoint = read(&reference).await.unwrap();
            let expected = Entrypoint {
                entrypoint: vec!["/usr/bin/server".into(), "--flag=1".into()],
                cmd: vec!["stdio".into(), "$HOME".into()],
                working_dir: Some("/srv".into()),
                user: Some("1000:7".into()),
                digest: digest.clone(),
            };
            assert_eq!(entrypoint, expected, "{reference}");
            assert_eq!(command(&[], &["http".into()], &entrypoint), ["/usr/bin/server", "--flag=1", "http"]);
        }
    }
}

#[tokio::test]
async fn the_wanted_platform_of_an_index_is_read() {
    let Some(registry) = Registry::open().await else { return };
    let pusher = Pusher::new(None);
    let resolver = resolver(|_| {});
    let [amd64, arm64, s390x] = ["amd64", "arm64", "s390x"].map(Platform::linux);
    for (name, index, kind) in [("oci", OCI_INDEX, OCI_CONFIG), ("list", DOCKER_LIST, DOCKER_CONFIG)] {
        let image = registry.image(&format!("{name}:1"));
        let part = |arch: &str| config(kind, arch, &json!({ "Cmd": [format!("/{name}-{arch}")] }));
        let parts = [
            ("linux/arm64", &part("arm64")),
            ("linux/amd64", &part("amd64")),
            ("unknown/unknown", &part("x")),
        ];
        let digest = pusher.index(&image, index, &parts).await;
        for (wanted, expected) in [
            (vec![amd64.clone()], "amd64"),
            (vec![arm64.clone()], "arm64"),
            (vec![amd64.clone(), arm64.clone()], "amd64"),
            (vec![s390x.clone(), arm64.clone()], "arm64"),
            (vec![], "arm64"),
        ] {
            let found = resolver.entrypoint(&image, &nobody(), &wanted).await.unwrap();
            assert_eq!(found.cmd, [format!("/{name}-{expected}")], "{wanted:?}");
            // The index's own, by which the image can be pinned for all nodes.
            assert_eq!(found.digest, digest);
        }
        let error = resolver.entrypoint(&image, &nobody(), std::slice::from_ref(&s390x)).await.unwrap_err();
        assert_eq!(error.reason(), "PlatformMissing");
        let sentence =
            format!("{image} is not built for linux/s390x, but for linux/arm64, linux/amd64: build it");
        assert!(error.to_string().starts_with(&sentence), "{error}");
    }
}

#[tokio::test]
async fn an_image_without_an_index_says_itself_what_it_is_built_for() {
    let Some(registry) = Registry::open().await else { return };
    let image = registry.image("arm:1");
    Pusher::new(None).image(&image, &config(OCI_CONFIG, "arm64", &json!({ "Cmd": ["/arm"] }))).await;
    let error = read(&image).await.unwrap_err();
    assert!(error.to_string().contains("not built for linux/amd64, but for linux/arm64"), "{error}");
    let any = resolver(|_| {}).entrypoint(&image, &nobody(), &[]).await.unwrap();
    assert_eq!(any.cmd, ["/arm"]);
}

#[tokio::test]
async fn what_has_no_entrypoint_is_told_from_what_is_no_image() {
    let Some(registry) = Registry::open().await else { return };
    let pusher = Pusher::new(None);
    let [bare, chart] = ["bare:1", "chart:1"].map(|name| registry.image(name));
    pusher.image(&bare, &config(OCI_CONFIG, "amd64", &json!({ "Env": ["A=b"] }))).await;
    pusher
        .image(&chart, &Document::new("application/vnd.cncf.helm.config.v1+json", &json!({ "name": "c" })))
        .await;
    let error = read(&bare).await.unwrap_err();
    assert_eq!(error, ImageError::NoEntrypoint { image: bare.clone() });
    assert_eq!(
        error.to_string(),
        format!("{bare} has neither ENTRYPOINT nor CMD: write what to run into spec.command")
    );
    let error = read(&chart).await.unwrap_err();
    assert_eq!(error.reason(), "ImageUnreadable");
    assert!(error.to_string().contains("an artifact of the type"), "{error}");
}
