//! What a call costs through a real proxy to a real server process: `tools/call` of the demo server's echo over
//! kept-alive HTTP/1.1 connections.
//!
//! The proxy is built with the release profile, unless `WAGGLE_PROXY` names a binary.

mod client;
mod proxy;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use tokio::{runtime::Runtime, task::JoinSet};

use client::Client;
use proxy::Proxy;

const MODES: [&str; 2] = ["session", "shared"];
const SIZES: [usize; 2] = [200, 64 * 1024];
const AT_ONCE: usize = 16;

/// One client, one call after another: the time that the proxy and the process add.
fn one_client(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let mut group = criterion.benchmark_group("end to end");
    for mode in MODES {
        let proxy = Proxy::start(mode);
        for size in SIZES {
            let mut client = runtime.block_on(Client::connect(proxy.address()));
            group.throughput(Throughput::Bytes(size as u64));
            group.bench_function(BenchmarkId::new(mode, size), |bencher| {
                bencher.iter(|| runtime.block_on(client.echo(size)));
            });
        }
    }
    group.finish();
}

/// Many clients at once, each with a session of its own: how many calls a second there can be.
fn many_clients(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let mut group = criterion.benchmark_group(format!("end to end, {AT_ONCE} at once"));
    for mode in MODES {
        let proxy = Proxy::start(mode);
        let mut clients: Vec<Client> =
            (0..AT_ONCE).map(|_| runtime.block_on(Client::connect(proxy.address()))).collect();
        group.throughput(Throughput::Elements(AT_ONCE as u64));
        group.bench_function(BenchmarkId::new(mode, SIZES[0]), |bencher| {
            bencher.iter(|| {
                clients = runtime.block_on(async {
                    let calls: JoinSet<Client> = clients
                        .drain(..)
                        .map(|mut client| async {
                            client.echo(SIZES[0]).await;
                            client
                        })
                        .collect();
                    calls.join_all().await
                });
            });
        });
    }
    group.finish();
}

criterion_group!(benches, one_client, many_clients);
criterion_main!(benches);
