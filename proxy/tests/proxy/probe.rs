//! `waggle-proxy probe`: what it finds, and what it says when it finds nothing.

use std::{net::TcpListener, process::Stdio};

use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    process::Command,
};

use crate::support::{Options, Reply, Scripted, nobody, own_address, within};

const NOT_FOUND: &str = "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

const UNAVAILABLE: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

/// The exit code, stdout and stderr.
async fn probe(arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_waggle-proxy"));
    command.arg("probe").args(arguments).env_clear().stdin(Stdio::null()).kill_on_drop(true);
    let output = within("the probe's end", command.output()).await.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[tokio::test]
async fn names_what_answers_and_counts_its_tools() {
    let waggle = Options::default().start().await;
    let (code, found, errors) = probe(&[&waggle.url]).await;
    assert_eq!((code, errors.as_str()), (Some(0), ""));
    let (server, count) = found.trim_end().rsplit_once(": ").unwrap();
    assert!(server.starts_with("fake ") && server.ends_with(" (2025-11-25)"), "{found}");
    let (count, noun) = count.split_once(' ').unwrap();
    assert!(count.parse::<usize>().unwrap() > 0 && noun == "tools", "{found}");
    // It leaves no session behind.
    waggle.until("sessions", 0).await;
    waggle.stop().await;
}

#[tokio::test]
async fn speaks_to_a_server_that_knows_no_handshake() {
    let server = Scripted::start(|received| match received.message["method"].as_str() {
        Some("server/discover") => Reply::Result(json!({
            "resultType": "complete",
            "supportedVersions": ["2026-07-28"],
            "capabilities": { "tools": {} },
            "_meta": { "io.modelcontextprotocol/serverInfo": { "name": "only\nmodern", "version": "7" } },
        })),
        Some("tools/list") if received.message["params"]["cursor"].is_null() => Reply::Result(
            json!({ "resultType": "complete", "tools": [{ "name": "a" }, { "name": "b" }], "nextCursor": "2" }),
        ),
        Some("tools/list") => Reply::Result(
            json!({ "resultType": "complete", "tools": [{ "name": "c" }] }),
        ),
        _ => Reply::Raw(NOT_FOUND.to_owned()),
    })
    .await;
    let (code, found, errors) = probe(&[&server.url()]).await;
    assert_eq!(
        (code, found.as_str(), errors.as_str()),
        (Some(0), "only\\nmodern 7 (2026-07-28): 3 tools\n", "")
    );
}

#[tokio::test]
async fn waits_for_a_server_that_comes_later() {
    let reserved = TcpListener::bind(own_address()).unwrap();
    let address = reserved.local_addr().unwrap();
    // While it is taken, whoever connects is turned away.
    reserved.set_nonblocking(true).unwrap();
    let reserved = tokio::net::TcpListener::from_std(reserved).unwrap();
    let url = format!("http://{address}/mcp");
    let start = async move {
        let (mut early, _) = within("its first try", reserved.accept()).await.unwrap();
        let mut request = [0; 4];
        early.read_exact(&mut request).await.unwrap();
        assert_eq!(&request, b"POST");
        early.write_all(UNAVAILABLE).await.unwrap();
        drop((early, reserved));
        Options::at(address).start().await
    };
    let arguments = ["--wait", "1m", &url];
    let ((code, found, errors), waggle) = tokio::join!(probe(&arguments), start);
    assert_eq!(code, Some(0), "{errors}");
    assert!(found.starts_with("fake "), "{found}");
    waggle.stop().await;
}

#[tokio::test]
async fn says_in_one_sentence_why_there_is_nothing() {
    let nobody = nobody();
    let page = Scripted::start(|_| Reply::Raw(NOT_FOUND.to_owned())).await;
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent_url = format!("http://{}/mcp?key=s3cret", silent.local_addr().unwrap());
    for (arguments, expected) in [
        (
            vec![format!("http://{nobody}/mcp")],
            format!("the server at http://{nobody}/mcp cannot be reached: "),
        ),
        (vec![page.url()], format!("the server at {} has answered 404", page.url())),
        (
            vec!["--timeout".to_owned(), "200ms".to_owned(), silent_url.clone()],
            format!("the server at {} has not answered within 200ms", silent_url.split('?').next().unwrap()),
        ),
    ] {
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        let (code, found, errors) = probe(&arguments).await;
        assert_eq!((code, found.as_str()), (Some(1), ""), "{errors}");
        assert!(errors.starts_with(&format!("error: {expected}")), "{errors}");
        assert_eq!(errors.lines().count(), 1, "{errors}");
    }
}

#[tokio::test]
async fn a_command_line_that_says_too_little() {
    for (arguments, expected) in [
        (&[][..], "<URL> missing; see `waggle-proxy probe --help`"),
        (&["localhost:8080"], "does not start with `http://` or `https://`; write a URL such as"),
        (&["http://localhost/mcp", "--wait", "5"], "has no unit; write a duration"),
        (&["http://localhost/mcp", "--header", "x"], "unexpected argument '--header' found"),
    ] {
        let (code, found, errors) = probe(arguments).await;
        assert_eq!((code, found.as_str()), (Some(64), ""), "{errors}");
        assert!(errors.contains(expected), "{errors}");
        assert_eq!(errors.lines().count(), 1, "{errors}");
    }
}
