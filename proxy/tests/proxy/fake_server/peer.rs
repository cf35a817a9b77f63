//! What the threads of the server share: stdout, open questions, named gates, what was received.

use std::collections::{HashMap, HashSet};
use std::io::Write as _;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, mpsc};

use serde_json::{Value, json};

use crate::modern::Listens;

/// See the module's documentation.
#[derive(Default)]
pub(crate) struct Peer {
    questions: Mutex<HashMap<u64, mpsc::Sender<Value>>>,
    asked: AtomicU64,
    calls: AtomicU64,
    open: Mutex<HashSet<String>>,
    opened: Condvar,
    received: Mutex<Vec<String>>,
    deaf: AtomicBool,
    more_tools: AtomicU64,
    /// Of 2026-07-28: results have a type.
    pub(crate) modern: bool,
    pub(crate) listens: Listens,
}

impl Peer {
    pub(crate) fn new(modern: bool) -> Self {
        Self { modern, ..Self::default() }
    }

    /// Writes a message.
    pub(crate) fn send(&self, message: Value) {
        self.write(&format!("{message}\n"));
    }

    pub(crate) fn result(&self, id: &Value, mut result: Value) {
        if self.modern && result["resultType"].is_null() {
            result["resultType"] = "complete".into();
        }
        self.send(json!({ "jsonrpc": "2.0", "id": id, "result": result }));
    }

    pub(crate) fn error(&self, id: &Value, error: &Value) {
        self.send(json!({ "jsonrpc": "2.0", "id": id, "error": error }));
    }

    /// Writes text as it is. A reader that is gone ends the server.
    pub(crate) fn write(&self, text: &str) {
        let mut stdout = std::io::stdout().lock();
        if stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).is_err() {
            std::process::exit(0);
        }
    }

    /// Asks the client and waits for its answer.
    pub(crate) fn ask(&self, method: &str, params: &Value) -> Value {
        self.start_asking(method, params).recv().unwrap()
    }

    /// As [`Peer::ask`]; the answer comes later.
    pub(crate) fn start_asking(&self, method: &str, params: &Value) -> mpsc::Receiver<Value> {
        let (sender, answer) = mpsc::channel();
        let number = self.asked.fetch_add(1, Ordering::Relaxed);
        self.questions.lock().unwrap().insert(number, sender);
        // Ids of the server's own kind: strings.
        self.send(
            json!({ "jsonrpc": "2.0", "id": format!("q{number}"), "method": method, "params": params }),
        );
        answer
    }

    pub(crate) fn answered(&self, message: &Value) {
        let number = message["id"].as_str().and_then(|id| id.strip_prefix('q')?.parse().ok());
        let question = number.and_then(|number| self.questions.lock().unwrap().remove(&number));
        if let Some(question) = question {
            let _ = question.send(message.clone());
        }
    }

    /// Waits until someone opens the gate `name`; a request of that id being cancelled opens `cancelled-<id>`.
    pub(crate) fn wait_for(&self, name: &str) {
        let open = self.open.lock().unwrap();
        drop(self.opened.wait_while(open, |open| !open.contains(name)).unwrap());
    }

    pub(crate) fn open(&self, name: &str) {
        self.open.lock().unwrap().insert(name.to_owned());
        self.opened.notify_all();
    }

    pub(crate) fn cancelled(&self, id: &Value) {
        self.open(&format!("cancelled-{id}"));
    }

    /// Every call counts.
    pub(crate) fn count(&self) -> u64 {
        self.calls.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub(crate) fn remember(&self, line: &str) {
        self.received.lock().unwrap().push(line.to_owned());
    }

    pub(crate) fn received(&self) -> Vec<String> {
        self.received.lock().unwrap().clone()
    }

    /// So many tools beyond the usual ones.
    pub(crate) fn have_more_tools(&self, count: u64) {
        self.more_tools.store(count, Ordering::Relaxed);
    }

    pub(crate) fn more_tools(&self) -> u64 {
        self.more_tools.load(Ordering::Relaxed)
    }

    /// From now on stdin is not read.
    pub(crate) fn be_deaf(&self) {
        self.deaf.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_deaf(&self) -> bool {
        self.deaf.load(Ordering::Relaxed)
    }
}
