//! What the multiplexers cost: a call there and back from and to each era, a notification, a message for a
//! thousand sessions.

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use bytes::Bytes;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use waggle_benches::{
    SIZES,
    hive::{BROADCAST, Direction, Hive, answer, id_of, progress},
};
use waggle_protocol::mux::Effect;

/// What differs is the request, and what the multiplexer makes of it and of the answer.
fn calls(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("mux call");
    for direction in Direction::ALL {
        let mut hive = Hive::new(direction);
        for size in SIZES {
            group.throughput(Throughput::Bytes((SIZES[0] + size) as u64));
            group.bench_with_input(BenchmarkId::new(direction.name(), size), &size, |bencher, &size| {
                bencher.iter_custom(|times| (0..times).map(|_| call(&mut hive, size)).sum());
            });
        }
    }
    group.finish();
}

/// The time of a call, without that of the server.
fn call(hive: &mut Hive, size: usize) -> Duration {
    let started = Instant::now();
    let sent = hive.call();
    let spent = started.elapsed();
    let line = answer(&id_of(&sent), size);
    let started = Instant::now();
    let outcome = hive.hear(&line);
    let spent = spent + started.elapsed();
    assert!(matches!(outcome, Some(Effect::Answer { .. })));
    spent
}

fn notification(criterion: &mut Criterion) {
    let mut hive = Hive::new(Direction::LegacyToLegacy);
    let line = progress(&id_of(&hive.call()));
    criterion.bench_function("mux progress", |bencher| {
        bencher.iter(|| {
            let outcome = hive.hear(&line);
            assert!(matches!(outcome, Some(Effect::Related { .. })));
            outcome
        });
    });
}

fn broadcast(criterion: &mut Criterion) {
    const SESSIONS: usize = 1000;
    let mut hive = Hive::shared(SESSIONS);
    let line = Bytes::from_static(BROADCAST);
    let mut group = criterion.benchmark_group("mux broadcast");
    group.throughput(Throughput::Elements(SESSIONS as u64));
    group.bench_function(BenchmarkId::from_parameter(SESSIONS), |bencher| {
        bencher.iter(|| {
            let first = hive.hear(&line);
            let copies = first.into_iter().chain(hive.outcomes()).map(black_box);
            let copies = copies.filter(|effect| matches!(effect, Effect::Background { .. })).count();
            assert_eq!(copies, SESSIONS);
        });
    });
    group.finish();
}

criterion_group!(benches, calls, notification, broadcast);
criterion_main!(benches);
