//! What the scan of a message costs, by size and by what the message is made of.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use waggle_benches::{SIZES, list, picture, request, response};
use waggle_protocol::jsonrpc::scan;

fn scans(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("scan");
    let mut bench = |name: &str, message: &[u8]| {
        group.throughput(Throughput::Bytes(message.len() as u64));
        group.bench_with_input(BenchmarkId::new(name, message.len()), message, |bencher, message| {
            bencher.iter(|| scan(black_box(message)));
        });
    };
    bench("request", &request());
    for size in SIZES {
        bench("text", &response(size));
        bench("picture", &picture(size));
        bench("list", &list(size));
    }
    group.finish();
}

criterion_group!(benches, scans);
criterion_main!(benches);
