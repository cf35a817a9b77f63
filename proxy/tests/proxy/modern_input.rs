//! A server that knows only `initialize` asks a client of 2026-07-28: the call waits while the client fetches answers.

use serde_json::{Value, json};

use crate::support::{Modern, Options, Waggle, answering, call, filled, form, retry, script};

pub(crate) async fn asked(client: &Modern, request: &Value) -> Value {
    let asked = client.result(request).await;
    assert_eq!(asked["resultType"], "input_required", "{asked}");
    asked
}

/// The questions, by their text, in order.
fn questions(asked: &Value) -> Vec<&str> {
    let requests = asked["inputRequests"].as_object().unwrap().values();
    requests.map(|request| request["params"]["message"].as_str().unwrap()).collect()
}

/// The outcome of a script.
pub(crate) fn outcome(result: &Value) -> &Value {
    assert_eq!(result["resultType"], "complete", "{result}");
    &result["structuredContent"]
}

/// The error of a request whose state does not fit.
pub(crate) async fn stale(client: &Modern, request: &Value) {
    let response = client.post(request).await;
    assert_eq!(response.status, 200);
    let answer = response.json().await;
    assert_eq!((&answer["error"]["code"], &answer["id"]), (&json!(-32602), &request["id"]), "{answer}");
}

/// Exactly as many processes as the test has use for.
pub(crate) async fn start(options: &[&str]) -> Waggle {
    Options::default().proxy(&["--warm-processes", "0"]).proxy(options).start().await
}

#[tokio::test]
async fn a_question_is_answered_in_the_same_call() {
    let waggle = start(&[]).await;
    let client = Modern::with_forms(&waggle);
    let request = script("first", json!([{ "progress": 1 }, form("who are you?"), { "progress": 2 }]));
    let messages = client.post(&request).await.messages().await;
    assert_eq!((messages.len(), &messages[0]["params"]["progress"]), (2, &json!(1)));
    let asked = &messages[1]["result"];
    assert_eq!((questions(asked), &messages[1]["id"]), (vec!["who are you?"], &json!("first")));
    assert_eq!(waggle.status().await["callsAwaitingInput"], 1);

    // Another token on the retry.
    let mut again = retry(2, &request, asked, answering(asked, &filled("bee")));
    again["params"]["_meta"]["progressToken"] = json!("later");
    let messages = client.post(&again).await.messages().await;
    assert_eq!(messages[0]["params"], json!({ "progressToken": "later", "progress": 2 }));
    assert_eq!(messages[1]["id"], 2);
    let outcome = outcome(&messages[1]["result"]);
    assert_eq!(outcome["answers"][0]["result"], filled("bee"));
    assert_eq!(outcome["count"], 1, "the server has been called once");
    assert_eq!(waggle.status().await["callsAwaitingInput"], 0);
    waggle.stop().await;
}

#[tokio::test]
async fn what_the_client_can_do_is_what_the_server_is_told() {
    let waggle = start(&[]).await;
    let able = json!({ "sampling": {}, "roots": {} });
    let client = Modern::new(&waggle).able(able.clone());
    let steps = json!([{ "ask_all": [
        { "ask": "sampling/createMessage", "params": { "messages": [], "maxTokens": 5 } },
        { "ask": "roots/list", "params": {} },
    ] }, form("is refused")]);
    let request = script(1, steps);
    let first = asked(&client, &request).await;
    let methods: Vec<_> =
        first["inputRequests"].as_object().unwrap().values().map(|r| r["method"].clone()).collect();
    assert_eq!(methods, ["sampling/createMessage", "roots/list"]);
    let result = client.result(&retry(2, &request, &first, answering(&first, &json!({ "roots": [] })))).await;
    assert_eq!(outcome(&result)["answers"][2]["error"]["code"], -32601);
    let history = client.result(&call(3, "history", json!({}))).await;
    let hello = history["received"].as_array().unwrap()[0].as_str().unwrap();
    let hello: Value = serde_json::from_str(hello).unwrap();
    assert_eq!((&hello["method"], &hello["params"]["capabilities"]), (&json!("initialize"), &able));
    waggle.stop().await;
}

