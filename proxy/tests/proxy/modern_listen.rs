//! `subscriptions/listen` of clients of 2026-07-28, whatever the server speaks.

use rustix::process::{Pid, Signal};
use serde_json::{Value, json};

use crate::support::{Modern, Options, eventually, message, subscription};

const TOOLS: &str = "notifications/tools/list_changed";
const UPDATED: &str = "notifications/resources/updated";

/// Every pairing, and the step that makes the server tell a change.
fn pairings() -> [(Options, &'static str); 3] {
    [
        (Options::default(), "notify"),
        (Options::default().shared(), "notify"),
        (Options::default().modern(), "change"),
    ]
}

fn change(step: &str, method: &str, params: Value) -> Value {
    json!({ step: method, "params": params })
}

#[tokio::test]
async fn what_can_be_told_is_acknowledged() {
    for (options, _) in pairings() {
        let waggle = options.start().await;
        let client = Modern::new(&waggle);
        let filter = json!({ "toolsListChanged": true, "promptsListChanged": true,
            "resourceSubscriptions": ["x:one"] });
        let (_first, granted) = client.listen(1, filter.clone()).await;
        assert_eq!(granted, json!({ "toolsListChanged": true, "resourceSubscriptions": ["x:one"] }));
        // The same id is another client's affair.
        let (_second, granted) = client.listen(1, json!({})).await;
        assert_eq!(granted, json!({}));
        let bad = client.post(&message(2, "subscriptions/listen", json!({ "notifications": [] }))).await;
        assert_eq!((bad.status, &bad.json().await["error"]["code"]), (400, &json!(-32602)));
        waggle.stop().await;
    }
}

#[tokio::test]
async fn each_change_goes_to_who_asked_for_it_under_their_own_id() {
    for (options, step) in pairings() {
        let waggle = options.start().await;
        let client = Modern::new(&waggle);
        let (mut a, _) = client.listen("7", json!({ "toolsListChanged": true })).await;
        let (mut b, _) = client.listen(7, json!({ "resourceSubscriptions": ["x:b", "x:both"] })).await;
        let both = json!({ "toolsListChanged": true, "resourceSubscriptions": ["x:both"] });
        let (mut c, _) = client.listen(7, both).await;
        client
            .script(json!([
                change(step, UPDATED, json!({ "uri": "x:nobody" })),
                change(step, UPDATED, json!({ "uri": "x:b" })),
                change(step, "notifications/resources/list_changed", Value::Null),
                change(step, TOOLS, Value::Null),
                change(step, UPDATED, json!({ "uri": "x:both" })),
            ]))
            .await;
        for (stream, id, expected) in [
            (&mut a, json!("7"), vec![TOOLS]),
            (&mut b, json!(7), vec!["x:b", "x:both"]),
            (&mut c, json!(7), vec![TOOLS, "x:both"]),
        ] {
            for expected in expected {
                let told = stream.message().await;
                assert_eq!(subscription(&told["params"]), &id, "{told}");
                let what = told["params"]["uri"].as_str().or(told["method"].as_str());
                assert_eq!(what, Some(expected));
            }
        }
        waggle.stop().await;
    }
}

#[tokio::test]
async fn who_leaves_is_forgotten() {
    for (options, step) in pairings() {
        let waggle = options.start().await;
        let client = Modern::new(&waggle);
        let filter = json!({ "resourceSubscriptions": ["x:left"] });
        let (a, _) = client.listen(1, filter.clone()).await;
        let (mut b, _) = client.listen(2, filter).await;
        drop(a);
        client.script(json!([change(step, UPDATED, json!({ "uri": "x:left" }))])).await;
        assert_eq!(b.message().await["params"]["uri"], "x:left");
        drop(b);
        let expected =
            if step == "notify" { ("resources/unsubscribe", 1) } else { ("notifications/cancelled", 2) };
        eventually("the server is told", async || {
            let history = client.history().await;
            history.iter().filter(|message| message["method"] == expected.0).count() == expected.1
        })
        .await;
        waggle.stop().await;
    }
}

#[tokio::test]
async fn subscriptions_outlive_the_process() {
    for (options, step) in pairings() {
        let waggle = options.start().await;
        let client = Modern::new(&waggle);
        let filter = json!({ "toolsListChanged": true, "resourceSubscriptions": ["x:lives"] });
        let (mut stream, _) = client.listen("lives", filter).await;
        let pid = client.script(json!([])).await["pid"].as_i64().unwrap();
        rustix::process::kill_process(Pid::from_raw(pid as i32).unwrap(), Signal::KILL).unwrap();
        // Whatever has changed meanwhile is not known: the list is to be read anew.
        let told = stream.message().await;
        assert_eq!((&told["method"], subscription(&told["params"])), (&json!(TOOLS), &json!("lives")));
        // The new process has been asked for the same before it is asked anything else.
        let outcome = client.script(json!([change(step, UPDATED, json!({ "uri": "x:lives" }))])).await;
        assert_ne!(outcome["pid"], pid);
        let told = stream.message().await;
        assert_eq!((&told["method"], &told["params"]["uri"]), (&json!(UPDATED), &json!("x:lives")));
        assert_eq!(subscription(&told["params"]), "lives");
        waggle.stop().await;
    }
}

#[tokio::test]
async fn the_end_of_the_program_is_the_end_of_a_subscription() {
    for (options, _) in pairings() {
        let waggle = options.start().await;
        let client = Modern::new(&waggle);
        let (mut stream, _) = client.listen(5, json!({ "toolsListChanged": true })).await;
        waggle.signal(Signal::TERM);
        let last = stream.message().await;
        assert_eq!((&last["id"], &last["result"]["resultType"]), (&json!(5), &json!("complete")));
        assert_eq!(subscription(&last["result"]), 5);
        assert_eq!(stream.try_message().await, None);
        assert!(!stream.is_cut_off());
        assert_eq!(waggle.ended().await.code(), Some(0));
    }
}

#[tokio::test]
async fn a_silent_subscription_shows_signs_of_life() {
    let waggle = Options::default().proxy(&["--keep-alive", "1s"]).start().await;
    let client = Modern::new(&waggle);
    let (mut stream, _) = client.listen(1, json!({})).await;
    assert_eq!(stream.header("x-accel-buffering"), Some("no"));
    stream.until("\n:").await;
    waggle.stop().await;
}
