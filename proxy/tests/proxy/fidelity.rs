//! Bytes cross the proxy as they are, in both directions.

use serde_json::{Value, json};

use crate::support::{Options, Session, call, script};

/// Whatever a parser and a printer would change.
const ODD: &str = "{\"z\":1,\"a\":[9007199254740993,1.0,1e3,-0,1E+2,0.10],\"esc\":\"\\u0041\\/\\u200d\\ud83d\\ude00\",\
    \"raw\":\"\u{2028}\u{2029}\u{200d}\u{a0}\u{feff}\u{85}👩‍👩‍👧\",\"z\":2, \"ws\" :\t[ ] ,\"\":null,\
    \"long\":123456789012345678901234567890.123456789012345678901234567890}";

fn contains(haystack: &[u8], needle: &str) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle.as_bytes())
}

fn odd_call(id: &str) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"echo","arguments":{ODD}}}}}"#
    )
}

#[tokio::test]
async fn odd_json_crosses_unchanged_in_both_modes_and_both_forms() {
    for options in [Options::default(), Options::default().shared()] {
        let waggle = options.start().await;
        let session = Session::open(&waggle).await;
        for accept in ["application/json, text/event-stream", "text/event-stream"] {
            let body =
                session.posting(odd_call("1")).header("Accept", accept).send(session.to).await.body().await;
            assert!(contains(&body, ODD), "{accept}: {}", String::from_utf8_lossy(&body));
        }
        // As the server saw it, too.
        let answer = session.ask(&call(1, "history", json!({}))).await;
        let lines = answer["result"]["received"].as_array().unwrap();
        let seen =
            lines.iter().filter(|line| line.as_str().unwrap().contains(&format!("\"arguments\":{ODD}")));
        assert_eq!(seen.count(), 2);
        waggle.stop().await;
    }
}

#[tokio::test]
async fn ids_come_back_in_their_exact_type() {
    for options in [Options::default(), Options::default().shared()] {
        let waggle = options.start().await;
        let session = Session::open(&waggle).await;
        for id in [
            "0",
            "-1",
            "1",
            r#""1""#,
            "9007199254740993",
            "123456789012345678901234567890",
            r#""""#,
            r#""\u0061\"\\""#,
            "1.5",
        ] {
            let body = session.posting(odd_call(id)).send(session.to).await.text().await;
            assert!(body.contains(&format!(r#""id":{id}"#)), "{id}: {body}");
            let unknown = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"no/such"}}"#);
            let body = session.posting(unknown).send(session.to).await.text().await;
            assert!(body.contains(&format!(r#""id":{id}"#)) && body.contains("-32601"), "{id}: {body}");
        }
        waggle.stop().await;
    }
}

#[tokio::test]
async fn a_body_over_many_lines_reaches_the_server_as_one() {
    let waggle = Options::default().start().await;
    let session = Session::open(&waggle).await;
    let pretty = serde_json::to_string_pretty(&call(1, "echo", json!({ "a": [1, 2], "b": "x\ny" }))).unwrap();
    for body in
        [pretty.clone(), pretty.replace('\n', "\r\n"), pretty.replace('\n', "\r"), format!("\r\n{pretty}\n")]
    {
        let answer = session.posting(body).send(session.to).await.message().await;
        assert_eq!(answer["result"]["echo"], json!({ "a": [1, 2], "b": "x\ny" }));
    }
    // The fake server parses each line by itself; here is what it saw.
    let answer = session.ask(&call(1, "history", json!({}))).await;
    let lines = answer["result"]["received"].as_array().unwrap();
    let calls: Vec<_> =
        lines.iter().map(|line| line.as_str().unwrap()).filter(|line| line.contains("echo")).collect();
    assert_eq!(calls.len(), 4);
    assert!(calls.iter().all(|line| !line.contains(['\r', '\n'])));
    waggle.stop().await;
}

#[tokio::test]
async fn carriage_returns_of_the_server_do_not_break_events() {
    let waggle = Options::default().start().await;
    let session = Session::open(&waggle).await;
    let forged =
        "{\"jsonrpc\":\"2.0\",\r\"method\":\"notifications/of-some-vendor\",\r\"params\":{\"n\":1}}\r\n";
    let events = session.post(&script(1, json!([{ "raw": forged }]))).await.events();
    let messages = events.rest().await;
    assert_eq!((messages.len(), &messages[0]["params"]["n"]), (2, &json!(1)));
    waggle.stop().await;
}

#[tokio::test]
async fn the_same_id_twice_in_flight_gets_both_answers() {
    for options in [Options::default(), Options::default().shared()] {
        let waggle = options.start().await;
        let session = Session::open(&waggle).await;
        let mut first = session
            .post(&script(1, json!([{ "progress": 1 }, { "hold": "a" }, { "bytes": 1 }])))
            .await
            .events();
        let mut second = session
            .post(&script(1, json!([{ "progress": 2 }, { "hold": "b" }, { "bytes": 2 }])))
            .await
            .events();
        assert_eq!(first.message().await["params"]["progress"], 1);
        assert_eq!(second.message().await["params"]["progress"], 2);
        // The newer one is answered first.
        session.script(json!([{ "open": "b" }])).await;
        let text = |answer: &Value| answer["result"]["structuredContent"]["text"].as_str().unwrap().len();
        let answer = second.message().await;
        assert_eq!((&answer["id"], text(&answer)), (&json!(1), 2));
        session.script(json!([{ "open": "a" }])).await;
        let answer = first.message().await;
        assert_eq!((&answer["id"], text(&answer)), (&json!(1), 1));
        waggle.stop().await;
    }
}

#[tokio::test]
async fn large_messages_cross_whole() {
    let waggle = Options::default().proxy(&["--max-body", "32MiB", "--stdin-queue", "32MiB"]).start().await;
    let session = Session::open(&waggle).await;
    let text = "0123456789abcdef".repeat(1 << 20);
    let answer = session.ask(&call(1, "echo", json!({ "text": text }))).await;
    assert!(answer["result"]["echo"]["text"] == text);
    let outcome = session.script(json!([{ "bytes": 48 << 20 }])).await;
    assert_eq!(outcome["text"].as_str().unwrap().len(), 48 << 20);
    waggle.stop().await;
}
