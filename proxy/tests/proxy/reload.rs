//! The configuration file changes while the proxy runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::support::{
    ConfigMap, Modern, Options, Request, Session, Waggle, call, digest, eventually, initialize, message,
    script,
};

async fn start(options: Options, map: &ConfigMap) -> Waggle {
    let option = map.option();
    options.proxy(&[&option[0], &option[1]]).start().await
}

/// Waits until the file with that text is in force.
async fn in_force(waggle: &Waggle, text: &str) {
    waggle.shows("/config/loaded", digest(text)).await;
}

/// A ping of exactly that many bytes.
fn ping(bytes: usize) -> String {
    let ping = message("ping", "ping", json!({})).to_string();
    format!("{ping}{}", " ".repeat(bytes - ping.len()))
}

/// The status that a body of that many bytes is answered with.
async fn sending(session: &Session, bytes: usize) -> u16 {
    session.posting(ping(bytes)).send(session.to).await.status
}

/// Opens a session: the status that is answered.
async fn opening(waggle: &Waggle) -> u16 {
    let hello = initialize("2025-11-25", json!({})).to_string();
    Request::post("/mcp", hello).send(waggle.address).await.status
}

#[tokio::test]
async fn a_config_map_is_put_in_force_while_calls_go_on() {
    for (options, pooled) in [(Options::default(), false), (Options::default().shared(), true)] {
        let first = "max-body: 2KiB\n";
        let mut map = ConfigMap::new(first);
        let waggle = start(options, &map).await;
        assert_eq!(waggle.status().await["config"]["loaded"], digest(first));
        let session = Session::open(&waggle).await;
        let before = session.script(json!([])).await["pid"].clone();
        let stream = session.listen().await;
        let held = session.post(&script("held", json!([{ "progress": 1 }, { "hold": "later" }]))).await;
        let mut held = held.events();
        assert_eq!(held.message().await["params"]["progress"], 1);

        let (stop, mut load) = (Arc::new(AtomicBool::new(false)), JoinSet::new());
        for worker in 0..4 {
            let (stop, session, client) = (stop.clone(), session.clone(), Modern::new(&waggle));
            load.spawn(async move {
                let mut calls = 0;
                while !stop.load(Ordering::Relaxed) {
                    let id = format!("{worker}-{calls}");
                    let echo = call(id.clone(), "echo", json!({ "payload": id }));
                    let answer = match worker % 2 {
                        0 => session.ask(&echo).await,
                        _ => client.ask(&echo).await,
                    };
                    assert_eq!(answer["result"]["echo"]["payload"], id, "{answer}");
                    calls += 1;
                }
                calls
            });
        }
        for (size, limit) in [("1KiB", 1024), ("3KiB", 3072), ("1500", 1500)] {
            let text = format!("max-body: {size}\nmax-sessions: 3\nkeep-alive: 1s\n");
            map.swap(&text);
            in_force(&waggle, &text).await;
            assert_eq!((sending(&session, limit).await, sending(&session, limit + 1).await), (200, 413));
        }
        stop.store(true, Ordering::Relaxed);
        let calls = load.join_all().await;
        assert!(calls.iter().all(|calls| *calls > 0), "{calls:?}");

        session.script(json!([{ "open": "later" }])).await;
        assert_eq!(held.rest().await.pop().unwrap()["id"], "held");
        assert_eq!(session.script(json!([])).await["pid"], before, "pooled: {pooled}");
        drop(stream);
        assert_eq!(waggle.metric("waggle_config_reloads_total{outcome=\"applied\"}").await, 3.0);
        assert_eq!(waggle.metric("waggle_server_failures_total").await, 0.0);
        let told = || waggle.logged_so_far("the configuration was reloaded").len();
        eventually("each is logged", async || told() >= 3).await;
        assert_eq!(told(), 3);
        assert_eq!(waggle.status().await["config"]["error"], Value::Null);
        session.delete().await;
        waggle.stop().await;
    }
}

#[tokio::test]
async fn a_file_may_be_renamed_into_place_and_a_hangup_has_it_read_at_once() {
    let map = ConfigMap::new("max-sessions: 1");
    let waggle = start(Options::default(), &map).await;
    let _session = Session::open(&waggle).await;
    assert_eq!(opening(&waggle).await, 503);
    let text = "max-sessions: 2";
    map.rename(text);
    in_force(&waggle, text).await;
    assert_eq!((opening(&waggle).await, opening(&waggle).await), (200, 503));
    // Though it has not changed.
    for times in [2.0, 3.0] {
        waggle.signal(Signal::HUP);
        waggle.gauge("waggle_config_reloads_total{outcome=\"applied\"}", times).await;
    }
    waggle.stop().await;
}

