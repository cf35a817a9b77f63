//! Requests that the driver of a multiplexer sends of its own accord, among those of clients.

#![expect(clippy::unwrap_used, reason = "a test ends where it fails")]

use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use waggle_protocol::{
    error::RpcError,
    jsonrpc,
    mux::{Effect, LegacyMux, MuxLimits, Overloaded, Sharing},
    time::Timestamp,
};

type Mux = LegacyMux<&'static str, &'static str>;

const LIMITS: MuxLimits = MuxLimits { in_flight: 3, request_timeout: Duration::from_secs(60) };

fn now() -> Timestamp {
    Timestamp::new(Duration::from_secs(1))
}

fn effects(mux: &mut Mux) -> Vec<Effect<&'static str, &'static str>> {
    std::iter::from_fn(|| mux.poll_effect()).collect()
}

fn hear(mux: &mut Mux, message: Value) -> Vec<Effect<&'static str, &'static str>> {
    mux.server_message(&message.to_string().into(), None, now()).unwrap();
    effects(mux)
}

/// What is sent to the server, and the multiplexer's other effects.
fn sent(effects: Vec<Effect<&'static str, &'static str>>) -> Vec<Value> {
    let lines = effects.into_iter().filter_map(|effect| match effect {
        Effect::ToServer(line) => Some(serde_json::from_slice(&line.to_bytes()).unwrap()),
        _ => None,
    });
    lines.collect()
}

fn up(sharing: Sharing) -> Mux {
    let mut mux = Mux::new(sharing, LIMITS);
    mux.connect(br#"{"protocolVersion":"2025-11-25"}"#, now());
    let hello = sent(effects(&mut mux)).remove(0);
    let result = json!({ "protocolVersion": "2025-11-25", "capabilities": { "logging": {} } });
    hear(&mut mux, json!({ "jsonrpc": "2.0", "id": hello["id"], "result": result }));
    mux
}

fn inquire(mux: &mut Mux, to: &'static str) -> Result<(u64, Value), Overloaded> {
    let message: Bytes = jsonrpc::build::request(1, "tools/list", Some(br#"{"cursor":"c"}"#));
    let id = mux.inquire(to, &message, &jsonrpc::scan(&message).unwrap(), now())?;
    Ok((id, sent(effects(mux)).remove(0)))
}

fn request(mux: &mut Mux, client: waggle_protocol::mux::MemberKey, to: &'static str) -> Value {
    let message: Bytes = json!({ "jsonrpc": "2.0", "id": to, "method": "tools/call" }).to_string().into();
    mux.request(client, to, &message, &jsonrpc::scan(&message).unwrap(), now()).unwrap();
    sent(effects(mux)).remove(0)
}

#[test]
fn what_the_server_says_is_told_apart_as_if_there_were_none() {
    let mut mux = up(Sharing::Shared);
    let client = mux.attach("session");
    mux.initialized(client);
    let (id, asked) = inquire(&mut mux, "own").unwrap();
    assert_eq!((&asked["method"], &asked["params"]), (&json!("tools/list"), &json!({ "cursor": "c" })));
    assert_eq!(asked["id"], id);
    request(&mut mux, client, "of the client");
    let log = json!({ "jsonrpc": "2.0", "method": "notifications/message", "params": { "level": "error" } });
    assert!(matches!(&hear(&mut mux, log)[..], [Effect::Related { to: "of the client", .. }]));
    let answered = hear(&mut mux, json!({ "jsonrpc": "2.0", "id": id, "result": { "tools": [] } }));
    let [Effect::Answer { to: "own", message, error: None }] = &answered[..] else { panic!("{answered:?}") };
    let message: Value = serde_json::from_slice(&message.to_bytes()).unwrap();
    assert_eq!((&message["id"], &message["result"]["tools"]), (&json!(1), &json!([])));
    mux.withdraw(id, now());
    assert_eq!(effects(&mut mux), []);
}

#[test]
fn one_that_is_withdrawn_is_cancelled_and_one_that_the_server_dies_with_is_answered() {
    for sharing in [Sharing::Shared, Sharing::Exclusive] {
        let mut mux = up(sharing);
        let (id, _) = inquire(&mut mux, "first").unwrap();
        mux.withdraw(id, now());
        let given_up = effects(&mut mux);
        assert!(given_up.iter().any(|effect| matches!(effect, Effect::End { to: "first" })));
        assert_eq!(sent(given_up)[0]["params"]["requestId"], id);
        inquire(&mut mux, "second").unwrap();
        mux.disconnected(&RpcError::new(-32000, "gone"));
        assert!(matches!(&effects(&mut mux)[..], [Effect::Answer { to: "second", error: Some(-32000), .. }]));
        assert_eq!(mux.in_flight(), 0);
    }
}

#[test]
fn it_counts_among_the_requests_and_limits_can_change() {
    let mut mux = up(Sharing::Shared);
    for _ in 0..3 {
        inquire(&mut mux, "own").unwrap();
    }
    assert_eq!(inquire(&mut mux, "own").unwrap_err(), Overloaded);
    mux.set_limits(MuxLimits { in_flight: 4, ..LIMITS });
    inquire(&mut mux, "own").unwrap();
    // Those of before keep their deadline, though the time is another one now.
    mux.set_limits(MuxLimits { in_flight: 9, request_timeout: Duration::from_secs(10) });
    inquire(&mut mux, "later").unwrap();
    mux.expire(Timestamp::new(Duration::from_secs(11)));
    let ended: Vec<_> = effects(&mut mux)
        .into_iter()
        .filter_map(|effect| match effect {
            Effect::Answer { to, error: Some(_), .. } => Some(to),
            _ => None,
        })
        .collect();
    assert_eq!(ended, ["later"]);
}
