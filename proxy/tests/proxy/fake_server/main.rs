//! An MCP server over stdio that behaves as its tests tell it to, also badly. Not part of the product.
//!
//! At start, by arguments: `--silent` (never answers anything), `--refuse` (answers `initialize` with an
//! error), `--fail` (writes to stderr and exits with status 3), `--noisy` (junk on stdout first),
//! `--revision R` (claims that protocol revision), `--slow-subscribe` (confirms subscriptions once the gate
//! `subscribe` is open).
//!
//! Then by the arguments of its tools, see [`script`]. The notification `notifications/open` opens a gate there.

#![expect(clippy::unwrap_used, reason = "a server under test ends where it fails")]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "that is how it talks")]

mod peer;
mod script;

use std::io::BufRead as _;
use std::sync::Arc;

use serde_json::{Value, json};

use peer::Peer;

/// What was asked for on the command line.
#[derive(Default)]
struct Options {
    silent: bool,
    refuse: bool,
    slow_subscribe: bool,
    revision: Option<String>,
}

fn main() {
    let options = options();
    let peer = Arc::new(Peer::default());
    let mut lines = std::io::stdin().lock();
    let mut line = String::new();
    while !peer.is_deaf() {
        line.clear();
        if lines.read_line(&mut line).unwrap() == 0 {
            std::process::exit(0);
        }
        if !options.silent {
            received(&options, &peer, line.trim_end_matches('\n'));
        }
    }
    loop {
        std::thread::park();
    }
}

fn options() -> Options {
    let mut options = Options::default();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--silent" => options.silent = true,
            "--refuse" => options.refuse = true,
            "--revision" => options.revision = arguments.next(),
            "--fail" => fail(),
            "--slow-subscribe" => options.slow_subscribe = true,
            "--noisy" => println!("Server running on stdio\n\n{{\"not\": \"a message\"}}\n[1,"),
            other => panic!("no such argument: {other}"),
        }
    }
    options
}

fn fail() -> ! {
    eprintln!("first line\ncannot open the database");
    std::process::exit(3);
}

fn received(options: &Options, peer: &Arc<Peer>, line: &str) {
    peer.remember(line);
    let message: Value = serde_json::from_str(line).unwrap();
    let (method, id) = (message["method"].as_str(), &message["id"]);
    match method {
        None => peer.answered(&message),
        Some("notifications/cancelled") => peer.cancelled(&message["params"]["requestId"]),
        Some("notifications/open") => peer.open(message["params"]["gate"].as_str().unwrap()),
        Some(_) if id.is_null() => {}
        Some("initialize") if options.refuse => {
            peer.send(
                json!({ "jsonrpc": "2.0", "id": id, "error": { "code": -32602, "message": "not you" } }),
            );
        }
        Some("initialize") => peer.result(id, initialized(options, &message["params"])),
        Some("tools/list") => peer.result(id, json!({ "tools": [tool("script"), tool("echo")] })),
        Some("tools/call") => {
            let (peer, line, message) = (peer.clone(), line.to_owned(), message.clone());
            std::thread::spawn(move || script::call(&peer, &line, &message));
        }
        Some("resources/subscribe") if options.slow_subscribe => {
            let (peer, id) = (peer.clone(), id.clone());
            std::thread::spawn(move || {
                peer.wait_for("subscribe");
                peer.result(&id, json!({}));
            });
        }
        Some("logging/setLevel" | "resources/subscribe" | "resources/unsubscribe" | "ping") => {
            peer.result(id, json!({}));
        }
        Some(other) => {
            let error = json!({ "code": -32601, "message": format!("no such method: {other}") });
            peer.send(json!({ "jsonrpc": "2.0", "id": id, "error": error }));
        }
    }
}

fn initialized(options: &Options, params: &Value) -> Value {
    let revision = options.revision.as_deref().or(params["protocolVersion"].as_str()).unwrap_or("2025-11-25");
    let changes = json!({ "listChanged": true });
    json!({
        "protocolVersion": revision,
        "capabilities": {
            "logging": {}, "tools": changes, "resources": { "listChanged": true, "subscribe": true },
        },
        "serverInfo": { "name": "fake", "version": "1" },
    })
}

fn tool(name: &str) -> Value {
    json!({ "name": name, "inputSchema": { "type": "object" } })
}
