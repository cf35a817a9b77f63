//! Each tool, and what calls may do: report progress, be cancelled, ask back.

use serde_json::{Value, json};
use tokio::time::Instant;

use crate::client::{Client, text};

#[tokio::test(start_paused = true)]
async fn wrong_arguments_are_a_tool_error_since_2025_11_25_and_a_protocol_error_before() {
    let wrong = json!({ "name": "slow", "arguments": { "seconds": 61 } });
    let mut client = Client::newest().await;
    let result = client.result("tools/call", wrong.clone()).await;
    assert_eq!(
        (&result["isError"], text(&result)),
        (&json!(true), "invalid arguments: seconds must be from 0 to 60")
    );
    let mut client = Client::connected("2025-06-18", json!({})).await;
    assert_eq!(client.error_code("tools/call", wrong).await, -32602);
}

#[tokio::test(start_paused = true)]
async fn plain_tools_answer() {
    let mut client = Client::newest().await;
    let message = "\u{1f41d}\u{200d} \"quoted\"\n\u{a0}\\ 9007199254740993";
    assert_eq!(text(&client.call("echo", json!({ "message": message })).await), message);
    assert_eq!(client.call("count", json!({})).await["structuredContent"], json!({ "count": 1 }));
    assert_eq!(client.call("count", json!({})).await["structuredContent"], json!({ "count": 2 }));

    let utc = client.call("time", json!({})).await["structuredContent"]["utc"].as_str().unwrap().to_owned();
    let shape: String = utc.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    assert_eq!(shape, "0000-00-00T00:00:00Z");

    let image = client.call("image", json!({})).await["content"][0].clone();
    assert_eq!((&image["type"], &image["mimeType"]), (&json!("image"), &json!("image/png")));
    assert!(image["data"].as_str().unwrap().starts_with("iVBORw0KGgo"), "the PNG signature");
}

