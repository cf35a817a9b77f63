//! What a call costs through a real proxy to a real server process: `tools/call` of an echo over kept-alive HTTP/1.1
//! connections, from clients of both eras to servers of both, beside two references of the same run: the floor, which is
//! the same server over HTTP with nothing in front of it, and the pipe, which is the server over stdio with no HTTP. At the
//! end stands a table of the ratios.
//!
//! The proxy is built with the release profile, unless `WAGGLE_PROXY` names a binary.

mod call;
mod client;
mod pipe;
mod proxy;
mod ratios;
mod server;

use std::{
    env,
    io::{self, Write},
    net::SocketAddr,
};

use criterion::{Criterion, Throughput};
use tokio::{runtime::Runtime, task::JoinSet};

use call::Era;
use client::Client;
use pipe::Pipe;
use proxy::{Proxy, Server};
use ratios::{FLOOR, PIPE, Ratios};
use server::Floor;

const SIZES: [usize; 2] = [200, 64 * 1024];
const AT_ONCE: usize = 16;
const SERVERS: [Server; 4] = [Server::Shared, Server::Launched, Server::Session, Server::Modern];

/// One client, one call after another: the time that the proxy and the process add.
fn one_client(criterion: &mut Criterion, ratios: &mut Ratios, era: Era, size: usize) {
    let runtime = Runtime::new().expect("a runtime");
    let title = format!("a {} client, {size} bytes", era.name());
    let mut group = criterion.benchmark_group(&title);
    group.throughput(Throughput::Bytes(size as u64));
    let mut pipe = Pipe::open(era);
    ratios.bench(&mut group, &title, PIPE, || pipe.echo(size, 1));
    let mut through = |name: &str, address: SocketAddr| {
        let mut client = runtime.block_on(Client::connect(address, era));
        ratios.bench(&mut group, &title, name, || runtime.block_on(client.echo(size)));
    };
    through(FLOOR, Floor::start().address());
    for server in SERVERS {
        through(server.name(), Proxy::start(server).address());
    }
    group.finish();
}

/// Many clients at once, each of its own: how many calls a second there can be.
fn many_clients(criterion: &mut Criterion, ratios: &mut Ratios, era: Era, size: usize) {
    let runtime = Runtime::new().expect("a runtime");
    let title = format!("{AT_ONCE} {} clients, {size} bytes", era.name());
    let mut group = criterion.benchmark_group(&title);
    group.throughput(Throughput::Elements(AT_ONCE as u64));
    let mut pipe = Pipe::open(era);
    ratios.bench(&mut group, &title, PIPE, || pipe.echo(size, AT_ONCE as u64));
    let mut through = |name: &str, address: SocketAddr| {
        let connect = || runtime.block_on(Client::connect(address, era));
        let mut clients: Vec<Client> = (0..AT_ONCE).map(|_| connect()).collect();
        ratios.bench(&mut group, &title, name, || {
            clients = runtime.block_on(async {
                let calls: JoinSet<Client> = clients
                    .drain(..)
                    .map(|mut client| async move {
                        client.echo(size).await;
                        client
                    })
                    .collect();
                calls.join_all().await
            });
        });
    };
    through(FLOOR, Floor::start().address());
    for server in SERVERS {
        through(server.name(), Proxy::start(server).address());
    }
    group.finish();
}

fn main() -> io::Result<()> {
    let mut arguments = env::args().skip(1);
    if arguments.next().is_some_and(|argument| argument == server::ARGUMENT) {
        return server::serve(&arguments.next().unwrap_or_default());
    }
    let mut criterion = Criterion::default().configure_from_args();
    let mut ratios = Ratios::default();
    for era in [Era::Legacy, Era::Modern] {
        for size in SIZES {
            one_client(&mut criterion, &mut ratios, era, size);
        }
        many_clients(&mut criterion, &mut ratios, era, SIZES[0]);
    }
    criterion.final_summary();
    write!(io::stdout(), "{ratios}")
}
