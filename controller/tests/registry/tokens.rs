//! Registries that give tokens, as the big ones do.

use base64::{Engine, engine::general_purpose::STANDARD};
use waggle_controller::image::{Credentials, ImageError, Resolver};

use super::{
    amd64, logins, nobody,
    own::{Asked, Server, Shelf, answer, with_header},
    resolver,
};

const USER: (&str, &str) = ("forager", "n3ctar");

/// A registry whose token service gives the token `known` to [`USER`], and `anonymous` to nobody in particular.
/// The first is good for reading.
async fn server() -> Server {
    let shelf = Shelf::new("/app");
    let login = format!("Basic {}", STANDARD.encode(format!("{}:{}", USER.0, USER.1)));
    Server::start(move |asked| {
        if asked.path.starts_with("/token") {
            return match asked.authorization.as_deref() {
                None => answer(200, r#"{"token":"","access_token":"anonymous"}"#),
                Some(given) if given == login => answer(200, r#"{"token":"known","expires_in":60}"#),
                Some(_) => answer(401, "{}"),
            };
        }
        if asked.authorization.as_deref() == Some("Bearer known") {
            return shelf.answer(asked);
        }
        // The realm is relative to nothing: a real one is a full address, which only the request knows here.
        challenge(asked)
    })
    .await
}

/// 401 with the address of the token service, which the test has put into the repository's name: the port.
fn challenge(asked: &Asked) -> super::own::Answer {
    let port = asked.path.split('/').nth(2).unwrap().trim_start_matches('p');
    let realm = format!(r#"Bearer realm="http://127.0.0.1:{port}/token",service="hive""#);
    with_header(answer(401, ""), "www-authenticate", &realm)
}

/// An image whose name tells the server its own port.
fn image(server: &Server) -> String {
    let port = server.host.rsplit(':').next().unwrap();
    server.image(&format!("p{port}/app:1"))
}

async fn read(resolver: &Resolver, server: &Server, who: &Credentials) -> Result<Vec<String>, ImageError> {
    resolver.entrypoint(&image(server), who, &amd64()).await.map(|found| found.cmd.clone())
}

#[tokio::test]
async fn a_login_is_turned_into_one_token_for_one_repository() {
    let server = server().await;
    let resolver = resolver(|_| {});
    assert_eq!(read(&resolver, &server, &logins(&server.host, &[USER])).await.unwrap(), ["/app"]);
    let asked = server.asked();
    let tokens: Vec<_> = asked.iter().filter(|asked| asked.path.starts_with("/token")).collect();
    let port = server.host.rsplit(':').next().unwrap();
    assert_eq!(tokens.len(), 1);
    assert_eq!(tokens[0].path, format!("/token?service=hive&scope=repository%3Ap{port}%2Fapp%3Apull"));
    // The password itself goes to the token service alone.
    let others = asked.iter().filter(|asked| !asked.path.starts_with("/token"));
    assert!(others.flat_map(|asked| &asked.authorization).all(|sent| sent == "Bearer known"), "{asked:?}");
}

#[tokio::test]
async fn a_token_for_nobody_opens_nothing_that_is_locked() {
    let server = server().await;
    let resolver = resolver(|_| {});
    let error = read(&resolver, &server, &nobody()).await.unwrap_err();
    assert!(matches!(error, ImageError::Denied { had_login: false, status: 401, .. }), "{error:?}");
    let sent: Vec<_> = server.asked().into_iter().filter_map(|asked| asked.authorization).collect();
    assert_eq!(sent, ["Bearer anonymous"]);
    let wrong = logins(&server.host, &[("forager", "wrong")]);
    let error = read(&resolver, &server, &wrong).await.unwrap_err();
    assert!(matches!(error, ImageError::Denied { had_login: true, .. }), "{error:?}");
    assert!(!format!("{error} {error:?}").contains("wrong\""), "{error:?}");
}

#[tokio::test]
async fn a_token_service_that_makes_no_sense_is_an_error() {
    for (body, why) in [
        (&b"{\"token\":\"a\\nb\"}"[..], "gives no token"),
        (b"{}", "gives no token"),
        (b"<html>", "gives no token"),
        (&[b' '; 100_000], "gives no token"),
    ] {
        let server = Server::start(move |asked| match asked.path.starts_with("/token") {
            true => answer(200, body),
            false => challenge(asked),
        })
        .await;
        let error = read(&resolver(|_| {}), &server, &nobody()).await.unwrap_err();
        assert_eq!(error.reason(), "RegistryUnreachable");
        assert!(error.to_string().contains(why), "{error}");
    }
    for realm in ["", "no address", "ftp://127.0.0.1/token"] {
        let header = format!("Bearer realm=\"{realm}\"");
        let server = Server::start(move |_| with_header(answer(401, ""), "www-authenticate", &header)).await;
        let error =
            resolver(|_| {}).entrypoint(&server.image("app:1"), &nobody(), &amd64()).await.unwrap_err();
        assert!(matches!(error.reason(), "RegistryUnreachable" | "PullDenied"), "{realm}: {error}");
    }
}
