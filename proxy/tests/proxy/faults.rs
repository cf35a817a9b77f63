//! Servers that misbehave without dying.

use serde_json::{Value, json};

use crate::support::{Options, Session, call, eventually, is_alive, script};

#[tokio::test]
async fn junk_on_stdout_is_counted_and_skipped() {
    let waggle = Options::default().start().await;
    let session = Session::open(&waggle).await;
    let before = waggle.metric("waggle_messages_dropped_total{reason=\"junk\"}").await;
    let steps = json!([
        { "progress": 1 },
        { "raw": "Server listening on stdio…\n" },
        { "raw": "{\"level\":\"info\",\"msg\":\"a log line\"}\n", "times": 1000 },
        { "raw": "\u{1b}[32mgreen\u{1b}[0m\r\n[1,2,3]\n\"text\"\nnull\n{\"jsonrpc\":\"2.0\"}\n" },
        { "raw": "\n\n  \n" },
        { "progress": 2 },
    ]);
    let messages = session.post(&script(1, steps)).await.events().rest().await;
    assert_eq!(messages.len(), 3);
    let junk = waggle.metric("waggle_messages_dropped_total{reason=\"junk\"}").await - before;
    assert!((1006.0..1010.0).contains(&junk), "{junk}");
    waggle.stop().await;
}

#[tokio::test]
async fn a_flood_of_junk_costs_no_memory_and_no_answer() {
    let waggle = Options::default().proxy(&["--max-line", "1MiB"]).start().await;
    let session = Session::open(&waggle).await;
    session.script(json!([])).await;
    let before = waggle.memory();
    // 64 MiB in lines, then 64 MiB in one line.
    let line = format!("{}\n", "x".repeat(65_535));
    session.script(json!([{ "raw": line, "times": 1024 }])).await;
    session.script(json!([{ "raw": line.trim_end(), "times": 1024 }, { "raw": "\n" }])).await;
    let grown = waggle.memory().saturating_sub(before);
    assert!(grown < 16 << 20, "{grown} bytes");
    assert_eq!(waggle.metric("waggle_limit_hits_total{limit=\"max_line\"}").await, 1.0);
    waggle.stop().await;
}

