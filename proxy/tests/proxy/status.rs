//! What `/status` knows of the server that nobody has asked for.

use serde_json::{Value, json};

use crate::support::{Modern, Options, Reply, Scripted, Session, call, eventually, nobody, script};

/// Counts again once the server has told; on whatever it is told.
const CHANGED: &str = "notifications/tools/list_changed";

#[tokio::test]
async fn tools_are_counted_before_any_client_comes() {
    let kinds: [(&[&str], &str, Value); 4] = [
        (&[], "2025-11-25", json!(3)),
        (&["--paged"], "2025-11-25", json!(3)),
        (&["--no-tools"], "2025-11-25", json!(0)),
        (&["--modern", "--paged"], "2026-07-28", json!(3)),
    ];
    for (server, revision, tools) in kinds {
        for mode in ["session", "shared"] {
            let waggle = Options::default().server(server).proxy(&["--process-mode", mode]).start().await;
            waggle.shows("/tools", tools.clone()).await;
            let status = waggle.status().await;
            assert_eq!(status["protocolVersions"], json!([revision]), "{server:?}");
            assert_eq!((&status["sessions"], &status["requestsInFlight"]), (&json!(0), &json!(0)));
            assert!(waggle.is_ready().await);
            // The process that was asked is not kept for that: there is the spare one, or the shared one.
            waggle.until("processes", 1).await;
            waggle.stop().await;
        }
    }
}

#[tokio::test]
async fn a_server_that_does_not_list_its_tools_serves_all_the_same() {
    let options = Options::default().server(&["--mute-tools"]).proxy(&["--handshake-timeout", "3s"]);
    let waggle = options.start().await;
    eventually("ready", async || waggle.is_ready().await).await;
    let session = Session::open(&waggle).await;
    session.ask(&call(1, "echo", json!({}))).await;
    assert_eq!(waggle.status().await["tools"], Value::Null);
    waggle.until("requestsInFlight", 0).await;
    session.delete().await;
    waggle.stop().await;
    // Nobody waits for it at the end.
    for options in [Options::default(), Options::default().shared(), Options::default().modern()] {
        let waggle = options.server(&["--mute-tools"]).proxy(&["--grace", "1h"]).start().await;
        waggle.until("requestsInFlight", 1).await;
        waggle.stop().await;
    }
}

/// Every session's own process, one process for all, and one that is told of by subscription.
#[tokio::test]
async fn tools_are_counted_again_when_they_change() {
    for (options, step) in [
        (Options::default(), "notify"),
        (Options::default().shared(), "notify"),
        (Options::default().modern(), "change"),
    ] {
        let waggle = options.start().await;
        waggle.shows("/tools", 3).await;
        let session = Session::open(&waggle).await;
        for more in [4, 2] {
            session.script(json!([{ "tools": more }, { step: CHANGED }])).await;
            waggle.shows("/tools", 3 + more).await;
        }
        waggle.until("requestsInFlight", 0).await;
        session.delete().await;
        waggle.stop().await;
    }
}

/// What the server logs for the only client at work is still known to be for it.
#[tokio::test]
async fn counting_is_not_taken_for_a_client_at_work() {
    let waggle = Options::default().shared().start().await;
    waggle.shows("/tools", 3).await;
    let session = Session::open(&waggle).await;
    for number in 0..3 {
        let tools = 10 + number;
        let steps = json!([{ "tools": tools }, { "notify": CHANGED }, { "log": 3, "times": 20 }]);
        let messages = session.post(&script(number, steps)).await.messages().await;
        let logged = messages.iter().filter(|message| message["method"] == "notifications/message");
        assert_eq!(logged.count(), 20, "{messages:#?}");
        waggle.shows("/tools", 3 + tools).await;
    }
    waggle.stop().await;
}

#[tokio::test]
async fn a_server_behind_a_url_is_counted_too() {
    for (back, step) in [(Options::default(), "notify"), (Options::default().modern(), "change")] {
        for (path, era) in [("/mcp", "auto"), ("/mcp", "legacy"), ("/sse", "auto")] {
            let back = back.clone().shared().server(&["--paged"]).start().await;
            let url = format!("http://{}{path}", back.address);
            let front = Options::upstream(&url).proxy(&["--upstream-era", era]).start().await;
            front.shows("/tools", 3).await;
            let session = Session::open(&front).await;
            let stream = session.listen().await;
            session.script(json!([{ "tools": 4 }, { step: CHANGED }])).await;
            front.shows("/tools", 7).await;
            drop(stream);
            session.delete().await;
            front.stop().await;
            back.stop().await;
        }
    }
}

