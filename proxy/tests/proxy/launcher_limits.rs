//! Many processes, and what the proxy may give them.

use rustix::process::{Resource, Rlimit};
use serde_json::json;
use tokio::task::JoinSet;

use crate::support::{
    Launching, Options, Pod, Request, Session, call, descriptor_numbers, descriptors, eventually, initialize,
};

/// Processes at once.
const MANY: usize = 200;

#[tokio::test]
async fn many_processes_at_once_leave_no_descriptor_behind() {
    let pod = Pod::new();
    let limits = ["--max-processes", "250", "--warm-processes", "0"];
    let waggle = Options::launched(&pod).proxy(&limits).start().await;
    let launcher = Launching::new(&pod).start();
    // Whatever is opened once and kept is open now.
    let first = Session::open(&waggle).await;
    first.script(json!([])).await;
    first.delete().await;
    waggle.until("processes", 0).await;
    let open = || [waggle.pid(), launcher.pid()].map(|pid| descriptors(pid.into()).len());
    let before = open();

    let mut sessions = Vec::new();
    for _ in 0..MANY {
        sessions.push(Session::open(&waggle).await);
    }
    let mut calls: JoinSet<_> = sessions
        .iter()
        .cloned()
        .map(|session| async move { session.script(json!([{ "stderr": "here" }])).await["pid"].clone() })
        .collect();
    let mut pids = Vec::new();
    while let Some(pid) = calls.join_next().await {
        pids.push(pid.unwrap().as_i64().unwrap());
    }
    pids.sort_unstable();
    pids.dedup();
    assert_eq!(pids.len(), MANY);
    assert_eq!(launcher.processes().len(), MANY);
    assert!(open()[0] >= before[0] + 2 * MANY);
    for session in &sessions {
        session.delete().await;
    }
    waggle.until("processes", 0).await;
    assert!(launcher.processes().is_empty());
    eventually("all descriptors are closed", async || open()[0] <= before[0] && open()[1] <= before[1]).await;
    waggle.stop().await;
    launcher.stop().await;
}

#[tokio::test]
async fn a_start_without_room_for_its_descriptors_is_refused_and_others_go_on() {
    let pod = Pod::new();
    let waggle = Options::launched(&pod).proxy(&["--warm-processes", "0"]).start().await;
    let launcher = Launching::new(&pod).start();
    let (a, b) = (Session::open(&waggle).await, Session::open(&waggle).await);
    a.script(json!([])).await;
    waggle.until("processes", 1).await;
    let limit = |room| {
        let pid = rustix::process::Pid::from_raw(waggle.pid());
        let limit = Rlimit { current: Some(room), maximum: Some(4096) };
        rustix::process::prlimit(pid, Resource::Nofile, limit).unwrap();
    };
    // One for the connection of the request; those of earlier ones may be about to be closed.
    let open = descriptor_numbers(waggle.pid().into());
    limit((0..).find(|room| room - open.iter().filter(|number| *number < room).count() as u64 == 1).unwrap());
    let answer = b.ask(&call(1, "echo", json!({}))).await;
    let message = answer["error"]["message"].as_str().unwrap();
    assert!(message.contains("no room for more file descriptors"), "{answer}");
    limit(4096);
    b.script(json!([])).await;
    a.script(json!([])).await;
    eventually("the one without pipes is gone", async || launcher.processes().len() == 2).await;
    waggle.stop().await;
    launcher.stop().await;
}

#[tokio::test]
async fn only_allowed_variables_reach_a_server() {
    // Each process writes what it was given, in one line.
    let tell = ["sh", "-c", "printf '%s\\n' \"$KEY,$FROM_FILE\" >> \"$OUT\"; exec \"$0\" \"$@\""];
    let pod = Pod::new();
    let (file, out) = (pod.file("secret"), pod.file("out"));
    std::fs::write(&file, "sesame-2203\n").unwrap();
    let from_file = format!("FROM_FILE=@{}", file.display());
    let variables = ["--server-env", "KEY=sesame-1101", "--server-env", &from_file];
    for allowed in [true, false] {
        let waggle = Options::launched(&pod).proxy(&variables).start().await;
        let list = if allowed { "OTHER,KEY,FROM_FILE" } else { "OTHER,FROM_FILE" };
        let launching = Launching::new(&pod).options(&["--allow-env", list]).env("OUT", &out);
        let launcher = launching.server(&tell, &[]).start();
        if allowed {
            Session::open(&waggle).await.script(json!([])).await;
            assert!(std::fs::read_to_string(&out).unwrap().starts_with("sesame-1101,sesame-2203\n"));
        } else {
            let body = initialize("2025-11-25", json!({})).to_string();
            let response = Request::post("/mcp", body).send(waggle.address).await;
            assert_eq!(response.status, 503);
            let error = response.json().await["error"]["message"].as_str().unwrap().to_owned();
            assert!(error.contains("environment variable `KEY`; add it to --allow-env"), "{error}");
            eventually("it is in the status", async || waggle.status().await["lastExit"].is_object()).await;
            assert!(waggle.status().await["lastExit"]["reason"].as_str().unwrap().contains("`KEY`"));
        }
        let logs = [waggle.log(), launcher.log()].concat();
        assert!(logs.iter().all(|line| !line.contains("sesame")), "{logs:#?}");
        waggle.stop().await;
        launcher.stop().await;
    }
    // A local server is given the same.
    std::fs::remove_file(&out).unwrap();
    let export = format!("OUT={}", out.display());
    let waggle =
        Options::default().proxy(&variables).proxy(&["--server-env", &export]).wrapper(&tell).start().await;
    Session::open(&waggle).await.script(json!([])).await;
    assert!(std::fs::read_to_string(&out).unwrap().starts_with("sesame-1101,sesame-2203\n"));
    waggle.stop().await;
}
