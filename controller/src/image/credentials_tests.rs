use serde_json::{Value, json};

use super::*;
use crate::image::parse;

fn secret(kind: &str, key: &str, content: &str) -> Secret {
    let mut secret = Secret { type_: Some(kind.into()), ..Secret::default() };
    secret.metadata.name = Some("pull".into());
    secret.data = Some([(key.to_owned(), ByteString(content.as_bytes().to_vec()))].into());
    secret
}

fn config(auths: &Value) -> Secret {
    secret("kubernetes.io/dockerconfigjson", ".dockerconfigjson", &json!({ "auths": auths }).to_string())
}

fn auth(user: &str, password: &str) -> Value {
    json!({ "auth": BASE64.encode(format!("{user}:{password}")) })
}

/// The users that are tried for an image.
fn users(secrets: &[Secret], image: &str) -> Vec<String> {
    let credentials = Credentials::from_secrets(secrets).unwrap();
    credentials.matching(&parse(image).unwrap()).into_iter().map(|login| login.user).collect()
}

#[test]
fn a_login_is_for_what_the_kubelet_takes_it_for() {
    let digest = format!("sha256:{}", "a".repeat(64));
    for (key, image, matches) in [
        ("ghcr.io", "ghcr.io/team/app:1", true),
        ("ghcr.io", "ghcr.io.evil.org/team/app", false),
        ("https://ghcr.io", "ghcr.io/team/app", true),
        ("https://ghcr.io/v2/", "ghcr.io/team/app", true),
        ("http://ghcr.io/v1/", "ghcr.io/team/app", true),
        ("ghcr.io/team", "ghcr.io/team/app", true),
        ("ghcr.io/team/app", &format!("ghcr.io/team/app@{digest}"), true),
        ("ghcr.io/other", "ghcr.io/team/app", false),
        ("ghcr.io/v2/team", "ghcr.io/team/app", true),
        ("registry:5000", "registry:5000/app", true),
        ("registry:5001", "registry:5000/app", false),
        ("registry.org", "registry.org:5000/app", false),
        ("*.example.org", "a.example.org/app", true),
        ("*.example.org", "example.org/app", false),
        ("*.example.org", "a.b.example.org/app", false),
        ("*.*.example.org", "a.b.example.org/app", true),
        ("reg*-eu.example.org:80", "registry-eu.example.org:80/app", true),
        ("reg*-eu.example.org:80", "registry-us.example.org:80/app", false),
        ("r*g*y.io", "registry.io/app", true),
        ("*.example.org", "a.example.com/app", false),
        ("https://index.docker.io/v1/", "alpine", true),
        ("index.docker.io", "docker.io/team/app", true),
        ("docker.io", "alpine", true),
        ("docker.io/team", "alpine", false),
        ("registry-1.docker.io", "alpine", false),
        ("[::1]:5000", "[::1]:5000/app", true),
        ("[::1]", "[::1]:5000/app", false),
    ] {
        let found = users(&[config(&json!({ key: auth("bee", "x") }))], image);
        assert_eq!(!found.is_empty(), matches, "{key} for {image}");
    }
}

#[test]
fn the_longest_path_comes_first_and_equal_ones_in_the_order_of_the_secrets() {
    let first = config(&json!({
        "ghcr.io": auth("host-1", "a"),
        "ghcr.io/team": auth("team-1", "b"),
        "ghcr.io/team/app": auth("app-1", "c"),
    }));
    let second =
        config(&json!({ "ghcr.io": auth("host-2", "d"), "https://ghcr.io/team": auth("team-2", "e") }));
    assert_eq!(
        users(&[first.clone(), second.clone()], "ghcr.io/team/app:1"),
        ["app-1", "team-1", "team-2", "host-1", "host-2"]
    );
    assert_eq!(users(&[second, first], "ghcr.io/else"), ["host-2", "host-1"]);
}

#[test]
fn both_formats_and_both_ways_to_write_a_login_are_read() {
    let old = json!({ "https://index.docker.io/v1/": auth("old", "p:with:colons\0\0") }).to_string();
    let old = secret("kubernetes.io/dockercfg", ".dockercfg", &old);
    let plain = config(&json!({ "ghcr.io": { "username": "plain", "password": "q", "email": "a@b.c" } }));
    // Four letters of base64 without their padding; the auth wins over the fields.
    let unpadded = config(&json!({ "quay.io": { "auth": "YTpi", "username": "z", "password": "z" } }));
    let opaque = secret("Opaque", ".dockerconfigjson", "no JSON at all");
    let anonymous = config(&json!({ "ghcr.io": {} }));
    let credentials = Credentials::from_secrets(&[opaque, anonymous, old, plain, unpadded]).unwrap();
    for (image, user, password) in
        [("alpine", "old", "p:with:colons"), ("ghcr.io/a", "plain", "q"), ("quay.io/a", "a", "b")]
    {
        let login = Login { user: user.into(), password: password.into() };
        assert!(credentials.matching(&parse(image).unwrap()) == [login], "{image}");
    }
}

#[test]
fn a_secret_that_cannot_be_read_is_named_and_not_cited() {
    let kind = "kubernetes.io/dockerconfigjson";
    for (secret, why) in [
        (secret(kind, "config.json", "{}"), "it has no key .dockerconfigjson"),
        (secret(kind, ".dockerconfigjson", r#"{"auths": "s3cret"}"#), "its JSON is wrong at line 1"),
        (
            config(&json!({ "ghcr.io": { "auth": "s3cret!" } })),
            "the base64 is wrong in the auth of \"ghcr.io\"",
        ),
        (config(&json!({ "ghcr.io": { "auth": BASE64.encode("s3cret") } })), "no user:password"),
    ] {
        let error = Credentials::from_secrets(&[secret]).unwrap_err();
        assert_eq!(error.reason(), "PullSecretInvalid");
        let text = format!("{error} {error:?}");
        assert!(text.contains("the pull secret pull ") && text.contains(why), "{text}");
        assert!(!text.contains("s3cret"), "{text}");
    }
}

#[test]
fn debug_output_shows_no_login() {
    let credentials =
        Credentials::from_secrets(&[config(&json!({ "ghcr.io": auth("forager", "n3ctar") }))]).unwrap();
    let login = credentials.matching(&parse("ghcr.io/a").unwrap());
    let text = format!("{credentials:?} {login:?}");
    assert_eq!(text, r#"{"ghcr.io"} [Login]"#);
}

#[test]
fn fingerprints_tell_logins_apart() {
    let login = |user: &str, password: &str| Login { user: user.into(), password: password.into() };
    let lists =
        [vec![], vec![login("a", "bc")], vec![login("ab", "c")], vec![login("a", "bc"), login("", "")]];
    for (i, one) in lists.iter().enumerate() {
        for (j, other) in lists.iter().enumerate() {
            assert_eq!(fingerprint(one) == fingerprint(other), i == j);
        }
    }
}
