//! SIGTERM to the launcher while requests come: each is answered, or refused as what was not begun.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use rustix::process::Signal;
use serde_json::json;
use tokio::task::JoinSet;

use crate::support::{Launching, Options, Pod, Request, Session, call, eventually, initialize, within};

#[tokio::test]
async fn a_request_that_waits_for_the_handshake_is_waited_for() {
    let pod = Pod::new();
    let waggle = Options::launched(&pod).start().await;
    let gate = pod.file("gate");
    let slow = ["sh", "-c", "until [ -e \"$GATE\" ]; do sleep 0.01; done; exec \"$0\" \"$@\""];
    let launcher = Launching::new(&pod).env("GATE", &gate).server(&slow, &[]).start();
    eventually("the server is being started", async || !launcher.processes().is_empty()).await;
    let body = initialize("2025-11-25", json!({})).to_string();
    let mut waiting = JoinSet::new();
    let mut post = || {
        let (request, to) = (Request::post("/mcp", body.clone()), waggle.address);
        waiting.spawn(async move { request.send(to).await.status });
        waiting.try_join_next().map(Result::unwrap)
    };
    assert_eq!(post(), None);
    let length = body.len() as f64;
    eventually("it is let in", async || waggle.metric("waggle_from_client_bytes_total").await >= length)
        .await;
    launcher.signal(Signal::TERM);
    launcher.said("shutting down").await;
    // From then on nothing is begun, and those who wait have no place but the proxy, for as long as it takes.
    let mut refused = 0;
    eventually("nothing new is begun", || {
        let ended = post();
        assert!(matches!(ended, None | Some(503)), "{ended:?}");
        refused += usize::from(ended.is_some());
        std::future::ready(refused == 40)
    })
    .await;
    std::fs::write(&gate, "").unwrap();
    let statuses = within("all answers", waiting.join_all()).await;
    assert!(
        statuses.contains(&200) && statuses.iter().all(|status| matches!(status, 200 | 503)),
        "{statuses:?}"
    );
    assert_eq!(launcher.ended().await.0.code(), Some(0));
    waggle.stop().await;
}

#[tokio::test]
async fn under_load_no_request_is_cut_off() {
    const CLIENTS: usize = 16;
    for mode in ["session", "shared"] {
        let pod = Pod::new();
        let waggle = Options::launched(&pod).proxy(&["--process-mode", mode]).start().await;
        let mut launcher = Launching::new(&pod).start();
        let (over, answered, refused) =
            (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let mut clients = JoinSet::new();
        for client in 0..CLIENTS {
            let session = Session::open(&waggle).await;
            let (over, answered, refused) = (over.clone(), answered.clone(), refused.clone());
            clients.spawn(async move {
                for n in 0.. {
                    if over.load(Ordering::Relaxed) {
                        return;
                    }
                    let text = format!("{client}/{n}");
                    let response = session.post(&call(n, "echo", json!(text))).await;
                    let status = response.status;
                    if status == 503 {
                        refused.fetch_add(1, Ordering::Relaxed);
                        continue;
                    }
                    let answer = response.message().await;
                    assert_eq!((status, &answer["result"]["echo"]), (200, &json!(text)), "{answer}");
                    answered.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        for _ in 0..3 {
            let before = answered.load(Ordering::Relaxed);
            eventually("they are busy", async || answered.load(Ordering::Relaxed) > before + 4 * CLIENTS)
                .await;
            let before = refused.load(Ordering::Relaxed);
            launcher.stop().await;
            eventually("they are refused", async || refused.load(Ordering::Relaxed) > before + 4 * CLIENTS)
                .await;
            // The next container serves the same sessions.
            launcher = Launching::new(&pod).start();
        }
        let before = answered.load(Ordering::Relaxed);
        eventually("they are served", async || answered.load(Ordering::Relaxed) > before + CLIENTS).await;
        over.store(true, Ordering::Relaxed);
        while let Some(client) = within("a client's end", clients.join_next()).await {
            client.unwrap();
        }
        waggle.stop().await;
        launcher.stop().await;
    }
}
