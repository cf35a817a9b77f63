//! Starts that fail: one sentence, an exit code, and nothing left behind.

use serde_json::json;

use crate::support::{Options, Request, Session, initialize, run};

fn one_sentence(sentences: &[String], parts: &[&str]) {
    assert_eq!(sentences.len(), 1, "{sentences:#?}");
    for part in parts {
        assert!(sentences[0].starts_with("error: ") && sentences[0].contains(part), "{part}: {sentences:#?}");
    }
}

#[tokio::test]
async fn a_server_that_ends_at_once() {
    for options in [Options::default(), Options::default().shared()] {
        let ended = run(options.server(&["--fail"])).await;
        assert_eq!(ended.code, Some(1));
        one_sentence(&ended.sentences, &["exited with status 3", "cannot open the database"]);
    }
    // One that ends well has still not answered.
    let ended = run(Options::default().wrapper(&["sh", "-c", "exit 0"])).await;
    assert_eq!(ended.code, Some(1));
    one_sentence(&ended.sentences, &["exited with status 0"]);
    let ended = run(Options::default().wrapper(&["sh", "-c", "kill -9 $$"])).await;
    one_sentence(&ended.sentences, &["signal 9"]);
}

#[tokio::test]
async fn a_command_that_cannot_be_run() {
    for options in [Options::default(), Options::default().shared()] {
        let ended = run(options.wrapper(&["no-such-command-anywhere"])).await;
        assert_eq!(ended.code, Some(1));
        one_sentence(&ended.sentences, &["no-such-command-anywhere", "no such command"]);
    }
    let ended = run(Options::default().wrapper(&["/etc/passwd"])).await;
    assert_eq!(ended.code, Some(1));
    one_sentence(&ended.sentences, &["/etc/passwd", "may not be executed"]);
}

#[tokio::test]
async fn a_port_that_is_taken() {
    let waggle = Options::default().start().await;
    let address = waggle.address.to_string();
    for (option, other) in [("--listen", "--admin-listen"), ("--admin-listen", "--listen")] {
        let ended = run(Options::replacing(&[(option, &address), (other, "127.0.0.1:0")])).await;
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), ""));
        one_sentence(&ended.sentences, &[&address, option]);
    }
    waggle.stop().await;
}

#[tokio::test]
async fn a_server_that_never_answers() {
    let options = Options::default().proxy(&["--handshake-timeout", "5s"]).server(&["--silent"]);
    let waggle = options.start().await;
    assert!(!waggle.is_ready().await);
    assert_eq!(Request::new("GET", "/livez").send(waggle.admin).await.status, 200);
    let body = initialize("2025-11-25", json!({})).to_string();
    let response = Request::post("/mcp", body).send(waggle.address).await;
    assert_eq!(response.status, 503);
    assert!(response.header("retry-after").is_some());
    let body = response.json().await;
    assert!(body["id"] == 0 && body["error"]["message"].is_string(), "{body}");
    let log = waggle.errors().await;
    one_sentence(&log, &["did not answer initialize within 5 s"]);
    assert_eq!(waggle.ended().await.code(), Some(1));
}

#[tokio::test]
async fn a_server_that_refuses_initialize() {
    let ended = run(Options::default().server(&["--refuse"])).await;
    assert_eq!(ended.code, Some(1));
    one_sentence(&ended.sentences, &["refused initialize"]);
}

#[tokio::test]
async fn a_noisy_start_is_no_obstacle() {
    let waggle = Options::default().server(&["--noisy"]).start().await;
    let session = Session::open(&waggle).await;
    session.script(json!([])).await;
    assert!(waggle.metric("waggle_messages_dropped_total{reason=\"junk\"}").await >= 3.0);
    waggle.stop().await;
}

#[tokio::test]
async fn stdout_carries_the_url_alone() {
    let waggle = Options::default().proxy(&["--public-url", "https://mcp.example/x"]).start().await;
    assert_eq!(waggle.url, "https://mcp.example/x/mcp");
    waggle.stop().await;
    let waggle = Options::default().start().await;
    assert_eq!(waggle.url, format!("http://{}/mcp", waggle.address));
    waggle.stop().await;
}