#[tokio::test]
async fn parallel_questions_are_one_round_and_a_missing_answer_is_asked_for_again() {
    let waggle = start(&[]).await;
    let client = Modern::with_forms(&waggle);
    let request = script(1, json!([{ "ask_all": [form("one"), form("two")] }]));
    let first = asked(&client, &request).await;
    assert_eq!(questions(&first), ["one", "two"]);
    let mut answers = answering(&first, &filled("1"));
    let keys: Vec<_> = answers.as_object().unwrap().keys().cloned().collect();
    answers.as_object_mut().unwrap().remove(&keys[1]);
    answers["nobody asked"] = json!({ "action": "accept" });
    let second = asked(&client, &retry(2, &request, &first, answers)).await;
    assert_eq!(questions(&second), ["two"]);
    assert_ne!(second["requestState"], first["requestState"]);
    let result = client.result(&retry(3, &request, &second, answering(&second, &filled("2")))).await;
    let answers = &outcome(&result)["answers"];
    assert_eq!((&answers[0]["result"], &answers[1]["result"]), (&filled("1"), &filled("2")));
    waggle.stop().await;
}

#[tokio::test]
async fn a_late_question_is_for_the_next_round() {
    let waggle = Options::default().gated().start().await;
    let client = Modern::with_forms(&waggle);
    let request = script(1, json!([{ "ask_all": [form("early"), { "pipe": true }, form("late")] }]));
    let first = asked(&client, &request).await;
    assert_eq!(questions(&first), ["early"]);
    waggle.open_gate();
    let second = asked(&client, &retry(2, &request, &first, answering(&first, &filled("e")))).await;
    assert_eq!(questions(&second), ["late"]);
    let declined = json!({ "action": "decline" });
    let result = client.result(&retry(3, &request, &second, answering(&second, &declined))).await;
    let answers = &outcome(&result)["answers"];
    assert_eq!((&answers[0]["result"], &answers[1]["result"]), (&filled("e"), &declined));
    waggle.stop().await;
}

#[tokio::test]
async fn many_users_at_once_answer_only_their_own_questions() {
    let waggle = start(&[]).await;
    let users: Vec<_> = (0..16).map(|n| Modern::with_forms(&waggle).named(&format!("user-{n}"))).collect();
    let request = script(1, json!([form("who?")]));
    let mut open = Vec::new();
    for user in &users {
        open.push(asked(user, &request).await);
    }
    assert_eq!(waggle.status().await["callsAwaitingInput"], 16);
    for (n, user) in users.iter().enumerate() {
        let others = &open[(n + 1) % open.len()];
        stale(user, &retry(2, &request, others, answering(others, &filled("thief")))).await;
    }
    stale(&Modern::with_forms(&waggle), &retry(2, &request, &open[0], json!({}))).await;
    let mut pids = std::collections::HashSet::new();
    for (n, (user, asked)) in users.iter().zip(&open).enumerate() {
        let name = format!("user {n}");
        let result = user.result(&retry(3, &request, asked, answering(asked, &filled(&name)))).await;
        let outcome = outcome(&result);
        assert_eq!(outcome["answers"], json!([{ "jsonrpc": "2.0", "id": "q0", "result": filled(&name) }]));
        assert!(pids.insert(outcome["pid"].as_i64()));
    }
    waggle.stop().await;
}

#[tokio::test]
async fn a_state_fits_one_request_once() {
    let waggle = start(&[]).await;
    let client = Modern::with_forms(&waggle);
    let request = script(1, json!([form("once")]));
    let first = asked(&client, &request).await;
    let good = retry(2, &request, &first, answering(&first, &filled("x")));
    let state = first["requestState"].as_str().unwrap();
    for position in [0, 20, state.len() / 2, state.len() - 2] {
        let mut tampered = good.clone();
        let other = if &state[position..=position] == "A" { "B" } else { "A" };
        let text = format!("{}{other}{}", &state[..position], &state[position + 1..]);
        tampered["params"]["requestState"] = json!(text);
        stale(&client, &tampered).await;
    }
    let mut other = good.clone();
    other["params"]["arguments"]["steps"] = json!([form("another")]);
    stale(&client, &other).await;
    // The same client with other abilities is not asked the same.
    stale(&client.clone().able(json!({})), &good).await;
    outcome(&client.result(&good).await);
    stale(&client, &good).await;
    waggle.stop().await;
}

#[tokio::test]
async fn malformed_answers_leave_the_call_as_it_was() {
    let waggle = start(&[]).await;
    let client = Modern::with_forms(&waggle);
    let request = script(1, json!([form("shape")]));
    let first = asked(&client, &request).await;
    for bad in [answering(&first, &json!("text")), answering(&first, &json!([]))] {
        stale(&client, &retry(2, &request, &first, bad)).await;
    }
    let good = retry(3, &request, &first, answering(&first, &filled("good")));
    assert_eq!(outcome(&client.result(&good).await)["answers"][0]["result"], filled("good"));
    waggle.stop().await;
}
