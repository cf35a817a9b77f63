//! What the multiplexers cost: a call there and back from and to each era, a notification, a message for a
//! thousand sessions.

use std::{
    hint::black_box,
    iter,
    time::{Duration, Instant},
};

use bytes::Bytes;
use criterion::{
    BenchmarkGroup, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main,
    measurement::WallTime,
};
use waggle_protocol::{
    jsonrpc::{Envelope, Field, scan},
    mux::{Effect, LegacyMux, MemberKey, ModernMux, MuxLimits, Sharing},
    time::Timestamp,
};

const SIZES: [usize; 3] = [200, 64 * 1024, 1024 * 1024];
const NOW: Timestamp = Timestamp::new(Duration::ZERO);
const LIMITS: MuxLimits = MuxLimits { in_flight: 1000, request_timeout: Duration::from_secs(300) };
const CALL: &[u8] = br#"{"jsonrpc":"2.0","id":"call-17","method":"tools/call","params":{"name":"echo","arguments":{"text":"The waggle dance tells the hive where the flowers are"},"_meta":{"progressToken":"a-17"}}}"#;
const MODERN_CALL: &[u8] = br#"{"jsonrpc":"2.0","id":"call-17","method":"tools/call","params":{"name":"echo","arguments":{"text":"The waggle dance tells the hive where the flowers are"},"_meta":{"progressToken":"a-17","io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{"elicitation":{"form":{}}},"io.modelcontextprotocol/clientInfo":{"name":"bee","version":"1"}}}}"#;
const HELLO: &[u8] = br#"{"protocolVersion":"2025-11-25","capabilities":{"elicitation":{}},"clientInfo":{"name":"bee","version":"1"}}"#;

/// A shared server that is up, with this many initialized sessions.
fn shared(sessions: usize) -> (LegacyMux<usize, usize>, MemberKey) {
    let mut mux = LegacyMux::new(Sharing::Shared, LIMITS);
    let keys: Vec<_> = (0..sessions).map(|session| mux.attach(session)).collect();
    keys.iter().for_each(|key| mux.initialized(*key));
    mux.connect(b"{}", NOW);
    let id = id_of(&effects(&mut mux));
    let handshake =
        format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{"serverInfo":{{"name":"hive","version":"1"}}}}}}"#);
    mux.server_message(&handshake.into(), None, NOW).expect("a response");
    effects(&mut mux);
    (mux, keys[0])
}

/// A server of 2026-07-28 that is up, with one legacy session.
fn modern() -> (ModernMux<usize, usize>, MemberKey) {
    let mut mux = ModernMux::new(LIMITS, Bytes::from_static(b"{}"));
    let key = mux.attach(0, &Bytes::from_static(HELLO));
    mux.connect(NOW);
    let id = id_of(&iter::from_fn(|| mux.poll_effect()).collect::<Vec<_>>());
    let handshake =
        format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{"supportedVersions":["2026-07-28"]}}}}"#);
    mux.server_message(&handshake.into(), None, NOW).expect("a response");
    while mux.poll_effect().is_some() {}
    (mux, key)
}

fn effects(mux: &mut LegacyMux<usize, usize>) -> Vec<Effect<usize, usize>> {
    iter::from_fn(|| mux.poll_effect()).collect()
}

/// The id of the request that goes to the server.
fn id_of(effects: &[Effect<usize, usize>]) -> String {
    let [Effect::ToServer(line)] = effects else { panic!("one line was expected: {effects:?}") };
    let line = line.to_bytes();
    let id = scan(&line).expect("a request").span(Field::Id).expect("a request has an id");
    String::from_utf8_lossy(id.of(&line)).into_owned()
}

fn request(raw: &'static [u8]) -> (Bytes, Envelope) {
    let message = Bytes::from_static(black_box(raw));
    let envelope = scan(&message).expect("a request");
    (message, envelope)
}

