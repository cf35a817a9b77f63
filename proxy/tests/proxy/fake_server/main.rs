//! An MCP server over stdio that behaves as its tests tell it to, also badly. Not part of the product.
//!
//! At start, by arguments: `--silent` (never answers anything), `--refuse` (answers `initialize` with an
//! error), `--fail` (writes to stderr and exits with status 3), `--noisy` (junk on stdout first),
//! `--revision R` (claims that protocol revision), `--slow-subscribe` (confirms subscriptions once the gate
//! `subscribe` is open), `--modern` (speaks 2026-07-28 and nothing else, see [`modern`]), `--mute-probe` and
//! `--fatal-probe` (says nothing to `server/discover`; exits with status 3 on it), `--no-tools`, `--mute-tools` and
//! `--paged` (declares no tools; does not list them; lists one a page), `--version-of FILE` (its version stands
//! there).
//!
//! Then by the arguments of its tools, see [`script`]. The notification `notifications/open` opens a gate there.

#![expect(clippy::unwrap_used, reason = "a server under test ends where it fails")]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "that is how it talks")]

mod modern;
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
    modern: bool,
    mute_probe: bool,
    fatal_probe: bool,
    mute_tools: bool,
    no_tools: bool,
    paged: bool,
    version: Option<String>,
    revision: Option<String>,
}

fn main() {
    let options = options();
    let peer = Arc::new(Peer::new(options.modern));
    let mut lines = std::io::stdin().lock();
    let mut line = String::new();
    let mut last = false;
    while !last {
        line.clear();
        if lines.read_line(&mut line).unwrap() == 0 {
            std::process::exit(0);
        }
        // Who has been told that it is deaf is heard once more, however fast the threads are.
        last = peer.is_deaf();
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
            "--modern" => options.modern = true,
            "--mute-probe" => options.mute_probe = true,
            "--fatal-probe" => options.fatal_probe = true,
            "--mute-tools" => options.mute_tools = true,
            "--no-tools" => options.no_tools = true,
            "--paged" => options.paged = true,
            "--version-of" => options.version = arguments.next(),
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
        Some("notifications/cancelled") => {
            modern::cancelled(peer, &message["params"]["requestId"]);
            peer.cancelled(&message["params"]["requestId"]);
        }
        Some("notifications/open") => peer.open(message["params"]["gate"].as_str().unwrap()),
        Some(_) if id.is_null() => {}
        Some("server/discover") if options.mute_probe => {}
        Some("server/discover") if options.fatal_probe => fail(),
        Some(_) if options.modern && modern::received(peer, &message) => {}
        Some("initialize") if options.refuse => {
            peer.error(id, &json!({ "code": -32602, "message": "not you" }));
        }
        Some("initialize") => peer.result(id, initialized(options, &message["params"])),
        Some("tools/list") if options.mute_tools => {}
        Some("tools/list") => peer.result(id, tools(options, peer, &message["params"]["cursor"])),
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
        Some("resources/read") => read(peer, id, &message["params"]["uri"]),
        Some(other) => {
            peer.error(id, &json!({ "code": -32601, "message": format!("no such method: {other}") }));
        }
    }
}

fn initialized(options: &Options, params: &Value) -> Value {
    let revision = options.revision.as_deref().or(params["protocolVersion"].as_str()).unwrap_or("2025-11-25");
    let changes = json!({ "listChanged": true });
    let version =
        options.version.as_ref().map_or("1".to_owned(), |file| std::fs::read_to_string(file).unwrap());
    let mut result = json!({
        "protocolVersion": revision,
        "capabilities": {
            "logging": {}, "tools": changes, "resources": { "listChanged": true, "subscribe": true },
        },
        "serverInfo": { "name": "fake", "version": version },
    });
    if options.no_tools {
        result["capabilities"].as_object_mut().unwrap().remove("tools");
    }
    result
}

/// Nothing is at a URI that begins with `no:`.
fn read(peer: &Peer, id: &Value, uri: &Value) {
    match (uri.as_str().unwrap().starts_with("no:"), peer.modern) {
        (false, _) => peer.result(id, json!({ "contents": [{ "uri": uri, "text": uri }] })),
        (true, false) => peer.error(id, &json!({ "code": -32002, "message": "not found" })),
        (true, true) => {
            peer.error(id, &json!({ "code": -32602, "message": "not found", "data": { "uri": uri } }));
        }
    }
}

/// `echo`, with an argument that 2026-07-28 wants in a header.
fn regional() -> Value {
    let region = json!({ "type": "string", "x-mcp-header": "Region" });
    json!({ "name": "regional", "inputSchema": { "type": "object", "properties": { "region": region } } })
}

fn tools(options: &Options, peer: &Peer, cursor: &Value) -> Value {
    let mut tools = vec![tool("script"), tool("echo"), regional()];
    tools.extend((0..peer.more_tools()).map(|number| tool(&format!("more-{number}"))));
    if !options.paged {
        return json!({ "tools": tools });
    }
    let at: usize = cursor.as_str().map_or(0, |cursor| cursor.parse().unwrap());
    let mut page = json!({ "tools": [tools[at]] });
    if at + 1 < tools.len() {
        page["nextCursor"] = (at + 1).to_string().into();
    }
    page
}

fn tool(name: &str) -> Value {
    json!({ "name": name, "inputSchema": { "type": "object" } })
}