#[tokio::test]
async fn responses_that_nobody_waits_for_are_dropped() {
    let waggle = Options::default().start().await;
    let session = Session::open(&waggle).await;
    let steps = json!([
        { "raw": "{\"jsonrpc\":\"2.0\",\"id\":999999,\"result\":{}}\n" },
        { "raw": "{\"jsonrpc\":\"2.0\",\"id\":\"x\",\"result\":{}}\n{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{}}\n" },
        { "raw": "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\",\"params\":{\"progressToken\":5}}\n" },
        { "raw": "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":{\"requestId\":5}}\n" },
    ]);
    session.script(steps).await;
    for (reason, count) in
        [("unknown_response", 3.0), ("unknown_progress", 1.0), ("unknown_cancellation", 1.0)]
    {
        assert_eq!(
            waggle.metric(&format!("waggle_messages_dropped_total{{reason=\"{reason}\"}}")).await,
            count,
            "{reason}"
        );
    }
    waggle.stop().await;
}

#[tokio::test]
async fn a_flood_on_stderr_costs_no_answer() {
    let waggle = Options::default().start().await;
    let session = Session::open(&waggle).await;
    // More than any pipe holds: the server would block if nobody read it.
    session.script(json!([{ "stderr": "x".repeat(1000), "times": 20_000 }])).await;
    session.script(json!([{ "stderr": "y".repeat(3 << 20) }])).await;
    let logged = waggle.log().iter().filter(|line| line.contains("xxxx")).count();
    assert!(logged < 5_000, "{logged} lines logged");
    let answer = session.ask(&script(1, json!([{ "stderr": "last words" }, { "exit": 1 }]))).await;
    let tail = answer["error"]["data"]["stderr"].as_array().unwrap().clone();
    assert_eq!(tail.last().unwrap(), "last words");
    assert!(answer.to_string().len() < 100_000);
    waggle.stop().await;
}

#[tokio::test]
async fn half_a_line_waits_for_its_other_half_or_for_the_time_limit() {
    let waggle = Options::default().proxy(&["--request-timeout", "3s"]).start().await;
    let session = Session::open(&waggle).await;
    let (first, second) = ("{\"jsonrpc\":\"2.0\",\"method\":\"vendor", "/x\",\"params\":{}}\n");
    let messages =
        session.post(&script(1, json!([{ "raw": first }, { "raw": second }]))).await.messages().await;
    assert_eq!(messages[0]["method"], "vendor/x");
    let answer = session.ask(&script(2, json!([{ "raw": first }, { "silent": true }]))).await;
    assert!(answer["error"]["message"].as_str().unwrap().contains("did not answer"), "{answer}");
    waggle.stop().await;
}

#[tokio::test]
async fn half_a_line_before_the_end_is_not_taken_for_a_message() {
    let waggle = Options::default().start().await;
    let session = Session::open(&waggle).await;
    let answer =
        session.ask(&script(1, json!([{ "raw": "{\"jsonrpc\":\"2.0\",\"id\":" }, { "exit": 5 }]))).await;
    assert_eq!(answer["error"]["data"]["exitCode"], 5);
    session.script(json!([])).await;
    waggle.stop().await;
}

#[tokio::test]
async fn last_words_on_stdout_are_heard() {
    let waggle = Options::default().start().await;
    let session = Session::open(&waggle).await;
    let mut stream = session.listen().await;
    let log = json!({ "level": "error", "data": "I go" });
    let steps = json!([{ "notify": "notifications/message", "params": log, "times": 100 }, { "exit": 5 }]);
    let messages = session.post(&script(1, steps)).await.messages().await;
    assert_eq!(messages.len(), 101);
    assert_eq!(messages[100]["error"]["data"]["exitCode"], 5);
    drop(stream.next());
    waggle.stop().await;
}

#[tokio::test]
async fn a_grandchild_that_holds_the_pipes_delays_nothing() {
    for (wrapper, in_group) in [(&["sleep", "1000"][..], true), (&["setsid", "sleep", "1000"][..], false)] {
        let waggle = Options::default().start().await;
        let session = Session::open(&waggle).await;
        let pids = session.script(json!([{ "spawn": wrapper }])).await["pids"].clone();
        let grandchild = pids[0].as_i64().unwrap();
        assert!(is_alive(grandchild));
        let answer = session.ask(&script(1, json!([{ "exit": 9 }]))).await;
        assert_eq!(answer["error"]["data"]["exitCode"], 9);
        session.script(json!([])).await;
        if in_group {
            eventually("it was ended with its group", async || !is_alive(grandchild)).await;
        }
        // Even one that has left its group neither delays the end nor survives it.
        waggle.stop().await;
    }
}

#[tokio::test]
async fn the_end_of_a_session_ends_the_whole_group() {
    let waggle = Options::default()
        .proxy(&["--warm-processes", "0"])
        .wrapper(&["sh", "-c", "sleep 1000 & exec \"$0\" \"$@\""])
        .start()
        .await;
    let session = Session::open(&waggle).await;
    let outcome = session.script(json!([{ "spawn": ["sleep", "1000"] }])).await;
    session.delete().await;
    waggle.until("processes", 0).await;
    eventually("all are gone", async || waggle.processes().is_empty()).await;
    assert!(!is_alive(outcome["pid"].as_i64().unwrap()));
    waggle.stop().await;
}

#[tokio::test]
async fn orphans_are_reaped() {
    let waggle = Options::default().start().await;
    let session = Session::open(&waggle).await;
    // A grandchild whose parent is gone, and which then ends itself.
    let steps = json!([{ "spawn": ["sh", "-c", "sleep 0.05 & exit 0"], "times": 1 }]);
    for _ in 0..5 {
        session.script(steps.clone()).await;
    }
    eventually("no zombie is left", async || waggle.zombies() == 0).await;
    waggle.stop().await;
}

#[tokio::test]
async fn a_deaf_server_gives_503_and_takes_no_memory() {
    let options =
        ["--max-body", "1MiB", "--stdin-queue", "1MiB", "--queue-timeout", "100ms", "--keep-alive", "1s"];
    let waggle = Options::default().proxy(&options).start().await;
    let session = Session::open(&waggle).await;
    // The line after that is the last that it reads.
    session.script(json!([{ "deaf": true }])).await;
    session.script(json!([])).await;
    let before = waggle.memory();
    let large = call("large", "echo", json!("x".repeat(900_000))).to_string();
    let mut refused = 0;
    let mut held = Vec::new();
    // What fits the queue waits; the rest is refused, in time.
    for _ in 0..10 {
        let response = session.posting(large.clone()).send(session.to).await;
        match response.status {
            503 => {
                refused += 1;
                assert!(response.header("retry-after").is_some());
                let body = response.json().await;
                assert!(
                    body["id"] == "large"
                        && body["error"]["message"].as_str().unwrap().contains("does not read")
                );
            }
            200 => held.push(response.events()),
            other => panic!("{other}"),
        }
    }
    assert!(refused >= 7, "{refused}");
    assert!(waggle.memory().saturating_sub(before) < 16 << 20);
    assert!(waggle.metric("waggle_limit_hits_total{limit=\"stdin_queue\"}").await >= f64::from(refused));
    // Others are served, and the end of the session ends it all.
    let other = Session::open(&waggle).await;
    other.script(json!([])).await;
    session.delete().await;
    for stream in held {
        assert!(stream.rest().await.iter().all(|message: &Value| message["error"].is_object()));
    }
    waggle.stop().await;
}
