//! Proxy and launcher in two containers that share a folder: each in mount and pid namespaces of its own.

use rustix::process::Signal;
use serde_json::json;

use crate::support::{Launching, Options, Pod, Session, eventually, is_root, script, zombies};

/// Runs what follows as the first process of a container.
const CONTAINER: [&str; 6] = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"];

/// The id that a process has in its own container; `None` if it has ended.
fn inner_pid(pid: i32) -> Option<i64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let ids = status.lines().find(|line| line.starts_with("NSpid:"))?;
    ids.split_whitespace().last()?.parse().ok()
}

#[tokio::test]
async fn two_containers_that_share_a_folder() {
    if !is_root("namespaces of its own") {
        return;
    }
    let pod = Pod::new();
    let waggle = Options::launched(&pod).within(&CONTAINER).start().await;
    let launcher = Launching::within(&pod, &CONTAINER).start();
    let session = Session::open(&waggle).await;
    let outcome = session.script(json!([{ "spawn": ["setsid", "sleep", "1000"] }])).await;
    // Ids are those of the server's container, whose first process is the launcher.
    assert_eq!(inner_pid(launcher.pid()), Some(1));
    let pid = outcome["pid"].as_i64().unwrap();
    assert!(launcher.processes().iter().any(|(outer, _)| inner_pid(*outer) == Some(pid)), "{outcome}");

    // Orphans become the launcher's children, and it waits for them.
    for _ in 0..5 {
        session.script(json!([{ "spawn": ["sh", "-c", "sleep 0.05 & exit 0"] }])).await;
    }
    eventually("no zombie is left", async || {
        let sleeping = launcher.processes().iter().filter(|(_, command)| command.contains("0.05")).count();
        sleeping + zombies(launcher.pid()) == 0
    })
    .await;

    let answer = session.ask(&script(1, json!([{ "stderr": "out of memory" }, { "exit": 3 }]))).await;
    assert_eq!(
        answer["error"]["data"],
        json!({ "exitCode": 3, "signal": null, "stderr": ["out of memory"] })
    );
    session.script(json!([])).await;

    // With its first process the whole container ends; the session lives on in the next one.
    let mut streaming =
        session.post(&script("a", json!([{ "progress": 1 }, { "hold": "never" }]))).await.events();
    streaming.message().await;
    launcher.kill().await;
    let error = streaming.message().await["error"].clone();
    assert_eq!(error["message"], "the MCP server was lost with its launcher");
    let launcher = Launching::within(&pod, &CONTAINER).start();
    session.script(json!([])).await;

    // The sidecar is killed, and comes back.
    waggle.signal(Signal::KILL);
    waggle.ended().await;
    let waggle = Options::launched(&pod).within(&CONTAINER).start().await;
    Session::open(&waggle).await.script(json!([])).await;
    waggle.stop().await;
    launcher.stop().await;
}
