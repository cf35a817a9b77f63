//! Sessions that share connections of HTTP/2, and a server that has both versions on one port.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, wherever it does")]

use std::{
    net::SocketAddr,
    num::NonZeroUsize,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use loadtest::{
    echo::{Era, http::EchoHttp},
    endpoint::Endpoint,
    report::Report,
    scenario::{Context, Scenario, calls::Calls, fanout::Fanout, slow::Slow},
    size::Size,
    transport::{Route, Target, Transport},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional},
    net::{TcpListener, TcpStream},
};

const TRANSPORTS: [Transport; 3] = [Transport::StreamableHttp, Transport::Sse, Transport::Stateless];

async fn echo() -> SocketAddr {
    let server = EchoHttp::bind("127.0.0.1:0".parse().unwrap(), Era::Dual).await.unwrap();
    let address = server.address().unwrap();
    tokio::task::spawn(server.serve());
    address
}

/// Something before the server that counts connections.
async fn counted(server: SocketAddr) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let count = Arc::new(AtomicUsize::new(0));
    let counter = count.clone();
    tokio::task::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            counter.fetch_add(1, Ordering::Relaxed);
            tokio::task::spawn(async move {
                let mut server = TcpStream::connect(server).await.unwrap();
                copy_bidirectional(&mut client, &mut server).await
            });
        }
    });
    (address, count)
}

async fn run(
    scenario: &Scenario,
    address: SocketAddr,
    transport: Transport,
    connections: Option<usize>,
) -> Report {
    let path = if transport == Transport::Sse { "sse" } else { "mcp" };
    let endpoint = Endpoint::parse(&format!("http://{address}/{path}"), false).unwrap();
    let route = Route::new(endpoint, connections.and_then(NonZeroUsize::new));
    let context = Context::new(Target::Http(route, transport), Duration::from_secs(60), Vec::new());
    scenario.run(&context).await
}

fn calls() -> Scenario {
    Scenario::Calls(Calls { sessions: 16, payload: Size(3000), seconds: 0.3, ..Calls::default() })
}

fn assert_flawless(report: &Report) {
    let tally = &report.tally;
    assert!(tally.good > 0 && tally.violations() + tally.errors() == 0, "{report}");
}

#[tokio::test]
async fn sessions_share_connections_and_nothing_else() {
    let server = echo().await;
    let fanout = Fanout { streams: 16, notifications: 20, seconds: 0.0, ..Fanout::default() };
    for transport in TRANSPORTS {
        for scenario in [calls(), Scenario::Fanout(fanout.clone())] {
            let (address, count) = counted(server).await;
            let report = run(&scenario, address, transport, Some(2)).await;
            assert_flawless(&report);
            assert_eq!(count.load(Ordering::Relaxed), 2, "{report}");
            assert!(report.to_string().contains(", HTTP/2 on 2 connections: "), "{report}");
            assert_eq!(loadtest::report::json::json(&report)["http2"], 2);
        }
    }
}

#[tokio::test]
async fn the_same_port_has_http1_for_sessions_with_connections_of_their_own() {
    let (address, count) = counted(echo().await).await;
    let report = run(&calls(), address, Transport::StreamableHttp, None).await;
    assert_flawless(&report);
    assert_eq!(count.load(Ordering::Relaxed), 16);
    assert!(report.to_string().starts_with("calls over streamable-http: "), "{report}");
}

/// Together they are more than any usual connection's window.
#[tokio::test]
async fn streams_that_nobody_reads_do_not_hold_up_those_beside_them() {
    let slow = Slow { sessions: 4, stalled: 4.0, answer: Size(2 << 20), seconds: 0.3, ..Slow::default() };
    assert_flawless(&run(&Scenario::Slow(slow), echo().await, Transport::StreamableHttp, Some(1)).await);
}

/// `P` may yet become `POST` or the beginning of HTTP/2.
#[tokio::test]
async fn a_first_letter_alone_does_not_confuse_the_server() {
    let server = echo().await;
    for (rest, answer) in [
        (&b"OST /nowhere HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n"[..], &b"HTTP/1.1 404"[..]),
        // With empty settings, which are answered with settings.
        (b"RI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0", b"\0\0"),
    ] {
        let mut client = TcpStream::connect(server).await.unwrap();
        client.set_nodelay(true).unwrap();
        client.write_all(b"P").await.unwrap();
        // Whoever comes later has been served: the letter has been seen.
        assert_flawless(&run(&calls(), server, Transport::Stateless, None).await);
        client.write_all(rest).await.unwrap();
        let mut first = vec![0; answer.len()];
        client.read_exact(&mut first).await.unwrap();
        assert_eq!(first, answer);
    }
}

#[tokio::test]
async fn a_server_without_http2_is_told_from_one_that_is_lost() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::task::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            tokio::task::spawn(async move {
                let mut asked = [0; 64];
                let _ = client.read(&mut asked).await;
                let _ = client.write_all(b"HTTP/1.1 505 HTTP Version Not Supported\r\n\r\n").await;
            });
        }
    });
    let report = run(&calls(), address, Transport::StreamableHttp, Some(2)).await;
    assert_eq!((report.tally.good, report.tally.broken), (0, 16), "{report}");
    assert!(report.fault.as_ref().unwrap().contains("HTTP/2 with prior knowledge: "), "{report}");
}
