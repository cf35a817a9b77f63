//! Proxies inside another program: in a process of its own, as the proxy looks after all children of its process.

#![expect(clippy::unwrap_used, reason = "a test ends where it fails")]

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use waggle_proxy::config::{Config, ProcessMode};
use waggle_proxy::{Error, Proxy};

fn config(mode: ProcessMode) -> Config {
    let free = SocketAddr::from(([127, 0, 0, 1], 0));
    // `CARGO_BIN_EXE` is the demo server, too.
    let command = Some(vec![env!("CARGO_BIN_EXE_waggle-proxy").to_owned(), "demo".to_owned()]);
    Config { listen: free, admin_listen: Some(free), process_mode: mode, command, ..Config::default() }
}

async fn exchange(to: SocketAddr, request: String) -> String {
    let mut stream = TcpStream::connect(to).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).await.unwrap();
    response
}

fn post(session: &str, body: &str) -> String {
    let head =
        "POST /mcp HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n";
    format!("{head}Mcp-Session-Id: {session}\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

/// A session's id, by a client that asks for nothing else.
async fn initialize(to: SocketAddr) -> String {
    let body = r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}"#;
    let response = exchange(to, post("", body)).await.to_ascii_lowercase();
    assert!(response.starts_with("http/1.1 200"), "{response}");
    let line = response.lines().find_map(|line| line.strip_prefix("mcp-session-id: ")).unwrap();
    line.to_owned()
}

#[tokio::test]
async fn several_at_once_do_not_meet_and_each_ends_alone() {
    let mut running = JoinSet::new();
    let mut proxies = Vec::new();
    for mode in [ProcessMode::Session, ProcessMode::Shared, ProcessMode::Session] {
        let proxy = Proxy::start(config(mode)).await.unwrap();
        assert_eq!(proxy.base_url(), format!("http://{}", proxy.address()));
        let (address, admin) = (proxy.address(), proxy.admin_address().unwrap());
        let (stop, stopped) = oneshot::channel::<()>();
        running.spawn(proxy.run(async { stopped.await.unwrap_or_default() }));
        proxies.push((address, admin, stop));
    }
    for (address, _, _) in &proxies {
        let session = initialize(*address).await;
        let list =
            exchange(*address, post(&session, r#"{"jsonrpc":"2.0","id":"x","method":"tools/list"}"#)).await;
        assert!(list.contains(r#""id":"x""#) && list.contains("echo"), "{list}");
    }
    while let Some((address, admin, stop)) = proxies.pop() {
        stop.send(()).unwrap();
        tokio::time::timeout(Duration::from_secs(120), running.join_next())
            .await
            .unwrap()
            .unwrap()
            .unwrap()
            .unwrap();
        assert!(TcpStream::connect(address).await.is_err());
        assert!(TcpStream::connect(admin).await.is_err());
        for (other, _, _) in &proxies {
            initialize(*other).await;
        }
    }
}

#[tokio::test]
async fn a_start_that_fails_says_why() {
    let missing =
        Config { command: Some(vec!["no-such-command-anywhere".to_owned()]), ..config(ProcessMode::Auto) };
    let proxy = Proxy::start(missing).await.unwrap();
    let error = proxy.run(std::future::pending()).await.unwrap_err();
    assert!(matches!(&error, Error::Server(reason) if reason.contains("no such command")), "{error}");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let busy = Config { listen: taken.local_addr().unwrap(), ..config(ProcessMode::Auto) };
    assert!(matches!(Proxy::start(busy).await, Err(Error::Listen { option: "listen", .. })));
}
