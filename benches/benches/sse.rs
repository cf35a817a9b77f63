//! What it costs to write a message as an event, and to read it back.

use std::hint::black_box;

use bytes::{Buf, Bytes};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use waggle_benches::{SIZES, response};
use waggle_protocol::Gather;
use waggle_protocol::jsonrpc::Payload;
use waggle_protocol::sse::{EventId, SseDecoder, encode};

const READ: usize = 64 * 1024;

const ID: EventId = EventId { stream: 7, sequence: 1_000_000 };

fn payload(size: usize) -> Payload {
    Payload::from(Bytes::from(response(size)))
}

fn encodes(criterion: &mut Criterion) {
    // A large payload is not copied: a throughput would mean nothing.
    let mut group = criterion.benchmark_group("sse/encode");
    for size in SIZES {
        group.bench_with_input(BenchmarkId::from_parameter(size), &payload(size), |bencher, payload| {
            bencher.iter(|| {
                let mut out = Gather::new();
                encode::event(&mut out, Some(ID), black_box(payload));
                out
            });
        });
    }
    group.finish();
}

fn decodes(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("sse/decode");
    for size in SIZES {
        let mut out = Gather::new();
        encode::event(&mut out, Some(ID), &payload(size));
        let stream = out.copy_to_bytes(out.remaining());
        group.throughput(Throughput::Bytes(stream.len() as u64));
        group.bench_with_input(BenchmarkId::from_parameter(size), &stream, |bencher, stream| {
            let mut decoder = SseDecoder::new(64 * 1024 * 1024);
            bencher.iter(|| {
                let mut found = 0;
                for read in stream.chunks(READ) {
                    decoder.feed(black_box(read));
                    found += std::iter::from_fn(|| decoder.next_event()).count();
                }
                assert_eq!(found, 1);
            });
        });
    }
    group.finish();
}

criterion_group!(benches, encodes, decodes);
criterion_main!(benches);