#[tokio::test]
async fn a_listing_without_an_end_is_given_up() {
    let endless = Scripted::start(|request| match request.message["method"].as_str() {
        Some("server/discover") => Reply::Result(json!({
            "supportedVersions": ["2026-07-28", "2025-11-25"], "capabilities": { "tools": {} }, "ttlMs": 0,
            "cacheScope": "private", "resultType": "complete",
        })),
        _ => Reply::Result(json!({
            "tools": [{ "name": "again", "inputSchema": {} }], "nextCursor": "again", "resultType": "complete",
        })),
    })
    .await;
    let waggle = Options::upstream(&endless.url()).start().await;
    let pages =
        || endless.received().iter().filter(|request| request.message["method"] == "tools/list").count();
    eventually("it is cut off", async || pages() >= 100).await;
    waggle.until("requestsInFlight", 0).await;
    let status = waggle.status().await;
    assert_eq!(status["tools"], Value::Null);
    assert_eq!(status["protocolVersions"], json!(["2026-07-28", "2025-11-25"]));
    assert_eq!(pages(), 100);
    waggle.stop().await;
}

/// A new version of the program is noticed at the next handshake of any session.
#[tokio::test]
async fn another_version_of_the_server_is_noticed() {
    let file =
        std::path::PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("version-{}", std::process::id()));
    std::fs::write(&file, "1.0").unwrap();
    let options = Options::default().proxy(&["--warm-processes", "0"]);
    let waggle = options.server(&["--version-of", file.to_str().unwrap()]).start().await;
    waggle.shows("/serverInfo/version", "1.0").await;
    std::fs::write(&file, "2.0").unwrap();
    let session = Session::open(&waggle).await;
    session.ask(&call(1, "echo", json!({}))).await;
    waggle.shows("/serverInfo/version", "2.0").await;
    waggle.shows("/tools", 3).await;
    waggle.until("processes", 1).await;
    std::fs::remove_file(file).unwrap();
    session.delete().await;
    waggle.stop().await;
}

#[tokio::test]
async fn a_server_behind_a_url_that_comes_up_later_makes_the_proxy_ready() {
    for modern in [true, false] {
        let address = nobody();
        let front = Options::upstream(&format!("http://{address}/mcp")).start().await;
        let client = Modern::new(&front);
        let early = client.post(&call(1, "echo", json!({}))).await;
        assert_eq!((early.status, front.is_ready().await), (502, false));
        assert_eq!(front.status().await["tools"], Value::Null);
        let back = Options::at(address);
        let back = if modern { back.modern() } else { back }.start().await;
        eventually("ready", async || front.is_ready().await).await;
        front.shows("/tools", 3).await;
        assert_eq!(client.result(&call(1, "echo", json!({ "m": modern }))).await["echo"]["m"], modern);
        front.stop().await;
        back.stop().await;
    }
}

/// Each session has a process of its own, and none is there: who would notice that no further one can start?
#[tokio::test]
async fn a_server_that_can_start_no_more_is_not_ready_until_it_can_again() {
    let file =
        std::path::PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("broken-{}", std::process::id()));
    let program = format!("test -e {} && exit 7; exec \"$0\" \"$@\"", file.display());
    let options = Options::default().proxy(&["--warm-processes", "0"]).wrapper(&["sh", "-c", &program]);
    let waggle = options.start().await;
    eventually("ready", async || waggle.is_ready().await).await;
    let early = Session::open(&waggle).await;
    early.ask(&call(1, "echo", json!({}))).await;
    std::fs::write(&file, "").unwrap();
    let session = Session::open(&waggle).await;
    let lost = session.post(&call(1, "echo", json!({}))).await.message().await;
    assert_eq!(lost["error"]["data"]["exitCode"], 7, "{lost}");
    eventually("not ready", async || !waggle.is_ready().await).await;
    // What runs goes on.
    early.ask(&call(2, "echo", json!({}))).await;
    std::fs::remove_file(&file).unwrap();
    eventually("ready again", async || waggle.is_ready().await).await;
    session.ask(&call(2, "echo", json!({}))).await;
    waggle.stop().await;
}

#[tokio::test]
async fn why_a_server_elsewhere_cannot_be_used_is_told_before_any_client_comes() {
    let nobody = nobody();
    let strict =
        Scripted::start(|_| Reply::Raw("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n".into()))
            .await;
    for (url, part) in [
        (format!("http://{nobody}/mcp"), "cannot be reached: Connection refused"),
        ("http://nowhere.invalid/mcp".to_owned(), "cannot be reached: failed to lookup address"),
        (strict.url(), "refuses the proxy's credentials (401 Unauthorized)"),
    ] {
        let waggle = Options::upstream(&url).start().await;
        let told =
            async || waggle.status().await["lastExit"]["reason"].as_str().is_some_and(|r| r.contains(part));
        eventually(part, told).await;
        assert!(!waggle.is_ready().await);
        waggle.stop().await;
    }
}
