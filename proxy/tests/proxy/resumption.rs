//! Streams that break and go on by `Last-Event-ID`.

use serde_json::{Value, json};

use crate::support::{Connection, Event, Events, Options, Session, Waggle, script};

fn progress(event: &Event) -> Option<u64> {
    let message: Value = serde_json::from_slice(&event.data).ok()?;
    message["params"]["progress"].as_u64()
}

fn steps(from: u64, to: u64, gate: &str) -> Value {
    let mut steps: Vec<Value> = (from..=to).map(|number| json!({ "progress": number })).collect();
    steps.push(json!({ "hold": gate }));
    steps.push(json!({ "progress": to + 1 }));
    steps.into()
}

/// Reads a call's stream up to and including progress `last`.
async fn read_to(events: &mut Events, last: u64) -> Vec<u64> {
    let mut seen = Vec::new();
    while seen.last() != Some(&last) {
        seen.extend(progress(&events.next().await.expect("an event")));
    }
    seen
}

async fn post(session: &Session, steps: Value) -> Events {
    post_as(session, "call", steps).await
}

async fn post_as(session: &Session, id: &str, steps: Value) -> Events {
    session.post(&script(id, steps)).await.events()
}

async fn start(options: &[&str]) -> (Waggle, Session) {
    let waggle = Options::default().proxy(options).start().await;
    let session = Session::open(&waggle).await;
    (waggle, session)
}

#[tokio::test]
async fn a_call_goes_on_where_it_broke_and_each_event_comes_once() {
    for revision in ["2025-03-26", "2025-06-18", "2025-11-25"] {
        let waggle = Options::default().start().await;
        let session = Session::with(&waggle, revision, json!({})).await;
        let mut stream = post(&session, steps(1, 5, "gate")).await;
        let mut seen = read_to(&mut stream, 3).await;
        // The client has perhaps got more than it has understood: cut in the middle of an event.
        let last = stream.last_id();
        drop(stream);
        let mut stream = session.resume(&last).await.events();
        seen.extend(read_to(&mut stream, 5).await);
        let last = stream.last_id();
        drop(stream);
        // What comes while nobody listens is kept.
        session.script(json!([{ "open": "gate" }])).await;
        waggle.until("requestsInFlight", 0).await;
        let mut stream = session.resume(&last).await.events();
        seen.extend(read_to(&mut stream, 6).await);
        assert_eq!(seen, [1, 2, 3, 4, 5, 6], "{revision}");
        assert_eq!(stream.message().await["id"], "call");
        assert!(stream.next().await.is_none() && !stream.is_cut_off());
        waggle.stop().await;
    }
}

#[tokio::test]
async fn a_primed_stream_resumes_from_its_start() {
    let (waggle, session) = start(&[]).await;
    let mut stream = post(&session, json!([{ "progress": 1 }, { "hold": "gate" }])).await;
    let priming = stream.next().await.unwrap();
    assert!(priming.data.is_empty());
    drop(stream);
    let mut stream = session.resume(&priming.id.unwrap()).await.events();
    assert_eq!(read_to(&mut stream, 1).await, [1]);
    session.script(json!([{ "open": "gate" }])).await;
    assert_eq!(stream.message().await["id"], "call");
    waggle.stop().await;
}

#[tokio::test]
async fn an_event_that_was_cut_in_its_middle_comes_again_whole() {
    let (waggle, session) = start(&["--replay-bytes", "16MiB", "--stream-queue", "16MiB"]).await;
    // More than the sockets hold: the proxy is still writing it when the client goes.
    let steps = json!([{ "progress": 1 }, { "log": 8 << 20 }, { "progress": 2 }]);
    let body = script("call", steps).to_string();
    let mut connection = Connection::narrow(session.to).await;
    connection.write(session.posting(body.clone()).head() + &body).await;
    let mut stream = connection.response(false).await.events();
    assert_eq!(read_to(&mut stream, 1).await, [1]);
    stream.until("xxxxxxxx").await;
    let last = stream.last_id();
    drop(stream);
    let messages = session.resume(&last).await.events().rest().await;
    assert_eq!(messages.len(), 3);
    assert_eq!(messages[0]["params"]["data"].as_str().unwrap().len(), 8 << 20);
    assert_eq!((&messages[1]["params"]["progress"], &messages[2]["id"]), (&json!(2), &json!("call")));
    waggle.stop().await;
}

#[tokio::test]
async fn the_standalone_stream_goes_on_where_it_broke() {
    let (waggle, session) = start(&[]).await;
    let notify = async |number: u64| {
        let steps =
            json!([{ "notify": "notifications/tools/list_changed", "params": { "progress": number } }]);
        session.script(steps).await;
    };
    let mut stream = session.listen().await;
    for number in 1..=4 {
        notify(number).await;
    }
    let mut seen = read_to(&mut stream, 2).await;
    let last = stream.last_id();
    drop(stream);
    notify(5).await;
    let mut stream = session.resume(&last).await.events();
    seen.extend(read_to(&mut stream, 5).await);
    notify(6).await;
    seen.extend(read_to(&mut stream, 6).await);
    assert_eq!(seen, [1, 2, 3, 4, 5, 6]);
    waggle.stop().await;
}

