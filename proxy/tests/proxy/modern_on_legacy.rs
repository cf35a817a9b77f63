//! Clients of 2026-07-28 in front of a server that knows only `initialize`: plain calls.

use serde_json::{Value, json};

use crate::support::{Connection, MODERN, Modern, Options, call, message, script};

fn both() -> [Options; 2] {
    [Options::default(), Options::default().shared()]
}

fn methods(history: &[Value], method: &str) -> usize {
    history.iter().filter(|message| message["method"] == method).count()
}

#[tokio::test]
async fn results_are_completed() {
    for options in both() {
        let waggle = options.start().await;
        let client = Modern::new(&waggle);
        let listed = client.result(&message(1, "tools/list", json!({}))).await;
        let read = client.result(&message(2, "resources/read", json!({ "uri": "x:here" }))).await;
        let called = client.result(&call(3, "echo", json!({ "here": true }))).await;
        for (result, cacheable) in [(&listed, true), (&read, true), (&called, false)] {
            assert_eq!(result["resultType"], "complete", "{result}");
            assert_eq!(result["_meta"]["io.modelcontextprotocol/serverInfo"]["name"], "fake");
            assert_eq!((result["ttlMs"] == 0, result["cacheScope"] == "private"), (cacheable, cacheable));
        }
        assert_eq!(listed["tools"][0]["name"], "script");
        assert_eq!(read["contents"][0]["text"], "x:here");
        assert_eq!(called["echo"], json!({ "here": true }));
        waggle.stop().await;
    }
}

#[tokio::test]
async fn the_server_is_discovered() {
    for options in both() {
        let waggle = options.start().await;
        let result = Modern::new(&waggle).result(&message("d", "server/discover", json!({}))).await;
        assert_eq!(result["supportedVersions"], json!([MODERN]));
        assert_eq!(result["capabilities"]["resources"]["subscribe"], true);
        assert_eq!((&result["resultType"], &result["ttlMs"]), (&json!("complete"), &json!(0)));
        assert_eq!(result["cacheScope"], "private");
        assert_eq!(result["_meta"]["io.modelcontextprotocol/serverInfo"]["name"], "fake");
        waggle.stop().await;
    }
}

#[tokio::test]
async fn the_server_sees_one_handshake_for_all() {
    for options in both() {
        let waggle = options.start().await;
        let client = Modern::new(&waggle);
        for id in 0..5 {
            client.result(&call(id, "echo", json!({ "id": id }))).await;
        }
        let history = client.history().await;
        assert_eq!(methods(&history, "initialize"), 1);
        assert_eq!(methods(&history, "notifications/initialized"), 1);
        let hello = history.iter().find(|message| message["method"] == "initialize").unwrap();
        assert_eq!(hello["params"]["capabilities"], json!({}));
        // One that knew both eras would be misled.
        assert!(!history.iter().any(|message| message["method"] == "tools/call"
            && message.to_string().contains("io.modelcontextprotocol/")));
        waggle.stop().await;
    }
}

#[tokio::test]
async fn equal_ids_and_tokens_of_many_callers_are_kept_apart() {
    for options in both() {
        let waggle = options.start().await;
        let client = Modern::new(&waggle);
        let steps =
            |n: u64| json!([{ "progress": n }, { "hold": "all" }, { "progress": n + 1 }, { "bytes": n }]);
        let mut streams = Vec::new();
        for n in [10, 20, 30, 40] {
            let mut stream = client.post(&script(1, steps(n))).await.events();
            assert_eq!(stream.message().await["params"]["progress"], n);
            streams.push((stream, n));
        }
        client.script(json!([{ "open": "all" }])).await;
        for (mut stream, n) in streams {
            assert_eq!(stream.message().await["params"], json!({ "progressToken": 1, "progress": n + 1 }));
            let answer = stream.message().await;
            let text = answer["result"]["structuredContent"]["text"].as_str().unwrap();
            assert_eq!((&answer["id"], text.len() as u64), (&json!(1), n));
            assert_eq!(stream.try_message().await, None);
            // This revision resumes nothing.
            assert!(!stream.raw().contains("id:") || stream.raw().matches("\nid:").count() == 0);
            assert_eq!(stream.retry(), None);
        }
        waggle.stop().await;
    }
}