/// A response of `size` bytes; the id comes last, as the TypeScript SDK has it.
fn response(id: &str, size: usize) -> Bytes {
    let head = r#"{"result":{"content":[{"type":"text","text":""#;
    let tail = format!(r#""}}]}},"jsonrpc":"2.0","id":{id}}}"#);
    let line = "The hive learns where the flowers are, and how far.\\n";
    let room = size.saturating_sub(head.len() + tail.len());
    [head, &line.repeat(room / line.len()), &"x".repeat(room % line.len()), &tail].concat().into()
}

/// Measures calls: `call` sends one and yields what goes to the server, `answer` takes what comes back.
fn calls<M>(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    mut mux: M,
    call: impl Fn(&mut M) -> Vec<Effect<usize, usize>>,
    answer: impl Fn(&mut M, &Bytes) -> Option<Effect<usize, usize>>,
) {
    for size in SIZES {
        group.throughput(Throughput::Bytes((CALL.len() + size) as u64));
        group.bench_with_input(BenchmarkId::new(name, size), &size, |bencher, &size| {
            bencher.iter_custom(|times| {
                let mut spent = Duration::ZERO;
                for _ in 0..times {
                    let started = Instant::now();
                    let sent = call(&mut mux);
                    spent += started.elapsed();
                    // What the server does is not measured.
                    let line = response(&id_of(&sent), size);
                    let started = Instant::now();
                    let answer = answer(&mut mux, &line);
                    spent += started.elapsed();
                    assert!(matches!(answer, Some(Effect::Answer { .. })));
                }
                spent
            });
        });
    }
}

/// What differs is the request, and what the multiplexer makes of it and of the answer.
fn calls_from_and_to_each_era(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("mux call");

    let answer = |mux: &mut LegacyMux<usize, usize>, line: &Bytes| {
        mux.server_message(line, None, NOW).expect("a response");
        mux.poll_effect()
    };
    let (mux, client) = shared(1);
    calls(&mut group, "legacy to legacy", mux, |mux| legacy_call(mux, client), answer);
    let modern_call = |mux: &mut LegacyMux<usize, usize>| {
        let (message, envelope) = request(MODERN_CALL);
        mux.call(0, &message, &envelope, NOW).expect("there is room");
        effects(mux)
    };
    calls(&mut group, "modern to legacy", shared(1).0, modern_call, answer);

    let answer = |mux: &mut ModernMux<usize, usize>, line: &Bytes| {
        mux.server_message(line, None, NOW).expect("a response");
        mux.poll_effect()
    };
    let (mux, client) = modern();
    let legacy_call = |mux: &mut ModernMux<usize, usize>| {
        let (message, envelope) = request(CALL);
        mux.request(client, 0, &message, &envelope, NOW).expect("there is room");
        iter::from_fn(|| mux.poll_effect()).collect()
    };
    calls(&mut group, "legacy to modern", mux, legacy_call, answer);
    let modern_call = |mux: &mut ModernMux<usize, usize>| {
        let (message, envelope) = request(MODERN_CALL);
        mux.call(0, &message, &envelope, NOW).expect("there is room");
        iter::from_fn(|| mux.poll_effect()).collect()
    };
    calls(&mut group, "modern to modern", modern().0, modern_call, answer);
    group.finish();
}

fn legacy_call(mux: &mut LegacyMux<usize, usize>, client: MemberKey) -> Vec<Effect<usize, usize>> {
    let (message, envelope) = request(CALL);
    mux.request(client, 0, &message, &envelope, NOW).expect("there is room");
    effects(mux)
}

fn progress(criterion: &mut Criterion) {
    let (mut mux, client) = shared(1);
    let token = id_of(&legacy_call(&mut mux, client));
    let line = Bytes::from(format!(
        r#"{{"jsonrpc":"2.0","method":"notifications/progress","params":{{"progressToken":{token},"progress":17,"total":100,"message":"dancing"}}}}"#
    ));
    criterion.bench_function("mux progress", |bencher| {
        bencher.iter(|| {
            mux.server_message(black_box(&line), None, NOW).expect("a notification");
            let progress = mux.poll_effect();
            assert!(matches!(progress, Some(Effect::Related { .. })));
            progress
        });
    });
}

fn broadcast(criterion: &mut Criterion) {
    const SESSIONS: usize = 1000;
    let (mut mux, _) = shared(SESSIONS);
    let line = Bytes::from_static(br#"{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}"#);
    let mut group = criterion.benchmark_group("mux broadcast");
    group.throughput(Throughput::Elements(SESSIONS as u64));
    group.bench_function(BenchmarkId::from_parameter(SESSIONS), |bencher| {
        bencher.iter(|| {
            mux.server_message(black_box(&line), None, NOW).expect("a notification");
            let copies = iter::from_fn(|| mux.poll_effect()).map(black_box);
            let copies = copies.filter(|effect| matches!(effect, Effect::Background { .. })).count();
            assert_eq!(copies, SESSIONS);
        });
    });
    group.finish();
}

criterion_group!(benches, calls_from_and_to_each_era, progress, broadcast);
criterion_main!(benches);
