//! Handshake, errors, batches, and the end of a session.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::time::{Instant, timeout};

use crate::client::{Client, FOREVER};

#[tokio::test(start_paused = true)]
async fn every_revision_is_echoed_and_an_unknown_one_answered_with_the_newest() {
    for (requested, given) in [
        ("2024-11-05", "2024-11-05"),
        ("2025-03-26", "2025-03-26"),
        ("2025-06-18", "2025-06-18"),
        ("2025-11-25", "2025-11-25"),
        ("2099-01-01", "2025-11-25"),
    ] {
        let mut client = Client::start();
        let result = client.initialize(requested, json!({})).await;
        assert_eq!(result["protocolVersion"], given);
        assert_eq!(result["serverInfo"]["name"], "waggle-demo");
        assert_eq!(result["capabilities"]["resources"]["subscribe"], true);
        assert_eq!(client.close().await, [] as [Value; 0]);
    }
}

#[tokio::test(start_paused = true)]
async fn before_the_handshake_only_ping_is_answered() {
    let mut client = Client::start();
    assert_eq!(client.result("ping", json!({})).await, json!({}));
    assert_eq!(client.error_code("tools/list", json!({})).await, -32600);
    assert_eq!(client.error_code("initialize", json!({})).await, -32602);
    client.initialize("2025-11-25", json!({})).await;
    assert!(client.tool_names().await.contains(&"echo".to_owned()));
    assert_eq!(client.error_code("initialize", json!({ "protocolVersion": "2025-11-25" })).await, -32600);
}

#[tokio::test(start_paused = true)]
async fn what_is_wrong_gets_its_error_and_the_server_lives_on() {
    let mut client = Client::newest().await;
    client.send_line("").await;
    for (line, code) in [("junk", -32700), ("{\"jsonrpc\":", -32700), ("[]", -32600), ("7", -32600)] {
        client.send_line(line).await;
        let answer = client.receive().await.unwrap();
        assert_eq!((answer.get("id"), &answer["error"]["code"]), (None, &json!(code)), "{line}");
    }
    for (method, params, code) in [
        ("no/such", json!({}), -32601),
        ("tools/call", json!({ "name": "no-such" }), -32602),
        ("tools/call", json!({}), -32602),
        ("tools/call", json!([1]), -32602),
        ("tools/call", json!({ "name": "bonus" }), -32602),
        ("prompts/get", json!({ "name": "haiku" }), -32602),
        ("prompts/get", json!({ "name": "no-such" }), -32602),
        ("logging/setLevel", json!({ "level": "loud" }), -32602),
        ("completion/complete", json!({ "ref": { "type": "ref/prompt", "name": "x" } }), -32602),
        ("resources/read", json!({ "uri": "demo://nowhere" }), -32002),
        ("resources/read", json!({ "uri": "demo://greeting/" }), -32002),
        ("resources/subscribe", json!({ "uri": "demo://nowhere" }), -32002),
    ] {
        assert_eq!(client.error_code(method, params.clone()).await, code, "{method} {params}");
    }
    // Neither a stray answer nor an unknown notification is worth a word.
    client.send(json!({ "jsonrpc": "2.0", "id": 99, "result": {} })).await;
    client.send(json!({ "jsonrpc": "2.0", "method": "notifications/unheard" })).await;
    assert_eq!(client.result("ping", Value::Null).await, json!({}));
}

#[tokio::test(start_paused = true)]
async fn batches_exist_in_2025_03_26_only() {
    let batch = json!([
        { "jsonrpc": "2.0", "id": "a", "method": "tools/call", "params": { "name": "slow" } },
        { "jsonrpc": "2.0", "method": "notifications/unheard" },
        { "jsonrpc": "2.0", "id": "b", "method": "ping" },
    ]);
    let mut client = Client::connected("2025-03-26", json!({})).await;
    client.send(batch.clone()).await;
    let answers = client.receive().await.unwrap();
    let ids: Vec<_> = answers.as_array().unwrap().iter().map(|answer| answer["id"].clone()).collect();
    assert_eq!(ids, ["b", "a"]);

    let mut client = Client::newest().await;
    client.send(batch).await;
    assert_eq!(client.receive().await.unwrap()["error"]["code"], -32600);
}

#[tokio::test(start_paused = true)]
async fn at_the_end_of_input_quick_calls_are_answered_and_slow_ones_dropped() {
    let mut client = Client::connected("2025-11-25", json!({})).await;
    client.result("resources/subscribe", json!({ "uri": "demo://clock" })).await;
    let start = Instant::now();
    client.start_request("tools/call", json!({ "name": "slow" })).await;
    let mut echoes = Vec::new();
    for _ in 0..3 {
        let arguments = json!({ "message": "m".repeat(1000) });
        echoes.push(
            client.start_request("tools/call", json!({ "name": "echo", "arguments": arguments })).await,
        );
    }
    let answered: Vec<_> = client.close().await.iter().map(|answer| answer["id"].as_u64().unwrap()).collect();
    assert_eq!(answered, echoes);
    assert!(start.elapsed() < Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_reads_nothing_is_left() {
    let mut client = Client::newest().await;
    client
        .start_request("tools/call", json!({ "name": "echo", "arguments": { "message": "m".repeat(1000) } }))
        .await;
    client.input = None;
    timeout(Duration::from_secs(10), client.server.join_next()).await.unwrap().unwrap().unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_client_that_closes_its_reading_end_ends_the_server() {
    let Client { input, output, mut server, .. } = Client::newest().await;
    drop(output);
    let mut input = input.unwrap();
    input.write_all(b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}\n").await.unwrap();
    timeout(FOREVER, server.join_next()).await.unwrap().unwrap().unwrap().unwrap();
}