#[tokio::test]
async fn a_file_with_mistakes_changes_nothing_and_they_are_told() {
    let good = "max-body: 1KiB\n";
    let mut map = ConfigMap::new(good);
    let waggle = start(Options::default(), &map).await;
    let session = Session::open(&waggle).await;
    let error = async || waggle.status().await["config"]["error"].as_str().unwrap_or_default().to_owned();
    map.swap("max-body: 2KiB\nmax-boddy: 7KiB\nlog: [\n");
    eventually("what is wrong is shown", async || error().await.contains("YAML")).await;
    map.swap("max-body: 2KiB\nmax-boddy: 7KiB\ngrace: 15\n");
    eventually("what is wrong is shown", async || error().await.contains("max-boddy")).await;
    let shown = error().await;
    assert!(shown.contains("did you mean `max-body`?") && shown.contains("`15` has no unit"), "{shown}");
    assert_eq!((sending(&session, 1024).await, sending(&session, 1025).await), (200, 413));
    map.remove();
    eventually("that it is gone is shown", async || error().await.contains("cannot read")).await;
    assert_eq!(waggle.status().await["config"]["loaded"], digest(good));
    assert_eq!(waggle.metric("waggle_config_reloads_total{outcome=\"refused\"}").await, 3.0);
    let told = || waggle.logged_so_far("the configuration has a mistake: the one before stays in force");
    eventually("each mistake is logged", async || told().len() >= 4).await;
    let told = told();
    let told: Vec<_> = told.iter().map(|line| line["mistake"].as_str().unwrap()).collect();
    assert_eq!(told.len(), 4, "{told:#?}");
    assert!(shown.lines().all(|mistake| told.contains(&mistake)), "{told:#?}");
    // As it was: nothing is wrong any more.
    map.rename(good);
    waggle.shows("/config/error", Value::Null).await;
    assert_eq!((sending(&session, 1024).await, sending(&session, 1025).await), (200, 413));
    waggle.stop().await;
}

#[tokio::test]
async fn what_needs_a_restart_is_named_and_all_else_is_in_force() {
    let mut map = ConfigMap::new("max-body: 1KiB");
    let waggle = start(Options::default(), &map).await;
    let session = Session::open(&waggle).await;
    // The command line is stronger than both of these.
    let text =
        "max-body: 2KiB\nprocess-mode: shared\nupstream-era: legacy\nlisten: 127.0.0.1:1\ncommand: [x]";
    map.swap(text);
    in_force(&waggle, text).await;
    let told = waggle.logged("takes effect after a restart").await;
    assert_eq!(told["options"], "process-mode, upstream-era");
    let status = waggle.status().await;
    assert_eq!(status["config"]["needsRestart"], json!(["process-mode", "upstream-era"]));
    assert_eq!(status["processMode"], "session");
    assert_eq!((sending(&session, 2048).await, sending(&session, 2049).await), (200, 413));
    let text = "max-body: 3KiB";
    map.swap(text);
    in_force(&waggle, text).await;
    assert_eq!(waggle.status().await["config"]["needsRestart"], json!([]));
    waggle.stop().await;
}

#[tokio::test]
async fn more_or_fewer_processes_may_run() {
    let mut map = ConfigMap::new("max-processes: 2\nwarm-processes: 0");
    let waggle = start(Options::default(), &map).await;
    waggle.until("processes", 0).await;
    let calling = async |session: &Session| session.post(&call(1, "echo", json!({}))).await.status;
    let mut sessions = Vec::new();
    for expected in [200, 200, 503] {
        sessions.push(Session::open(&waggle).await);
        assert_eq!(calling(sessions.last().unwrap()).await, expected);
    }
    let text = "max-processes: 3\nwarm-processes: 0";
    map.swap(text);
    in_force(&waggle, text).await;
    assert_eq!(calling(&sessions[2]).await, 200);

    let text = "max-processes: 1\nwarm-processes: 0";
    map.swap(text);
    in_force(&waggle, text).await;
    for session in &sessions {
        assert_eq!(calling(session).await, 200, "those that run go on");
    }
    let late = Session::open(&waggle).await;
    for left in [2, 1] {
        sessions.pop().unwrap().delete().await;
        waggle.until("processes", left).await;
        assert_eq!(calling(&late).await, 503, "{left}");
    }
    sessions.pop().unwrap().delete().await;
    waggle.until("processes", 0).await;
    assert_eq!(calling(&late).await, 200);

    for (text, spares) in [
        ("max-processes: 9\nwarm-processes: 3", 3),
        ("max-processes: 9\nwarm-processes: 1", 1),
        ("max-processes: 9\nwarm-processes: 0", 0),
    ] {
        map.swap(text);
        waggle.until("spareProcesses", spares).await;
        waggle.until("processes", spares + 1).await;
    }
    waggle.stop().await;
}

