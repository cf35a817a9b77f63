//! What the server speaks is found out, unless it is said.

use serde_json::{Value, json};

use crate::support::{Modern, Options, Session, Waggle, call, run};

/// Clients of both eras are served, and the status says by what.
async fn serves(waggle: &Waggle, era: &str) {
    let (session, client) = (Session::open(waggle).await, Modern::new(waggle));
    let echo = call("both", "echo", json!({ "era": era }));
    assert_eq!(session.ask(&echo).await["result"]["echo"]["era"], era);
    assert_eq!(client.result(&echo).await["echo"]["era"], era);
    let status = waggle.status().await;
    assert_eq!((&status["era"], &status["transport"]), (&json!(era), &json!("stdio")));
    assert_eq!(status["serverInfo"], json!({ "name": "fake", "version": "1" }));
    assert!(waggle.is_ready().await);
}

async fn methods(waggle: &Waggle) -> Vec<Value> {
    Modern::new(waggle).history().await.iter().map(|line| line["method"].clone()).collect()
}

#[tokio::test]
async fn clients_of_both_eras_are_served_in_every_mode() {
    for (options, era) in [(Options::default(), "legacy"), (Options::default().modern(), "modern")] {
        for mode in ["auto", "session", "shared"] {
            let waggle = options.clone().proxy(&["--process-mode", mode]).start().await;
            serves(&waggle, era).await;
            waggle.stop().await;
        }
    }
}

#[tokio::test]
async fn in_session_mode_a_modern_server_too_has_a_process_for_each_session() {
    let waggle = Options::default().modern().proxy(&["--process-mode", "session"]).start().await;
    let (a, b) = (Session::open(&waggle).await, Session::open(&waggle).await);
    assert_ne!(a.script(json!([])).await["pid"], b.script(json!([])).await["pid"]);
    a.delete().await;
    b.delete().await;
    waggle.stop().await;
}

#[tokio::test]
async fn what_is_said_is_not_asked() {
    let waggle = Options::default().proxy(&["--upstream-era", "legacy"]).start().await;
    serves(&waggle, "legacy").await;
    assert!(!methods(&waggle).await.contains(&json!("server/discover")));
    waggle.stop().await;
    let waggle = Options::default().modern().proxy(&["--upstream-era", "modern"]).start().await;
    serves(&waggle, "modern").await;
    assert!(!methods(&waggle).await.contains(&json!("initialize")));
    waggle.stop().await;
}

#[tokio::test]
async fn what_is_said_wrongly_ends_the_start() {
    for options in [
        Options::default().proxy(&["--upstream-era", "modern"]),
        Options::default().modern().proxy(&["--upstream-era", "legacy"]),
    ] {
        let ended = run(options).await;
        assert_eq!(ended.code, Some(1), "{:?}", ended.sentences);
        assert!(!ended.sentences.is_empty());
    }
}

#[tokio::test]
async fn a_server_that_is_silent_to_the_question_is_legacy() {
    for options in [Options::default(), Options::default().shared()] {
        let options = options.server(&["--mute-probe"]).proxy(&["--handshake-timeout", "3s"]);
        let waggle = options.start().await;
        serves(&waggle, "legacy").await;
        waggle.stop().await;
    }
}

#[tokio::test]
async fn a_server_that_dies_of_the_question_is_legacy() {
    for options in [Options::default(), Options::default().shared()] {
        let waggle = options.server(&["--fatal-probe"]).start().await;
        serves(&waggle, "legacy").await;
        assert!(!methods(&waggle).await.contains(&json!("server/discover")));
        waggle.stop().await;
    }
}

#[tokio::test]
async fn a_server_that_says_other_things_first_is_understood() {
    for (options, era) in [(Options::default(), "legacy"), (Options::default().modern(), "modern")] {
        let waggle = options.server(&["--noisy"]).start().await;
        serves(&waggle, era).await;
        waggle.stop().await;
    }
}

#[tokio::test]
async fn one_process_is_enough_to_find_out() {
    for (options, era) in [
        (Options::default().shared(), "legacy"),
        (Options::default().shared().server(&["--fatal-probe"]), "legacy"),
        (Options::default().modern(), "modern"),
    ] {
        let waggle = options.proxy(&["--max-processes", "1"]).start().await;
        serves(&waggle, era).await;
        assert_eq!(waggle.status().await["processes"], 1);
        waggle.stop().await;
    }
}
