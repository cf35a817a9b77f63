//! A server in a container of its own: the launcher starts it, the proxy holds its pipes.

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::{
    Launcher, Launching, Modern, Options, Pod, Request, Session, Waggle, call, descriptors, eventually,
    initialize, is_alive, message, scheduling_policy, script,
};

/// A proxy and a launcher of the fake server.
async fn both(pod: &Pod, options: &[&str]) -> (Waggle, Launcher) {
    let waggle = Options::launched(pod).proxy(options).start().await;
    (waggle, Launching::new(pod).start())
}

#[tokio::test]
async fn calls_are_served_in_both_modes_and_no_byte_passes_the_launcher() {
    for mode in ["session", "shared"] {
        let pod = Pod::new();
        let (waggle, launcher) = both(&pod, &["--process-mode", mode]).await;
        let (a, b) = (Session::open(&waggle).await, Session::open(&waggle).await);
        let odd = json!({ "text": "\u{200d}\u{2028}", "number": 9_007_199_254_740_993_i64 });
        assert_eq!(a.ask(&call(1, "echo", odd.clone())).await["result"]["echo"], odd);
        let large = json!("x".repeat(3_000_000));
        assert_eq!(b.ask(&call(2, "echo", large.clone())).await["result"]["echo"], large);
        let pids = [a.script(json!([])).await["pid"].clone(), b.script(json!([])).await["pid"].clone()];
        assert_eq!(pids[0] == pids[1], mode == "shared");
        // The servers are the launcher's children, and it holds none of their pipes.
        let parent = std::fs::read_to_string(format!("/proc/{}/status", pids[0])).unwrap();
        assert!(parent.contains(&format!("PPid:\t{}\n", launcher.pid())), "{parent}");
        let pipes = pids.iter().flat_map(|pid| descriptors(pid.as_i64().unwrap()).into_iter().take(3));
        let pipes: Vec<_> = pipes.collect();
        assert_eq!(pipes.len(), 6);
        // It lets go of them once they are on their way, and may be slower than they are.
        eventually("the launcher holds no pipe", async || {
            let held = descriptors(launcher.pid().into());
            !pipes.iter().any(|pipe| held.contains(pipe))
        })
        .await;
        let status = waggle.status().await;
        assert_eq!(status["server"], "fake-server");
        assert_eq!(status["transport"], "stdio");
        assert_eq!(status["launcher"], json!({ "connected": true, "version": env!("CARGO_PKG_VERSION") }));
        let connected = waggle.logged("the launcher is connected").await;
        assert_eq!(connected["launcher"], env!("CARGO_PKG_VERSION"));
        assert_eq!(connected["server"], "fake-server");
        waggle.stop().await;
        launcher.stop().await;
    }
}

#[tokio::test]
async fn clients_of_both_eras_are_served() {
    for era in [&[][..], &["--modern"]] {
        let pod = Pod::new();
        let waggle = Options::launched(&pod).start().await;
        let launcher = Launching::new(&pod).server(&[], era).start();
        let session = Session::open(&waggle).await;
        assert_eq!(session.ask(&call(1, "echo", json!("legacy"))).await["result"]["echo"], "legacy");
        let modern = Modern::new(&waggle);
        let result = modern.result(&call(2, "echo", json!({ "of": "modern" }))).await;
        assert_eq!(result["echo"]["of"], "modern");
        waggle.stop().await;
        launcher.stop().await;
    }
}

#[tokio::test]
async fn pipes_of_a_shared_process_are_large() {
    let size = async |mode: &str| {
        let pod = Pod::new();
        let (waggle, launcher) = both(&pod, &["--process-mode", mode]).await;
        let session = Session::open(&waggle).await;
        let pid = session.script(json!([])).await["pid"].clone();
        let sizes = [0, 1].map(|number| {
            let pipe = std::fs::File::open(format!("/proc/{pid}/fd/{number}")).unwrap();
            rustix::pipe::fcntl_getpipe_size(&pipe).unwrap()
        });
        waggle.stop().await;
        launcher.stop().await;
        sizes
    };
    let (shared, own) = (size("shared").await, size("session").await);
    assert!(shared[0] > own[0] && shared[1] > own[1], "{shared:?} {own:?}");
}

#[tokio::test]
async fn one_of_many_processes_gives_way_when_it_wakes() {
    let policy = async |waggle: &Waggle| {
        let session = Session::open(waggle).await;
        scheduling_policy(session.script(json!([])).await["pid"].as_i64().unwrap())
    };
    // As in sched.h: other, and batch.
    for (mode, expected) in [("shared", 0), ("session", 3)] {
        let local = Options::default().proxy(&["--process-mode", mode]).start().await;
        assert_eq!(policy(&local).await, expected, "{mode}");
        local.stop().await;
        let pod = Pod::new();
        let (waggle, launcher) = both(&pod, &["--process-mode", mode]).await;
        assert_eq!(policy(&waggle).await, expected, "{mode}, launched");
        waggle.stop().await;
        launcher.stop().await;
    }
}

