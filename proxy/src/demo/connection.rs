//! One client's session: the handshake, the log level, subscriptions, and which request goes where.

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use super::caller::{Caller, Capabilities, LogLevel, Revision};
use super::calls::Calls;
use super::clock::{self, Clock};
use super::error::Error;
use super::lines::{Line, MAX_LINE};
use super::message::{self, Incoming, Payload, Refused, RequestId};
use super::peer::{Peer, ReplyTo};
use super::tools::{Context, Tools};
use super::{methods, resources};

/// Until the client chooses a level by `logging/setLevel`.
const DEFAULT_LEVEL: LogLevel = LogLevel::Info;

/// How long calls may still run after the input ended.
const LAST_CALLS: Duration = Duration::from_millis(100);

const INSTRUCTIONS: &str = "A demo server with one example of every MCP feature. Try the tools echo, slow, ask and \
    image; subscribe to demo://clock; complete the prompt greet.";

/// The client at the other end and all that is running for it.
pub(super) struct Connection {
    peer: Peer,
    tools: Arc<Tools>,
    clock: Clock,
    calls: Calls,
    tasks: TaskTracker,
    stop: CancellationToken,
    /// Known from the handshake on.
    caller: Option<Caller>,
    /// Nothing outlives the connection, even when it is dropped half-way.
    _stop_on_drop: DropGuard,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Initialize {
    protocol_version: String,
    #[serde(default)]
    capabilities: Value,
}

#[derive(Deserialize)]
struct SetLevel {
    level: LogLevel,
}

impl Connection {
    pub(super) fn new(peer: Peer) -> Self {
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        Self {
            peer,
            tools: Arc::default(),
            clock: Clock::default(),
            calls: Calls::new(tasks.clone(), stop.clone()),
            _stop_on_drop: stop.clone().drop_guard(),
            tasks,
            stop,
            caller: None,
        }
    }

    /// Takes one line of input. Waits only when the client leaves many answers unread.
    pub(super) async fn receive(&mut self, line: Line<'_>) {
        let client = ReplyTo::Client(self.peer.clone());
        let text = match line {
            Line::Text(text) if text.trim_ascii().is_empty() => return,
            Line::Text(text) => text,
            Line::TooLong => {
                let error = Error::InvalidRequest(format!("a line may have at most {MAX_LINE} bytes"));
                return client.send(None, &Err(error)).await;
            }
        };
        match Payload::parse(text) {
            Payload::Single(message) => self.take(message, client).await,
            Payload::Batch(messages) if self.takes_batches() && !messages.is_empty() => {
                let batch = self.open_batch(messages.len());
                for message in messages {
                    self.take(message, batch.clone()).await;
                }
            }
            Payload::Batch(_) => {
                let error = "a batch may not be empty, and only revision 2025-03-26 has batches";
                client.send(None, &Err(Error::InvalidRequest(error.to_owned()))).await;
            }
        }
    }

    /// Ends the session: answers what can be answered at once, stops the rest.
    pub(super) async fn finish(self) {
        let Self { clock, tasks, stop, .. } = self;
        drop(clock);
        tasks.close();
        // Whoever pipes requests in and closes still gets every answer that only needs computing.
        let _ = timeout(LAST_CALLS, tasks.wait()).await;
        stop.cancel();
        tasks.wait().await;
    }

    fn takes_batches(&self) -> bool {
        self.caller.as_ref().is_some_and(|caller| caller.revision == Revision::V2025_03_26)
    }

    /// Where the requests of one batch are answered: the answers go out as one array when the last has come.
    fn open_batch(&self, messages: usize) -> ReplyTo {
        let (batch, mut answers) = mpsc::channel(messages);
        let peer = self.peer.clone();
        self.tasks.spawn(async move {
            let mut collected = Vec::new();
            while let Some(answer) = answers.recv().await {
                collected.push(answer);
            }
            if !collected.is_empty() {
                peer.send(format!("[{}]", collected.join(","))).await;
            }
        });
        ReplyTo::Batch(batch)
    }

    async fn take(&mut self, message: Result<Incoming, Refused>, reply: ReplyTo) {
        match message {
            Ok(Incoming::Request { id, method, params }) => {
                if let Some(outcome) = self.answer(&id, &method, params, &reply) {
                    reply.send(Some(&id), &outcome).await;
                }
            }
            Ok(Incoming::Notification { method, params }) => self.note(&method, &params),
            Ok(Incoming::Response { id, answer }) => self.peer.answered(&id, answer),
            Err(Refused { id, error }) => reply.send(id.as_ref(), &Err(error)).await,
        }
    }

    /// Answers a request at once, or returns `None` when a call was started that answers later.
    fn answer(
        &mut self,
        id: &RequestId,
        method: &str,
        params: Value,
        reply: &ReplyTo,
    ) -> Option<Result<Value, Error>> {
        if method == "initialize" {
            return Some(self.initialize(params));
        }
        if method == "ping" {
            return Some(Ok(json!({})));
        }
        let Some(caller) = &mut self.caller else {
            return Some(Err(Error::NotInitialized(method.to_owned())));
        };
        Some(match method {
            "logging/setLevel" => message::params(params).map(|SetLevel { level }| {
                caller.log_level = level;
                json!({})
            }),
            "resources/subscribe" => resources::existing(params).map(|uri| {
                if uri == clock::URI {
                    self.clock.watch(&self.peer, &self.tasks, &self.stop);
                }
                json!({})
            }),
            "resources/unsubscribe" => resources::existing(params).map(|uri| {
                if uri == clock::URI {
                    self.clock.unwatch();
                }
                json!({})
            }),
            "tools/call" => {
                let context = Context::new(caller.clone(), self.peer.clone(), &params);
                let call = Arc::clone(&self.tools).call(params, context);
                match self.calls.start(id.clone(), reply.clone(), call) {
                    Ok(()) => return None,
                    Err(error) => Err(error),
                }
            }
            _ => methods::answer(&self.tools, &self.clock, method, params),
        })
    }

    fn initialize(&mut self, params: Value) -> Result<Value, Error> {
        if self.caller.is_some() {
            return Err(Error::InvalidRequest("the session has begun already".to_owned()));
        }
        let Initialize { protocol_version, capabilities } = message::params(params)?;
        let revision = Revision::negotiate(&protocol_version);
        let capabilities = Capabilities::read(&capabilities);
        self.caller = Some(Caller { revision, capabilities, log_level: DEFAULT_LEVEL });
        Ok(json!({
            "protocolVersion": revision.as_str(),
            "capabilities": {
                "completions": {},
                "logging": {},
                "prompts": {},
                "resources": { "subscribe": true },
                "tools": { "listChanged": true },
            },
            "serverInfo": {
                "name": "waggle-demo",
                "title": "Waggle demo",
                "version": env!("CARGO_PKG_VERSION"),
            },
            "instructions": INSTRUCTIONS,
        }))
    }

    /// A notification asks for no answer, so what is unknown or malformed is ignored.
    fn note(&self, method: &str, params: &Value) {
        if method == "notifications/cancelled"
            && let Some(key) = RequestId::key_of(&params["requestId"])
        {
            self.calls.cancel(&key);
        }
    }
}
