//! The server dies: who waited is told at once, sessions live, and the next process knows what the last one knew.

use rustix::process::{Pid, Signal};
use serde_json::{Value, json};

use crate::support::{Options, Session, call, eventually, is_alive, message, script, within};

fn kill(pid: &Value) {
    rustix::process::kill_process(Pid::from_raw(pid.as_i64().unwrap() as i32).unwrap(), Signal::KILL)
        .unwrap();
}

/// Asks until a process answers: what is sent before the death is noticed is answered with it.
async fn recovered(session: &Session) -> Value {
    within("it is back", async {
        loop {
            let answer = session.ask(&script("recovered", json!([]))).await;
            if answer["error"].is_null() {
                return answer["result"]["structuredContent"].clone();
            }
        }
    })
    .await
}

#[tokio::test]
async fn who_waits_is_told_at_once_and_the_session_lives() {
    for options in [Options::default(), Options::default().shared()] {
        let waggle = options.start().await;
        let session = Session::open(&waggle).await;
        let pid = session.script(json!([{ "stderr": "about to do something stupid" }])).await["pid"].clone();
        let mut streaming =
            session.post(&script("a", json!([{ "progress": 1 }, { "hold": "never" }]))).await.events();
        streaming.message().await;
        let silent = script("b", json!([{ "open": "begun" }, { "hold": "never" }]));
        let (answer, ()) = tokio::join!(session.ask(&silent), async {
            session.script(json!([{ "hold": "begun" }])).await;
            kill(&pid);
        });
        for error in [&answer["error"], &streaming.message().await["error"]] {
            assert_eq!(error["message"], "the MCP server was killed by signal 9");
            assert_eq!((&error["data"]["signal"], &error["data"]["exitCode"]), (&json!(9), &Value::Null));
            assert_eq!(error["data"]["stderr"], json!(["about to do something stupid"]));
            let code = error["code"].as_i64().unwrap();
            assert!(!(-32768..=-32000).contains(&code), "reserved: {code}");
        }
        assert_eq!(streaming.try_message().await, None);
        let new = session.script(json!([])).await["pid"].clone();
        assert_ne!(new, pid);
        assert!(waggle.metric("waggle_server_failures_total").await >= 1.0);
        waggle.stop().await;
    }
}

#[tokio::test]
async fn an_exit_status_is_told_and_an_abort_too() {
    let waggle = Options::default().start().await;
    let session = Session::open(&waggle).await;
    for (step, message) in [
        (json!({ "exit": 7 }), "the MCP server exited with status 7"),
        (json!({ "exit": 0 }), "the MCP server exited with status 0"),
        (json!({ "abort": true }), "the MCP server was killed by signal 6"),
    ] {
        let answer = session.ask(&script(1, json!([{ "stderr": "fatal: it", "times": 30 }, step]))).await;
        assert_eq!(answer["error"]["message"], message);
        assert_eq!(answer["error"]["data"]["stderr"], json!(vec!["fatal: it"; 10]));
    }
    waggle.stop().await;
}

#[tokio::test]
async fn the_next_process_is_told_everything() {
    for options in [Options::default(), Options::default().shared()] {
        let waggle = options.start().await;
        let session = Session::open(&waggle).await;
        let mut stream = session.listen().await;
        session.ask(&message(1, "logging/setLevel", json!({ "level": "notice" }))).await;
        for uri in ["a:1", "a:2"] {
            session.ask(&message(2, "resources/subscribe", json!({ "uri": uri }))).await;
        }
        session.ask(&message(3, "resources/unsubscribe", json!({ "uri": "a:1" }))).await;
        let first = session.history().await;
        let pid = session.script(json!([])).await["pid"].clone();
        kill(&pid);
        // The client hears that all it has listed may have changed.
        let mut changed: Vec<_> =
            [stream.message().await, stream.message().await].map(|m| m["method"].clone()).into();
        changed.sort_by_key(Value::to_string);
        assert_eq!(changed, ["notifications/resources/list_changed", "notifications/tools/list_changed"]);
        let second = session.history().await;
        // The first process was also asked whether it speaks 2026-07-28.
        let opened = first.iter().find(|message| message["method"] == "initialize").unwrap();
        assert_eq!(second[0]["method"], "initialize");
        assert_eq!(second[0]["params"], opened["params"]);
        // The proxy counts the tools of a shared process meanwhile.
        let replayed = second[1..second.len() - 1].iter().filter(|m| m["method"] != "tools/list");
        let replayed: Vec<_> = replayed.map(|m| (m["method"].clone(), m["params"].clone())).collect();
        assert_eq!(
            replayed,
            [
                (json!("notifications/initialized"), Value::Null),
                (json!("logging/setLevel"), json!({ "level": "notice" })),
                (json!("resources/subscribe"), json!({ "uri": "a:2" })),
            ]
        );
        session
            .script(json!([{ "notify": "notifications/resources/updated", "params": { "uri": "a:2" } }]))
            .await;
        assert_eq!(stream.message().await["params"]["uri"], "a:2");
        waggle.stop().await;
    }
}