#[tokio::test]
async fn a_killed_server_costs_its_callers_one_clear_error() {
    for mode in ["session", "shared"] {
        let pod = Pod::new();
        let (waggle, launcher) = both(&pod, &["--process-mode", mode]).await;
        let session = Session::open(&waggle).await;
        let pid = session.script(json!([{ "stderr": "about to fall" }])).await["pid"].as_i64().unwrap();
        let mut streaming =
            session.post(&script("a", json!([{ "progress": 1 }, { "hold": "never" }]))).await.events();
        streaming.message().await;
        rustix::process::kill_process(rustix::process::Pid::from_raw(pid as i32).unwrap(), Signal::KILL)
            .unwrap();
        let error = streaming.message().await["error"].clone();
        assert_eq!(error["message"], "the MCP server was killed by signal 9");
        assert_eq!(error["data"], json!({ "exitCode": null, "signal": 9, "stderr": ["about to fall"] }));
        assert_ne!(session.script(json!([])).await["pid"], pid);
        let answer = session.ask(&script(1, json!([{ "stderr": "bye" }, { "exit": 7 }]))).await;
        assert_eq!(answer["error"]["message"], "the MCP server exited with status 7");
        session.script(json!([])).await;
        let exit = waggle.status().await["lastExit"].clone();
        assert_eq!(
            exit["reason"].as_str().unwrap().split("; ").last(),
            Some("its last words on stderr: bye")
        );
        let time = exit["time"].as_str().unwrap();
        assert!(time.len() == 20 && time.ends_with('Z'), "{time}");
        waggle.stop().await;
        launcher.stop().await;
    }
}

#[tokio::test]
async fn a_session_that_ends_ends_its_process_politely_with_its_group() {
    let pod = Pod::new();
    let waggle = Options::launched(&pod).proxy(&["--warm-processes", "0"]).start().await;
    let launcher = Launching::new(&pod).start();
    let session = Session::open(&waggle).await;
    let outcome = session.script(json!([{ "spawn": ["sleep", "1000"] }])).await;
    session.delete().await;
    waggle.until("processes", 0).await;
    eventually("all are gone", async || launcher.processes().is_empty()).await;
    assert!(!is_alive(outcome["pid"].as_i64().unwrap()));
    // It ended because stdin did: nothing was killed.
    assert_eq!(waggle.status().await["lastExit"], Value::Null);
    waggle.stop().await;
    launcher.stop().await;
}

#[tokio::test]
async fn a_grandchild_that_holds_the_pipes_delays_nothing() {
    for (wrapper, in_group) in [(&["sleep", "1000"][..], true), (&["setsid", "sleep", "1000"][..], false)] {
        let pod = Pod::new();
        let (waggle, launcher) = both(&pod, &[]).await;
        let session = Session::open(&waggle).await;
        let pids = session.script(json!([{ "spawn": wrapper }])).await["pids"].clone();
        let grandchild = pids[0].as_i64().unwrap();
        let answer = session.ask(&script(1, json!([{ "exit": 9 }]))).await;
        assert_eq!(answer["error"]["data"]["exitCode"], 9);
        session.script(json!([])).await;
        if in_group {
            eventually("it was ended with its group", async || !is_alive(grandchild)).await;
        }
        waggle.stop().await;
        // Not even one that has left its group survives the launcher.
        launcher.stop().await;
    }
}

#[tokio::test]
async fn without_a_launcher_the_proxy_waits_and_says_so() {
    let pod = Pod::new();
    let waggle = Options::launched(&pod).proxy(&["--handshake-timeout", "3s"]).start().await;
    let readiness = Request::new("GET", "/readyz").send(waggle.admin).await;
    assert_eq!((readiness.status, readiness.text().await.as_str()), (503, "waiting for the launcher"));
    assert_eq!(waggle.status().await["launcher"], json!({ "connected": false, "version": null }));
    let body = initialize("2025-11-25", json!({})).to_string();
    let response = Request::post("/mcp", body).send(waggle.address).await;
    assert_eq!(response.status, 503);
    assert!(response.header("retry-after").is_some());
    let body = response.json().await;
    assert!(body["error"]["message"].as_str().unwrap().contains("waits for its launcher"), "{body}");
    // It is there for as long as it takes, and serves then.
    let launcher = Launching::new(&pod).start();
    eventually("ready", async || waggle.is_ready().await).await;
    Session::open(&waggle).await.script(json!([])).await;
    waggle.stop().await;
    launcher.stop().await;
}

#[tokio::test]
async fn the_launcher_waits_for_its_proxy() {
    let pod = Pod::new();
    let launcher = Launching::new(&pod).start();
    launcher.said("waiting for the proxy").await;
    let waggle = Options::launched(&pod).start().await;
    let session = Session::open(&waggle).await;
    session.ask(&message(1, "tools/list", json!({}))).await;
    waggle.stop().await;
    launcher.stop().await;
}
