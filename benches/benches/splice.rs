//! What it costs to replace a message's id, and to make the result ready for a write.
//!
//! Large messages are not copied, so the time does not depend on their size and a throughput would mean nothing.

use std::hint::black_box;

use bytes::Bytes;
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use waggle_benches::{SIZES, request, response};
use waggle_protocol::Gather;
use waggle_protocol::jsonrpc::{Edit, Field, scan, splice};

fn splices(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("splice");
    let mut bench = |name: &str, message: Vec<u8>| {
        let message = Bytes::from(message);
        let envelope = scan(&message).expect("the bench's messages are valid");
        let edit =
            |field| envelope.span(field).map(|at| Edit { at, with: Bytes::from_static(b"4294967297") });
        let mut edits: Vec<_> = [Field::Id, Field::ProgressToken].into_iter().filter_map(edit).collect();
        edits.sort_by_key(|edit| edit.at);
        group.bench_function(BenchmarkId::new(name, message.len()), |bencher| {
            bencher.iter(|| splice(black_box(&message), black_box(&edits)));
        });
        group.bench_function(BenchmarkId::new(format!("{name}, gathered"), message.len()), |bencher| {
            bencher.iter(|| {
                let mut out = Gather::new();
                out.append_payload(&splice(black_box(&message), black_box(&edits)));
                out.copy(b"\n");
                out
            });
        });
    };
    bench("request", request());
    for size in SIZES {
        bench("response", response(size));
    }
    group.finish();
}

criterion_group!(benches, splices);
criterion_main!(benches);
