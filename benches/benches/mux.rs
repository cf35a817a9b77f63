//! What the multiplexer costs: a call there and back, a notification, a message for a thousand sessions.

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use bytes::Bytes;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use waggle_protocol::{
    jsonrpc::{Field, scan},
    mux::{Effect, LegacyMux, MemberKey, MuxLimits, Sharing},
    time::Timestamp,
};

const SIZES: [usize; 3] = [200, 64 * 1024, 1024 * 1024];
const NOW: Timestamp = Timestamp::new(Duration::ZERO);
const LIMITS: MuxLimits = MuxLimits { in_flight: 1000, request_timeout: Duration::from_secs(300) };
const CALL: &[u8] = br#"{"jsonrpc":"2.0","id":"call-17","method":"tools/call","params":{"name":"echo","arguments":{"text":"The waggle dance tells the hive where the flowers are"},"_meta":{"progressToken":"a-17"}}}"#;

/// A shared server that is up, with this many initialized sessions.
fn shared(sessions: usize) -> (LegacyMux<usize, usize>, MemberKey) {
    let mut mux = LegacyMux::new(Sharing::Shared, LIMITS);
    let keys: Vec<_> = (0..sessions).map(|session| mux.attach(session)).collect();
    keys.iter().for_each(|key| mux.initialized(*key));
    mux.connect(b"{}", NOW);
    let id = id_of(&effects(&mut mux));
    let handshake = format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{}}}}"#);
    mux.server_message(&handshake.into(), None, NOW).expect("a response");
    effects(&mut mux);
    (mux, keys[0])
}

fn effects(mux: &mut LegacyMux<usize, usize>) -> Vec<Effect<usize, usize>> {
    std::iter::from_fn(|| mux.poll_effect()).collect()
}

/// The id of the request that goes to the server.
fn id_of(effects: &[Effect<usize, usize>]) -> String {
    let [Effect::ToServer(line)] = effects else { panic!("one line was expected: {effects:?}") };
    let line = line.to_bytes();
    let id = scan(&line).expect("a request").span(Field::Id).expect("a request has an id");
    String::from_utf8_lossy(id.of(&line)).into_owned()
}

fn call(mux: &mut LegacyMux<usize, usize>, client: MemberKey) -> Vec<Effect<usize, usize>> {
    let message = Bytes::from_static(black_box(CALL));
    let envelope = scan(&message).expect("a request");
    mux.request(client, 0, &message, &envelope, NOW).expect("there is room");
    effects(mux)
}

/// A response of `size` bytes; the id comes last, as the TypeScript SDK has it.
fn response(id: &str, size: usize) -> Bytes {
    let head = r#"{"result":{"content":[{"type":"text","text":""#;
    let tail = format!(r#""}}]}},"jsonrpc":"2.0","id":{id}}}"#);
    let line = "The hive learns where the flowers are, and how far.\\n";
    let room = size.saturating_sub(head.len() + tail.len());
    [head, &line.repeat(room / line.len()), &"x".repeat(room % line.len()), &tail].concat().into()
}

fn calls(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("mux call");
    for size in SIZES {
        group.throughput(Throughput::Bytes((CALL.len() + size) as u64));
        group.bench_with_input(BenchmarkId::from_parameter(size), &size, |bencher, &size| {
            let (mut mux, client) = shared(1);
            bencher.iter_custom(|times| {
                let mut spent = Duration::ZERO;
                for _ in 0..times {
                    let started = Instant::now();
                    let sent = call(&mut mux, client);
                    spent += started.elapsed();
                    // What the server does is not measured.
                    let line = response(&id_of(&sent), size);
                    let started = Instant::now();
                    mux.server_message(&line, None, NOW).expect("a response");
                    let answer = mux.poll_effect();
                    spent += started.elapsed();
                    assert!(matches!(answer, Some(Effect::Answer { .. })));
                }
                spent
            });
        });
    }
    group.finish();
}

fn progress(criterion: &mut Criterion) {
    let (mut mux, client) = shared(1);
    let token = id_of(&call(&mut mux, client));
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
            let copies = std::iter::from_fn(|| mux.poll_effect()).map(black_box).count();
            assert_eq!(copies, SESSIONS);
        });
    });
    group.finish();
}

criterion_group!(benches, calls, progress, broadcast);
criterion_main!(benches);