#[tokio::test]
async fn requests_during_a_restart_wait_for_the_new_process() {
    let waggle = Options::default().shared().start().await;
    let sessions = [Session::open(&waggle).await, Session::open(&waggle).await];
    let pid = sessions[0].script(json!([])).await["pid"].clone();
    kill(&pid);
    eventually("it is gone", async || !is_alive(pid.as_i64().unwrap())).await;
    let calls = [call(1, "echo", json!(1)), call(1, "echo", json!(2))];
    let (a, b) = tokio::join!(sessions[0].ask(&calls[0]), sessions[1].ask(&calls[1]));
    // Whatever was sent before the death was noticed is answered with it.
    for (answer, n) in [(a, 1), (b, 2)] {
        assert!(
            answer["result"]["echo"] == n
                || answer["error"]["message"].as_str().unwrap().contains("signal 9")
        );
    }
    assert_ne!(sessions[0].script(json!([])).await["pid"], pid);
    waggle.stop().await;
}

#[tokio::test]
async fn a_question_of_a_dead_server_is_withdrawn() {
    let waggle = Options::default().start().await;
    let session = Session::with(&waggle, "2025-11-25", json!({ "elicitation": {} })).await;
    let pid = session.script(json!([])).await["pid"].clone();
    let mut stream = session.listen().await;
    let mut events =
        session.post(&script(1, json!([{ "ask": "elicitation/create", "params": {} }]))).await.events();
    let question = events.message().await;
    kill(&pid);
    assert!(events.message().await["error"]["message"].as_str().unwrap().contains("signal 9"));
    let withdrawn = stream.message().await;
    assert_eq!(
        (&withdrawn["method"], &withdrawn["params"]["requestId"]),
        (&json!("notifications/cancelled"), &question["id"])
    );
    // An answer that comes all the same reaches no other process.
    session.answer(&question, json!({ "action": "accept" })).await;
    let history = session.history().await;
    assert!(history.iter().all(|message| message["result"].is_null()), "{history:?}");
    waggle.stop().await;
}

#[tokio::test]
async fn sessions_of_others_do_not_notice() {
    let waggle = Options::default().start().await;
    let (a, b) = (Session::open(&waggle).await, Session::open(&waggle).await);
    let pid = a.script(json!([])).await["pid"].clone();
    let mut held = b.post(&script(1, json!([{ "progress": 1 }, { "hold": "gate" }]))).await.events();
    held.message().await;
    kill(&pid);
    assert_ne!(recovered(&a).await["pid"], pid);
    b.script(json!([{ "open": "gate" }])).await;
    assert_eq!(held.rest().await[0]["id"], 1);
    waggle.stop().await;
}

#[tokio::test]
async fn a_server_that_closes_its_stdout_is_replaced() {
    let waggle = Options::default().start().await;
    let session = Session::open(&waggle).await;
    let answer = session.ask(&script(1, json!([{ "close_stdout": true }]))).await;
    assert_eq!(answer["error"]["message"], "the MCP server closed its stdout");
    session.script(json!([])).await;
    // One that ends then has ended, though the first sign of it is the same.
    let answer = session.ask(&script(2, json!([{ "close_stdout": true }, { "exit": 6 }]))).await;
    assert_eq!(answer["error"]["message"], "the MCP server exited with status 6");
    waggle.stop().await;
}

#[tokio::test]
async fn readiness_of_a_shared_server_follows_its_process() {
    let waggle = Options::default().shared().start().await;
    let session = Session::open(&waggle).await;
    assert!(waggle.is_ready().await);
    // It does not come back by itself: the program is gone after this start.
    let answer = session.ask(&script(1, json!([{ "exit": 1 }]))).await;
    assert!(answer["error"].is_object());
    eventually("ready again", async || waggle.is_ready().await).await;
    session.script(json!([])).await;
    waggle.stop().await;
}
