//! What a call costs through a real proxy to a real server process: `tools/call` of an echo over kept-alive HTTP/1.1
//! connections, from clients of both eras to servers of both.
//!
//! The proxy is built with the release profile, unless `WAGGLE_PROXY` names a binary.

mod client;
mod proxy;
mod server;

use std::env;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group};
use tokio::{runtime::Runtime, task::JoinSet};

use client::{Client, Era};
use proxy::{Proxy, Server};

const SIZES: [usize; 2] = [200, 64 * 1024];
const AT_ONCE: usize = 16;

fn directions() -> impl Iterator<Item = (Era, Server)> {
    let servers = [Server::Session, Server::Shared, Server::Launched, Server::Modern];
    servers.into_iter().flat_map(|server| [(Era::Legacy, server), (Era::Modern, server)])
}

fn name(era: Era, server: Server) -> String {
    format!("{} to {}", era.name(), server.name())
}

/// One client, one call after another: the time that the proxy and the process add.
fn one_client(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let mut group = criterion.benchmark_group("end to end");
    for (era, server) in directions() {
        let proxy = Proxy::start(server);
        for size in SIZES {
            let mut client = runtime.block_on(Client::connect(proxy.address(), era));
            group.throughput(Throughput::Bytes(size as u64));
            group.bench_function(BenchmarkId::new(name(era, server), size), |bencher| {
                bencher.iter(|| runtime.block_on(client.echo(size)));
            });
        }
    }
    group.finish();
}

/// Many clients at once, each of its own: how many calls a second there can be.
fn many_clients(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let mut group = criterion.benchmark_group(format!("end to end, {AT_ONCE} at once"));
    for (era, server) in directions() {
        let proxy = Proxy::start(server);
        let mut clients: Vec<Client> =
            (0..AT_ONCE).map(|_| runtime.block_on(Client::connect(proxy.address(), era))).collect();
        group.throughput(Throughput::Elements(AT_ONCE as u64));
        group.bench_function(BenchmarkId::new(name(era, server), SIZES[0]), |bencher| {
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

fn main() {
    if env::args().nth(1).is_some_and(|argument| argument == server::ARGUMENT) {
        return server::serve().expect("the proxy reads and writes");
    }
    benches();
    Criterion::default().configure_from_args().final_summary();
}
