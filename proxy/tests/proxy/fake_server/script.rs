//! The tools.
//!
//! - `echo` returns its arguments byte by byte, and `history` every line that this process has received.
//! - `script` performs `steps` in order and then answers with what came of them. A step has one of these keys:
//!   - `progress: N`: sends that progress with the call's token;
//!   - `notify: METHOD, params`; `ask: METHOD, params`: sends it; the answer is waited for and returned;
//!   - `ask_all: [STEP…]`: asks all of these before it waits for the answers; among them `pipe` is as here;
//!   - `pipe`: waits until the test opens the named pipe in the variable `GATE`;
//!   - `log: N, times`: a log message of that many bytes;
//!   - `hold: NAME`, `open: NAME`: waits until this process has opened that gate; opens it;
//!   - `hold_cancelled`: waits until this very call is cancelled;
//!   - `raw: TEXT, times`: writes it to stdout verbatim; `stderr: TEXT, times`: a line there;
//!   - `spawn: [COMMAND…]`: starts a program that inherits all pipes, and returns its pid;
//!   - `exit: STATUS`, `abort`, `deaf` (stdin is read no more), `close_stdout`, `silent` (no answer comes);
//!   - `tools: N`: has so many tools more than at first, and tells nobody;
//!   - `bytes: N`: makes the answer that large; `fail: ERROR`: makes it that error;
//!   - `change: METHOD, params`, `input: REQUESTS`: of 2026-07-28, tells all who listen for it; asks in between.

use std::process::Command;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::modern;
use crate::peer::Peer;

#[derive(Deserialize)]
struct Call<'a> {
    #[serde(borrow)]
    params: Params<'a>,
}

#[derive(Deserialize)]
struct Params<'a> {
    #[serde(borrow, default)]
    arguments: Option<&'a RawValue>,
}

pub(crate) fn call(peer: &Peer, line: &str, message: &Value) {
    let (id, params) = (&message["id"], &message["params"]);
    let count = peer.count();
    match params["name"].as_str() {
        Some("echo" | "regional") => {
            let kind = if peer.modern { "\"resultType\":\"complete\"," } else { "" };
            let call: Call<'_> = serde_json::from_str(line).unwrap();
            let arguments = call.params.arguments.map_or("null", RawValue::get);
            peer.write(&format!(
                "{{\"result\":{{{kind}\"echo\":{arguments}}},\"jsonrpc\":\"2.0\",\"id\":{id}}}\n"
            ));
        }
        Some("history") => peer.result(id, json!({ "received": peer.received() })),
        Some("script") => run(peer, id, params, count),
        other => peer.error(id, &json!({ "code": -32602, "message": format!("no such tool: {other:?}") })),
    }
}

#[expect(clippy::zombie_processes, reason = "what it leaves behind is for the proxy to deal with")]
fn run(peer: &Peer, id: &Value, params: &Value, count: u64) {
    let arguments = &params["arguments"];
    let mut inputs = 0..;
    let mut outcome = json!({ "pid": std::process::id(), "count": count, "answers": [], "pids": [] });
    for step in arguments["steps"].as_array().unwrap_or(&Vec::new()) {
        let (key, value) = step.as_object().unwrap().iter().next().unwrap();
        let text = value.as_str().unwrap_or_default();
        let times = step["times"].as_u64().unwrap_or(1);
        match key.as_str() {
            "progress" => {
                let params = json!({ "progressToken": params["_meta"]["progressToken"], "progress": value });
                peer.send(json!({ "jsonrpc": "2.0", "method": "notifications/progress", "params": params }));
            }
            "notify" => {
                let mut message = json!({ "jsonrpc": "2.0", "method": value });
                if !step["params"].is_null() {
                    message["params"] = step["params"].clone();
                }
                (0..times).for_each(|_| peer.send(message.clone()));
            }
            "log" => {
                let data = "x".repeat(value.as_u64().unwrap() as usize);
                let params = json!({ "level": "info", "data": data });
                for _ in 0..times {
                    peer.send(
                        json!({ "jsonrpc": "2.0", "method": "notifications/message", "params": params }),
                    );
                }
            }
            "ask" => outcome["answers"].as_array_mut().unwrap().push(peer.ask(text, &step["params"])),
            "ask_all" => {
                let mut answers = Vec::new();
                for step in value.as_array().unwrap() {
                    match step["ask"].as_str() {
                        Some(method) => answers.push(peer.start_asking(method, &step["params"])),
                        None => wait_for_pipe(),
                    }
                }
                let answers = answers.into_iter().map(|answer| answer.recv().unwrap());
                outcome["answers"].as_array_mut().unwrap().extend(answers);
            }
            "pipe" => wait_for_pipe(),
            "hold" => peer.wait_for(text),
            "hold_cancelled" => peer.wait_for(&format!("cancelled-{id}")),
            "open" => peer.open(text),
            "raw" => (0..times).for_each(|_| peer.write(text)),
            "stderr" => (0..times).for_each(|_| eprintln!("{text}")),
            "spawn" => {
                let words: Vec<&str> =
                    value.as_array().unwrap().iter().map(|w| w.as_str().unwrap()).collect();
                let child = Command::new(words[0]).args(&words[1..]).spawn().unwrap();
                outcome["pids"].as_array_mut().unwrap().push(child.id().into());
            }
            "exit" => std::process::exit(value.as_i64().unwrap() as i32),
            "abort" => std::process::abort(),
            "deaf" => peer.be_deaf(),
            "tools" => peer.have_more_tools(value.as_u64().unwrap()),
            "close_stdout" => {
                let nowhere = std::fs::File::options().write(true).open("/dev/null").unwrap();
                rustix::stdio::dup2_stdout(&nowhere).unwrap();
            }
            "bytes" => outcome["text"] = "x".repeat(value.as_u64().unwrap() as usize).into(),
            "silent" => return,
            "fail" => return peer.error(id, value),
            "change" => modern::change(peer, text, &step["params"]),
            "input" => match modern::input(params, inputs.next().unwrap(), value) {
                Ok(answers) => outcome["answers"].as_array_mut().unwrap().push(answers),
                Err(asking) => return peer.result(id, asking),
            },
            other => panic!("no such step: {other}"),
        }
    }
    peer.result(id, json!({ "content": [], "structuredContent": outcome }));
}

fn wait_for_pipe() {
    std::fs::read(std::env::var_os("GATE").unwrap()).unwrap();
}
