//! Resources, subscriptions, prompts, completion.

use serde_json::{Value, json};
use tokio::time::Instant;

use crate::client::Client;

#[tokio::test(start_paused = true)]
async fn resources_are_listed_and_read() {
    let mut client = Client::newest().await;
    assert_eq!(client.result("resources/list", json!({})).await["resources"][0]["uri"], "demo://welcome");
    let templates = client.result("resources/templates/list", json!({})).await;
    assert_eq!(templates["resourceTemplates"][0]["uriTemplate"], "demo://greeting/{name}");
    for (uri, part) in [
        ("demo://welcome", "Waggle"),
        ("demo://greeting/Ada%20L", "Hello, Ada L!"),
        ("demo://clock", "(tick 0)"),
    ] {
        let content = client.result("resources/read", json!({ "uri": uri })).await["contents"][0].clone();
        assert_eq!(content["uri"], uri);
        assert!(content["text"].as_str().unwrap().contains(part), "{content}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_clock_ticks_while_it_is_watched() {
    let mut client = Client::newest().await;
    let clock = json!({ "uri": "demo://clock" });
    let start = Instant::now();
    client.result("resources/subscribe", clock.clone()).await;
    client.result("resources/subscribe", clock.clone()).await;
    for tick in 1..=3 {
        let update = client.receive().await.unwrap();
        assert_eq!(update["method"], "notifications/resources/updated");
        assert_eq!(update["params"], clock);
        assert_eq!(start.elapsed().as_secs(), 2 * tick);
    }
    client.result("resources/unsubscribe", clock.clone()).await;
    // A minute passes without a tick: the answer is the next message.
    client.call("slow", json!({ "seconds": 60 })).await;
    let read = client.result("resources/read", clock.clone()).await;
    assert!(read["contents"][0]["text"].as_str().unwrap().ends_with("(tick 3)"), "{read}");
    client.result("resources/subscribe", clock).await;
    assert_eq!(client.close().await, [] as [Value; 0]);
}

#[tokio::test(start_paused = true)]
async fn prompts_and_completion() {
    let mut client = Client::newest().await;
    assert_eq!(client.result("prompts/list", json!({})).await["prompts"][0]["name"], "haiku");
    let haiku =
        client.result("prompts/get", json!({ "name": "haiku", "arguments": { "topic": "bees" } })).await;
    assert!(haiku["messages"][0]["content"]["text"].as_str().unwrap().contains("haiku about bees"));

    let prompt = |name: &str| json!({ "type": "ref/prompt", "name": name });
    let template = json!({ "type": "ref/resource", "uri": "demo://greeting/{name}" });
    for (reference, argument, typed, values) in [
        (prompt("greet"), "language", "g", json!(["German", "Greek"])),
        (template, "name", "A", json!(["Ada", "Alan"])),
        (prompt("haiku"), "topic", "b", json!([])),
    ] {
        let params = json!({ "ref": reference, "argument": { "name": argument, "value": typed } });
        let completion = client.result("completion/complete", params).await["completion"].clone();
        assert_eq!(completion["values"], values);
        assert_eq!(completion["total"], values.as_array().unwrap().len());
    }
}