#[tokio::test(start_paused = true)]
async fn a_slow_call_reports_progress_and_holds_up_nobody() {
    let mut client = Client::newest().await;
    let start = Instant::now();
    let arguments = json!({ "seconds": 9, "steps": 3 });
    let params = json!({ "name": "slow", "arguments": arguments, "_meta": { "progressToken": "t" } });
    let id = client.start_request("tools/call", params).await;
    for done in 0..3 {
        let progress = client.receive().await.unwrap();
        assert_eq!(progress["method"], "notifications/progress");
        let params = &progress["params"];
        assert_eq!((&params["progressToken"], &params["progress"]), (&json!("t"), &json!(done)));
        assert_eq!(start.elapsed().as_secs(), done * 3);
        assert_eq!(text(&client.call("echo", json!({ "message": "meanwhile" })).await), "meanwhile");
    }
    assert_eq!(client.receive().await.unwrap()["id"], id);
    // Without a token there is no progress: the answer is the next message.
    assert_eq!(text(&client.call("slow", arguments).await), "Done: 3 steps in 9 s.");
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_call_says_no_more_and_its_question_is_withdrawn() {
    let mut client = Client::connected("2025-11-25", json!({ "elicitation": {} })).await;
    let params = json!({ "name": "slow", "arguments": { "seconds": 60 }, "_meta": { "progressToken": 1 } });
    let slow = client.start_request("tools/call", params).await;
    assert_eq!(client.receive().await.unwrap()["params"]["progress"], 0);
    let ask = json!({ "name": "ask", "arguments": { "question": "?" } });
    let asking = client.start_request("tools/call", ask).await;
    let asked = client.receive().await.unwrap();
    for id in [slow, asking, 12345] {
        let params = json!({ "requestId": id });
        client.send(json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": params })).await;
    }
    let withdrawn = client.receive().await.unwrap();
    assert_eq!(withdrawn["method"], "notifications/cancelled");
    assert_eq!(withdrawn["params"]["requestId"], asked["id"]);
    // A minute later nothing of the first call has come: its answer would precede this one's.
    client.call("slow", json!({ "seconds": 60 })).await;
    assert_eq!(client.close().await, [] as [Value; 0]);
}

#[tokio::test(start_paused = true)]
async fn log_messages_respect_the_level() {
    let mut client = Client::newest().await;
    let quiet = client.call("log", json!({ "message": "m", "level": "debug" })).await;
    assert_eq!(text(&quiet), "Kept back: debug is below info.");
    client.result("logging/setLevel", json!({ "level": "warning" })).await;
    assert_eq!(
        text(&client.call("log", json!({ "message": "m" })).await),
        "Kept back: info is below warning."
    );

    let id = client
        .start_request(
            "tools/call",
            json!({ "name": "log", "arguments": { "message": "m", "level": "warning" } }),
        )
        .await;
    let logged = client.receive().await.unwrap();
    assert_eq!(logged["method"], "notifications/message");
    assert_eq!(logged["params"], json!({ "level": "warning", "logger": "demo", "data": "m" }));
    assert_eq!(client.receive().await.unwrap()["id"], id);
}

#[tokio::test(start_paused = true)]
async fn ask_takes_every_answer() {
    let mut client = Client::connected("2025-06-18", json!({ "elicitation": {} })).await;
    let filled = json!({ "answer": "blue", "mood": "calm", "sure": false });
    for (answer, is_error, said) in [
        (
            ("result", json!({ "action": "accept", "content": filled })),
            false,
            "You answered: blue (mood: calm) (not sure)",
        ),
        (("result", json!({ "action": "decline" })), false, "You declined to answer."),
        (("result", json!({ "action": "cancel" })), false, "You closed the question."),
        (("result", json!({ "action": "accept" })), true, "lacks the answer"),
        (("result", json!({})), true, "action must be"),
        (("error", json!({ "code": -1, "message": "no screen" })), true, "no screen (code -1)"),
    ] {
        let (asked, result) = client.call_and_answer("ask", json!({ "question": "Colour?" }), answer).await;
        assert_eq!(asked["method"], "elicitation/create");
        assert_eq!(asked["params"]["message"], "Colour?");
        assert_eq!(asked["params"]["requestedSchema"]["required"], json!(["answer"]));
        assert!(text(&result).contains(said), "{result}");
        assert_eq!(result["isError"] == true, is_error, "{result}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_unanswered_question_ends_by_itself() {
    let mut client = Client::connected("2025-06-18", json!({ "elicitation": {} })).await;
    let id =
        client.start_request("tools/call", json!({ "name": "ask", "arguments": { "question": "?" } })).await;
    let asked = client.receive().await.unwrap();
    assert_eq!(client.receive().await.unwrap()["params"]["requestId"], asked["id"]);
    let response = client.receive().await.unwrap();
    assert_eq!((&response["id"], &response["result"]["isError"]), (&json!(id), &json!(true)));
}

#[tokio::test(start_paused = true)]
async fn sample_and_roots_ask_the_client() {
    let mut client = Client::connected("2025-11-25", json!({ "sampling": {}, "roots": {} })).await;
    let message = json!({ "role": "assistant", "model": "m1", "content": { "type": "text", "text": "42" } });
    let (asked, result) =
        client.call_and_answer("sample", json!({ "prompt": "6x7?" }), ("result", message)).await;
    assert_eq!(asked["method"], "sampling/createMessage");
    assert_eq!(asked["params"]["messages"][0]["content"]["text"], "6x7?");
    assert_eq!(text(&result), "m1 says: 42");

    let roots = json!({ "roots": [{ "uri": "file:///a", "name": "A" }, { "uri": "file:///b" }] });
    let (asked, result) = client.call_and_answer("roots", json!({}), ("result", roots)).await;
    assert_eq!(asked["method"], "roots/list");
    assert_eq!(text(&result), "A: file:///a\nfile:///b");
}

#[tokio::test(start_paused = true)]
async fn without_the_capability_the_client_is_not_asked() {
    let mut client = Client::connected("2025-11-25", json!({ "elicitation": { "url": {} } })).await;
    for (tool, capability) in [("ask", "elicitation"), ("sample", "sampling"), ("roots", "roots")] {
        let result = client.call(tool, json!({ "question": "?", "prompt": "?" })).await;
        assert_eq!(result["isError"], true);
        assert!(text(&result).contains(&format!("{capability:?}")), "{result}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_list_of_tools_changes() {
    let mut client = Client::newest().await;
    for there in [true, false] {
        let id = client.start_request("tools/call", json!({ "name": "toggle" })).await;
        assert_eq!(client.receive().await.unwrap()["method"], "notifications/tools/list_changed");
        assert_eq!(client.receive().await.unwrap()["id"], id);
        assert_eq!(client.tool_names().await.contains(&"bonus".to_owned()), there);
    }
}

#[tokio::test(start_paused = true)]
async fn an_id_cannot_be_used_by_two_calls_at_once() {
    let mut client = Client::newest().await;
    let call = json!({ "jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": { "name": "slow" } });
    client.send(call.clone()).await;
    client.send(call).await;
    assert_eq!(client.receive().await.unwrap()["error"]["code"], -32600);
    assert_eq!(client.receive().await.unwrap()["result"]["content"][0]["type"], "text");
}

#[tokio::test(start_paused = true)]
async fn calls_beyond_the_limit_are_refused() {
    let mut client = Client::newest().await;
    let slow = json!({ "name": "slow", "arguments": { "seconds": 60, "steps": 1 } });
    for _ in 0..1024 {
        client.start_request("tools/call", slow.clone()).await;
    }
    assert_eq!(client.error_code("tools/call", slow).await, -32000);
    assert_eq!(client.result("ping", json!({})).await, json!({}));
}
