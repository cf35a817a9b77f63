//! What it costs to cut lines out of reads of 64 KiB.

use bytes::BufMut;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use waggle_benches::{SIZES, response};
use waggle_protocol::line::LineDecoder;

const READ: usize = 64 * 1024;
const TOTAL: usize = 4 * 1024 * 1024;

fn lines(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("line");
    for size in SIZES {
        let mut line = response(size - 1);
        line.push(b'\n');
        let count = TOTAL.div_ceil(line.len());
        let input = line.repeat(count);
        group.throughput(Throughput::Bytes(input.len() as u64));
        group.bench_with_input(BenchmarkId::from_parameter(size), &input, |bencher, input| {
            bencher.iter(|| {
                let mut decoder = LineDecoder::new(64 * 1024 * 1024);
                let mut found = 0;
                for read in input.chunks(READ) {
                    decoder.buffer(READ).put_slice(read);
                    found += std::iter::from_fn(|| decoder.next_line()).count();
                }
                assert_eq!(found, count);
            });
        });
    }
    group.finish();
}

criterion_group!(benches, lines);
criterion_main!(benches);
