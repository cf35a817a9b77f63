//! Who may read what, over which connection, in a real registry.

use oci_client::client::{Certificate, CertificateEncoding, ClientConfig};
use serde_json::json;
use waggle_controller::image::{Credentials, ImageError, Resolver, Settings};

use super::{
    amd64,
    debian::{Registry, USER},
    image::{OCI_CONFIG, Pusher, config},
    logins, nobody,
    own::{Server, Shelf, answer},
    resolver,
};

async fn error(resolver: &Resolver, image: &str, credentials: &Credentials) -> ImageError {
    resolver.entrypoint(image, credentials, &amd64()).await.unwrap_err()
}

#[tokio::test]
async fn a_locked_registry_opens_to_the_right_login_alone() {
    let Some(registry) = Registry::locked().await else { return };
    let image = registry.image("team/app:1.2");
    Pusher::new(Some(USER)).image(&image, &config(OCI_CONFIG, "amd64", &json!({ "Cmd": ["/app"] }))).await;
    let resolver = resolver(|_| {});
    let host = registry.host.clone();

    let right = logins(&host, &[USER]);
    assert_eq!(resolver.entrypoint(&image, &right, &amd64()).await.unwrap().cmd, ["/app"]);
    // As the kubelet does, one after the other.
    let second = logins(&host, &[("forager", "wrong"), ("drone", "wrong"), USER]);
    assert_eq!(resolver.entrypoint(&image, &second, &amd64()).await.unwrap().cmd, ["/app"]);

    // What one may read is not told to another, though it is known by now.
    assert_eq!(
        error(&resolver, &image, &nobody()).await.to_string(),
        format!(
            "{host} says 401 for team/app:1.2: no pull secret has a login for it: add one to spec.imagePullSecrets (or \
             correct the image's name), or write spec.command, and the registry is not asked"
        )
    );
    let wrong = error(&resolver, &image, &logins(&host, &[("forager", "wrong")])).await;
    assert_eq!(wrong.reason(), "PullDenied");
    assert!(wrong.to_string().contains("the login of the pull secret is wrong"), "{wrong}");
    assert!(wrong.retry_after().is_some());
    // A login for another registry is not tried.
    let other = error(&resolver, &image, &logins("127.0.0.1:1", &[USER])).await;
    assert!(matches!(other, ImageError::Denied { had_login: false, .. }), "{other}");
}

#[tokio::test]
async fn what_is_missing_is_named() {
    let (Some(locked), Some(open)) = (Registry::locked().await, Registry::open().await) else { return };
    let login = logins(&locked.host, &[USER, ("drone", "wrong")]);
    let resolver = resolver(|_| {});
    for (image, credentials) in [
        (locked.image("team/app:9"), &login),
        (open.image("team/app:9"), &nobody()),
        (open.image(&format!("team/app@sha256:{}", "0".repeat(64))), &nobody()),
    ] {
        let error = error(&resolver, &image, credentials).await;
        assert_eq!(error.reason(), "ImageNotFound", "{error}");
        let (host, name) = image.split_once('/').unwrap();
        assert!(error.to_string().starts_with(&format!("{host} has no {name}: check the name")), "{error}");
    }
}

#[tokio::test]
async fn a_certificate_has_to_be_trusted() {
    let key = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let pem = key.cert.pem();
    let Some(registry) = Registry::with_tls(&pem, &key.signing_key.serialize_pem()).await else { return };
    let image = registry.image("safe:1");
    let resolver_with_ca = resolver(|settings| settings.ca_certificates = vec![pem.clone().into_bytes()]);
    let certificate = Certificate { encoding: CertificateEncoding::Pem, data: pem.into_bytes() };
    let trusting = ClientConfig { extra_root_certificates: vec![certificate], ..ClientConfig::default() };
    Pusher::with(trusting, None)
        .image(&image, &config(OCI_CONFIG, "amd64", &json!({ "Cmd": ["/safe"] })))
        .await;

    assert_eq!(resolver_with_ca.entrypoint(&image, &nobody(), &amd64()).await.unwrap().cmd, ["/safe"]);
    let error = error(&resolver(|_| {}), &image, &nobody()).await;
    assert_eq!(error.reason(), "RegistryUnreachable");
    assert!(error.to_string().contains("give the controller the CA certificate of the registry"), "{error}");
}

#[tokio::test]
async fn no_login_goes_from_tls_to_a_token_service_without() {
    let tokens = Server::start(|_| answer(200, r#"{"token":"t"}"#)).await;
    let key = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let pem = key.cert.pem();
    let service = format!("http://{}/token", tokens.host);
    let Some(registry) = Registry::with_tokens(&pem, &key.signing_key.serialize_pem(), &service).await else {
        return;
    };
    let resolver = resolver(|settings| settings.ca_certificates = vec![pem.into_bytes()]);
    let error = error(&resolver, &registry.image("app:1"), &logins(&registry.host, &[USER])).await;
    assert!(error.to_string().contains("its token service is without TLS"), "{error}");
    assert!(tokens.asked().is_empty());
}

/// An address that leads to the loopback and is not on it, as far as its form goes.
fn elsewhere(host: &str) -> String {
    host.replace("127.0.0.1", "[::ffff:127.0.0.1]")
}

#[tokio::test]
async fn a_registry_elsewhere_does_without_tls_only_where_that_is_allowed() {
    let shelf = Shelf::new("/plain");
    let server = Server::start(move |asked| shelf.answer(asked)).await;
    let (host, image) = (elsewhere(&server.host), elsewhere(&server.image("app:1")));
    let error = error(&resolver(|_| {}), &image, &nobody()).await;
    assert_eq!(error.reason(), "RegistryUnreachable");
    assert!(error.to_string().contains("or list it among the controller's insecure registries"), "{error}");
    assert!(server.asked().is_empty());
    for insecure in [host.as_str(), "[::ffff:127.0.0.1]"] {
        let resolver = resolver(|settings| settings.insecure_registries = vec![insecure.to_owned()]);
        assert_eq!(resolver.entrypoint(&image, &nobody(), &amd64()).await.unwrap().cmd, ["/plain"]);
    }
}

#[test]
fn wrong_certificates_are_refused_at_the_start() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    for pem in ["", "-----BEGIN CERTIFICATE-----\nnone\n-----END CERTIFICATE-----\n"] {
        let settings = Settings { ca_certificates: vec![pem.as_bytes().to_vec()], ..Settings::default() };
        let error = Resolver::new(settings).unwrap_err();
        assert!(error.to_string().contains("the CA certificates must be PEM"), "{error}");
    }
}