#[tokio::test]
async fn a_client_that_goes_away_cancels() {
    for options in both() {
        let waggle = options.start().await;
        let client = Modern::new(&waggle);
        let steps = |name: &str| json!([{ "open": format!("{name} begun") }, { "hold_cancelled": true }, { "open": name }]);
        // One that reads a stream, and one that waits for its answer.
        let mut steps_with_stream = steps("stream gone");
        steps_with_stream.as_array_mut().unwrap().insert(0, json!({ "progress": 1 }));
        let mut stream = client.post(&script("a", steps_with_stream)).await.events();
        stream.message().await;
        let silent = script("b", steps("silent gone"));
        let mut waiting = Connection::open(client.to).await;
        let request = client.posting(&silent);
        waiting.write(request.head() + &client.dressed(&silent).to_string()).await;
        client.script(json!([{ "hold": "silent gone begun" }])).await;
        drop((stream, waiting));
        client.script(json!([{ "hold": "stream gone" }, { "hold": "silent gone" }])).await;
        assert_eq!(methods(&client.history().await, "notifications/cancelled"), 2);
        waggle.until("requestsInFlight", 0).await;
        waggle.stop().await;
    }
}

#[tokio::test]
async fn logs_come_only_when_asked_for() {
    for options in both() {
        let waggle = options.start().await;
        let client = Modern::new(&waggle);
        let log = |level: &str| json!({ "notify": "notifications/message", "params": { "level": level, "data": level } });
        let mut request = script(1, json!([log("debug"), log("warning"), log("error")]));
        client.result(&request).await;
        request["params"]["_meta"]["io.modelcontextprotocol/logLevel"] = json!("warning");
        let messages = client.post(&request).await.messages().await;
        let levels: Vec<_> = messages.iter().map(|message| message["params"]["level"].clone()).collect();
        assert_eq!(levels, [json!("warning"), json!("error"), Value::Null]);
        assert_eq!(messages[2]["id"], 1);
        waggle.stop().await;
    }
}

#[tokio::test]
async fn a_call_that_needs_what_its_client_cannot_do_says_so() {
    for options in both() {
        let waggle = options.start().await;
        let client = Modern::new(&waggle);
        let question = json!({ "ask": "sampling/createMessage", "params": { "secret": "s" } });
        let outcome = client.script(json!([question])).await;
        assert_eq!(outcome["answers"][0]["error"]["code"], -32601);
        let failing = script("f", json!([question, { "fail": { "code": -1, "message": "nobody answers" } }]));
        let response = client.post(&failing).await;
        assert_eq!(response.status, 400);
        let answer = response.json().await;
        assert_eq!((&answer["id"], &answer["error"]["code"]), (&json!("f"), &json!(-32021)));
        assert_eq!(answer["error"]["data"]["requiredCapabilities"], json!({ "sampling": {} }));
        waggle.stop().await;
    }
}

#[tokio::test]
async fn who_waits_is_told_of_the_servers_death_and_the_next_call_is_served() {
    for options in both() {
        let waggle = options.start().await;
        let client = Modern::new(&waggle);
        let first = client.script(json!([])).await;
        let error = client.ask(&script("dies", json!([{ "exit": 4 }]))).await["error"].clone();
        assert_eq!(error["data"]["exitCode"], 4);
        assert_ne!(client.script(json!([])).await["pid"], first["pid"]);
        waggle.stop().await;
    }
}

#[tokio::test]
async fn users_have_processes_of_their_own() {
    let waggle = Options::default().start().await;
    let (a, b) = (Modern::new(&waggle).named("a"), Modern::new(&waggle).named("b"));
    let pid = a.script(json!([])).await["pid"].clone();
    assert_eq!(a.script(json!([])).await["pid"], pid);
    assert_ne!(b.script(json!([])).await["pid"], pid);
    // Whoever they are, the server is not told.
    let history = a.history().await;
    assert!(!history.iter().any(|message| message.to_string().contains("Bearer")), "{history:?}");
    waggle.stop().await;
}