#[tokio::test]
async fn streams_are_not_mixed_up() {
    let (waggle, session) = start(&[]).await;
    let mut a = post_as(&session, "a", steps(10, 12, "a")).await;
    let mut b = post_as(&session, "b", steps(20, 22, "b")).await;
    read_to(&mut a, 10).await;
    read_to(&mut b, 20).await;
    let (at_a, at_b) = (a.last_id(), b.last_id());
    assert_ne!(at_a, at_b);
    drop((a, b));
    let mut b = session.resume(&at_b).await.events();
    let mut a = session.resume(&at_a).await.events();
    assert_eq!(read_to(&mut a, 12).await, [11, 12]);
    assert_eq!(read_to(&mut b, 22).await, [21, 22]);
    session.script(json!([{ "open": "a" }, { "open": "b" }])).await;
    assert_eq!(read_to(&mut b, 23).await, [23]);
    assert_eq!(read_to(&mut a, 13).await, [13]);
    // Another session cannot have them.
    let stranger = Session::open(&waggle).await;
    assert_eq!(stranger.resume(&at_a).await.status, 400);
    waggle.stop().await;
}

#[tokio::test]
async fn ids_that_name_nothing() {
    let (waggle, session) = start(&[]).await;
    // Of a call: there is no answer to be had there.
    for id in ["7-1", "1-0"] {
        let response = session.resume(id).await;
        assert_eq!(response.status, 400, "{id}");
        assert!(response.json().await["error"]["message"].is_string());
    }
    // Of the standalone stream, or nobody's: what there is.
    for id in ["0-99", "nonsense", "0-", "-"] {
        let mut stream = session.resume(id).await.events();
        stream.until(": ").await;
        let steps = json!([{ "notify": "notifications/tools/list_changed", "params": { "progress": 1 } }]);
        session.script(steps).await;
        assert_eq!(read_to(&mut stream, 1).await, [1], "{id}");
    }
    // A finished call: its end can be read again, also by who has it all.
    let mut stream = post(&session, json!([{ "progress": 1 }])).await;
    read_to(&mut stream, 1).await;
    let before = stream.last_id();
    assert_eq!(stream.message().await["id"], "call");
    let after = stream.last_id();
    assert!(stream.next().await.is_none());
    assert_eq!(session.resume(&before).await.events().rest().await.len(), 1);
    assert_eq!(session.resume(&after).await.events().rest().await.len(), 0);
    waggle.stop().await;
}

/// A call whose stream has been read up to progress `last`, and then broke; and the id before which so many
/// events lie.
async fn broken(session: &Session, last: u64) -> impl Fn(u64) -> String {
    let mut all = steps(1, last - 1, "first");
    all.as_array_mut().unwrap().extend([json!({ "hold": "second" }), json!({ "progress": last + 1 })]);
    let mut stream = post(session, all).await;
    read_to(&mut stream, last - 1).await;
    // The ring is trimmed when something comes.
    session.script(json!([{ "open": "first" }])).await;
    read_to(&mut stream, last).await;
    let id = stream.last_id();
    let (stream, sequence) = id.split_once('-').unwrap();
    let (stream, sequence) = (stream.to_owned(), sequence.parse::<u64>().unwrap());
    move |back| format!("{stream}-{}", sequence - back)
}

#[tokio::test]
async fn the_ring_is_bounded_in_events() {
    let (waggle, session) = start(&["--replay-events", "3"]).await;
    let at = broken(&session, 10).await;
    let mut stream = session.resume(&at(3)).await.events();
    assert_eq!(read_to(&mut stream, 10).await, [8, 9, 10]);
    drop(stream);
    // Who comes too late gets no part of the past, but the answer, which is kept whatever the limits.
    session.script(json!([{ "open": "second" }])).await;
    waggle.until("requestsInFlight", 0).await;
    let mut stream = session.resume(&at(4)).await.events();
    assert_eq!(read_to(&mut stream, 11).await, [11]);
    assert_eq!(stream.message().await["id"], "call");
    assert_eq!(stream.try_message().await, None);
    // After that there is nothing to wait for.
    assert_eq!(session.resume(&at(4)).await.status, 400);
    waggle.stop().await;
}

#[tokio::test]
async fn the_ring_is_bounded_in_bytes_and_can_be_none() {
    for (bytes, kept) in [("0", 0), ("1KiB", 2)] {
        let (waggle, session) = start(&["--replay-bytes", bytes]).await;
        let at = broken(&session, 100).await;
        let mut stream = session.resume(&at(kept)).await.events();
        session.script(json!([{ "open": "second" }])).await;
        assert_eq!(read_to(&mut stream, 101).await.len() as u64, kept + 1);
        assert_eq!(stream.message().await["id"], "call");
        assert_eq!(stream.try_message().await, None);
        assert_eq!(session.resume(&at(50)).await.status, 400);
        waggle.stop().await;
    }
}

#[tokio::test]
async fn the_ring_is_bounded_in_time() {
    let (waggle, session) = start(&["--replay-age", "5s", "--session-idle", "1m"]).await;
    let mut stream = post(&session, json!([{ "progress": 1 }])).await;
    let first = stream.next().await.unwrap().id.unwrap();
    while stream.next().await.is_some() {}
    assert_eq!(session.resume(&first).await.status, 200);
    crate::support::eventually("it is forgotten", async || session.resume(&first).await.status == 400).await;
    waggle.stop().await;
}