#[tokio::test]
async fn who_may_call_and_under_which_url_changes() {
    let mut map = ConfigMap::new("");
    let waggle = start(Options::default(), &map).await;
    let attempt = async |path: &str| {
        let hello = initialize("2025-11-25", json!({})).to_string();
        let request = Request::post(path, hello).header("Origin", "https://app.example");
        let response = request.send(waggle.address).await;
        (response.status, response.header("access-control-allow-origin").is_some())
    };
    assert_eq!(attempt("/mcp").await, (403, false));
    for (text, plain, prefixed) in [
        ("allowed-origin: https://app.example\n", (200, true), (404, true)),
        ("public-url: https://app.example/tools\n", (200, true), (200, true)),
        ("public-url: https://other.example/tools\n", (403, false), (403, false)),
    ] {
        map.swap(text);
        in_force(&waggle, text).await;
        assert_eq!((attempt("/mcp").await, attempt("/tools/mcp").await), (plain, prefixed), "{text}");
    }
    waggle.stop().await;
}

#[tokio::test]
async fn times_apply_to_who_sleeps_for_the_former_ones() {
    let mut map = ConfigMap::new("warm-processes: 0\n");
    let waggle = start(Options::default(), &map).await;
    let session = Session::open(&waggle).await;
    session.ask(&call(1, "echo", json!({}))).await;
    waggle.until("processes", 1).await;
    map.swap("warm-processes: 0\nprocess-idle: 100ms\n");
    waggle.until("processes", 0).await;
    assert_eq!(waggle.status().await["sessions"], 1);
    let text = "warm-processes: 0\nrequest-timeout: 100ms\n";
    map.swap(text);
    in_force(&waggle, text).await;
    let answer = session.ask(&script("late", json!([{ "silent": true }]))).await;
    assert!(answer["error"]["message"].as_str().unwrap().contains("within 0.1 s"), "{answer}");
    map.swap("session-idle: 100ms\n");
    waggle.until("sessions", 0).await;
    waggle.stop().await;
}

#[tokio::test]
async fn lines_and_the_log_follow() {
    let mut map = ConfigMap::new("");
    let waggle = start(Options::default(), &map).await;
    let session = Session::open(&waggle).await;
    let large = async || session.ask(&script(1, json!([{ "bytes": 5000 }]))).await;
    assert!(large().await["error"].is_null());
    assert!(!waggle.log().iter().any(|line| line.contains("\"DEBUG\"")));
    let text = "log: debug\nmax-line: 4KiB\nrequest-timeout: 200ms";
    map.swap(text);
    in_force(&waggle, text).await;
    assert!(large().await["error"]["message"].is_string());
    waggle.gauge("waggle_limit_hits_total{limit=\"max_line\"}", 1.0).await;
    waggle.logged("skipped what is no message").await;
    let text = "log: error\n";
    map.swap(text);
    in_force(&waggle, text).await;
    assert!(large().await["error"].is_null());
    waggle.stop().await;
}

#[tokio::test]
async fn a_server_behind_a_url_is_waited_for_as_long_as_is_said_now() {
    let back = Options::default().start().await;
    let mut map = ConfigMap::new("");
    let front = Options::upstream(&back.url).proxy(&["--upstream-era", "legacy"]);
    let front = start(front, &map).await;
    let session = Session::open(&front).await;
    session.ask(&call(1, "echo", json!({}))).await;
    let text = "request-timeout: 150ms\n";
    map.swap(text);
    in_force(&front, text).await;
    let answer = session.ask(&script("late", json!([{ "silent": true }]))).await;
    assert!(answer["error"]["message"].as_str().unwrap().contains("within 0.15 s"), "{answer}");
    let text = "max-line: 2KiB\n";
    map.swap(text);
    in_force(&front, text).await;
    let answer = session.post(&script("large", json!([{ "bytes": 5000 }]))).await;
    assert_eq!(answer.status, 502);
    assert_eq!(front.metric("waggle_limit_hits_total{limit=\"max_line\"}").await, 1.0);
    session.delete().await;
    front.stop().await;
    back.stop().await;
}
