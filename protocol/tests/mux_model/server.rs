//! The server's side: what it has been asked, and the lines that it writes.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use waggle_protocol::mux::Sharing;

use super::{
    World,
    clients::{Exchange, Kind},
    texts,
};

/// A process.
#[derive(Default)]
pub(crate) struct Server {
    pub(crate) lives: bool,
    initialize: Option<u64>,
    up: bool,
    /// Requests that it has not answered, by id.
    pending: BTreeMap<u64, Asked>,
    /// The greatest id seen, over all processes.
    newest: u64,
    /// Ids that need no answer any more: a late one must reach nobody.
    over: Vec<u64>,
    pub(crate) subscriptions: BTreeSet<String>,
    /// Those whose request was cancelled.
    pub(crate) uncertain: BTreeSet<String>,
    /// Its own requests that the client has not answered, by number.
    pub(crate) open: BTreeSet<usize>,
    /// Answers to its own requests, in order.
    pub(crate) told: Vec<String>,
    /// Numbers given to its messages; never reused.
    pub(crate) nonce: usize,
}

/// What a request asks for.
#[derive(Clone)]
enum Asked {
    /// To echo for this exchange, with the progress token as received.
    Echo(usize, Option<String>),
    Subscribe(String),
    Unsubscribe(String),
    Level,
}

impl Server {
    /// A process that follows `last`.
    pub(crate) fn after(last: &Self) -> Self {
        Self {
            lives: true,
            newest: last.newest,
            nonce: last.nonce,
            over: last.over.clone(),
            ..Self::default()
        }
    }

    pub(crate) fn forget(&mut self) {
        self.over.extend(std::mem::take(&mut self.pending).into_keys());
        self.up = false;
        self.initialize = None;
        self.open.clear();
    }

    pub(crate) fn is_up(&self) -> bool {
        self.up
    }

    pub(crate) fn has_pending(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Requests that no client waits for, and the handshake.
    pub(crate) fn own_requests(&self) -> usize {
        1 + self.pending.values().filter(|asked| !matches!(asked, Asked::Echo(..))).count()
    }

    pub(crate) fn next_nonce(&mut self) -> usize {
        self.nonce += 1;
        self.nonce
    }

    /// The raw id of its own request with this number.
    pub(crate) fn question_id(nonce: usize) -> String {
        if nonce.is_multiple_of(2) { nonce.to_string() } else { format!("\"{nonce}\"") }
    }

    pub(crate) fn handshake(&mut self) -> Option<String> {
        let id = self.initialize.take()?;
        self.up = true;
        Some(format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{"capabilities":{{"logging":{{}}}}}}}}"#))
    }

    /// Takes a line, and checks that it is exactly what was to come.
    pub(crate) fn receive(&mut self, line: &str, exchanges: &[Exchange], sharing: Sharing) {
        let message = texts::parse(line);
        assert!(self.lives, "a line for a process that is gone: {line}");
        match (message["method"].as_str(), message["id"].is_null()) {
            (Some("initialize"), _) => self.initialize = self.new_id(&message["id"]),
            (Some(method), false) => {
                assert!(self.up, "a request precedes the handshake");
                let id = self.new_id(&message["id"]).expect("ids are new");
                let asked = self.asked(id, method, line, &message, exchanges, sharing);
                assert!(self.pending.insert(id, asked).is_none());
            }
            (Some("notifications/cancelled"), true) => {
                let id = message["params"]["requestId"].as_u64().expect("an id of the multiplexer's");
                match self.pending.remove(&id).expect("it is in flight") {
                    Asked::Subscribe(uri) | Asked::Unsubscribe(uri) if sharing == Sharing::Exclusive => {
                        // Whether it still subscribes is its own affair.
                        self.uncertain.insert(uri);
                    }
                    _ => {}
                }
                self.over.push(id);
            }
            (Some(_), true) => assert!(self.up, "a notification precedes the handshake"),
            (None, _) => self.told.push(line.to_owned()),
        }
    }

    fn new_id(&mut self, id: &Value) -> Option<u64> {
        let id = id.as_u64()?;
        // Held requests may be overtaken by those of the handshake, so that ids need not ascend; but none
        // comes twice.
        assert!(!self.pending.contains_key(&id) && !self.over.contains(&id), "the id {id} is used twice");
        self.newest = self.newest.max(id);
        Some(id)
    }

    fn asked(
        &mut self,
        id: u64,
        method: &str,
        line: &str,
        message: &Value,
        exchanges: &[Exchange],
        sharing: Sharing,
    ) -> Asked {
        let uri = message["params"]["uri"].as_str().map(str::to_owned);
        match (method, uri) {
            ("echo", _) => {
                let nonce = message["params"]["nonce"].as_u64().expect("a call") as usize;
                let exchange = &exchanges[nonce];
                assert!(exchange.open && exchange.kind == Kind::Call);
                let token = match sharing {
                    Sharing::Shared => exchange.token.map(|_| id.to_string()),
                    Sharing::Exclusive => exchange.token.map(str::to_owned),
                };
                assert_eq!(line, texts::call(&id.to_string(), token.as_deref(), nonce));
                Asked::Echo(nonce, token)
            }
            ("resources/subscribe", Some(uri)) => {
                if uri != texts::REFUSED_URI {
                    self.subscriptions.insert(uri.clone());
                }
                Asked::Subscribe(uri)
            }
            ("resources/unsubscribe", Some(uri)) => {
                self.subscriptions.remove(&uri);
                Asked::Unsubscribe(uri)
            }
            ("logging/setLevel", None) => Asked::Level,
            _ => panic!("nobody sent this: {line}"),
        }
    }

    /// The n-th call that it works on: its id, exchange and token.
    pub(crate) fn nth_call(&self, which: u8) -> Option<(u64, usize, Option<String>)> {
        let calls: Vec<_> =
            self.pending.iter().filter(|(_, asked)| matches!(asked, Asked::Echo(..))).collect();
        let (id, asked) = calls.get(usize::from(which) % calls.len().max(1))?;
        match asked {
            Asked::Echo(exchange, token) => Some((**id, *exchange, token.clone())),
            _ => None,
        }
    }

    /// The answer to a request, and the exchange of a call.
    fn answer_to(&mut self, id: u64) -> Option<(String, Option<usize>)> {
        let asked = self.pending.remove(&id)?;
        self.over.push(id);
        let id = id.to_string();
        Some(match asked {
            Asked::Echo(nonce, _) => (texts::echo(&id, nonce), Some(nonce)),
            Asked::Subscribe(uri) if uri == texts::REFUSED_URI => (texts::refused(&id), None),
            Asked::Subscribe(_) | Asked::Unsubscribe(_) | Asked::Level => (texts::accepted(&id), None),
        })
    }

    /// The n-th request; those that change its state it answers in order.
    fn nth(&self, which: u8) -> Option<u64> {
        let ids: Vec<u64> = self.pending.keys().copied().collect();
        let id = *ids.get(usize::from(which) % ids.len().max(1))?;
        match &self.pending[&id] {
            Asked::Echo(..) => Some(id),
            _ => ids.into_iter().find(|id| !matches!(self.pending[id], Asked::Echo(..))),
        }
    }
}

impl World {
    /// The server answers something.
    pub(crate) fn answer(&mut self, which: u8, _: u8) {
        let Some((line, exchange)) = self.server.nth(which).and_then(|id| self.server.answer_to(id)) else {
            return;
        };
        self.tell(&line);
        if let Some(exchange) = exchange {
            assert!(!self.exchanges[exchange].open, "an answer was lost");
        }
    }

    pub(crate) fn answer_in_a_batch(&mut self) {
        let mut batch = Vec::new();
        let mut exchanges = Vec::new();
        while let Some((line, exchange)) = self.server.nth(0).and_then(|id| self.server.answer_to(id)) {
            batch.push(line);
            exchanges.extend(exchange);
        }
        self.tell(&format!("[{}]", batch.join(" , ")));
        assert!(exchanges.into_iter().all(|exchange| !self.exchanges[exchange].open), "an answer was lost");
    }

    /// The server answers once more, or too late.
    pub(crate) fn repeat_an_answer(&mut self, which: u8) {
        let over = &self.server.over;
        if let Some(id) = over.get(usize::from(which) % over.len().max(1)) {
            self.tell(&texts::echo(&id.to_string(), usize::MAX));
        }
    }

    pub(crate) fn progress(&mut self, which: u8) {
        let Some((_, exchange, Some(token))) = self.server.nth_call(which) else { return };
        let before = self.exchanges[exchange].session;
        let received = self.sessions[before].received.len();
        // Sessions may use a token twice; then either of their own exchanges is right.
        self.tell(&texts::progress(&token, exchange));
        let now = &self.sessions[before].received;
        assert_eq!(now.len(), received + 1, "progress was lost");
        let (line, to) = &now[received];
        let to = to.expect("progress belongs to a call");
        let bearer = &self.exchanges[to];
        assert_eq!((bearer.session, bearer.token), (before, self.exchanges[exchange].token));
        assert!(to == exchange || !self.shared());
        assert_eq!(*line, texts::progress(bearer.token.unwrap_or_default(), exchange));
    }

    pub(crate) fn ask(&mut self) {
        if !self.server.lives {
            return;
        }
        let nonce = self.server.next_nonce();
        let client = self.sessions.iter().position(|session| session.attached).filter(|_| !self.shared());
        let received = client.map(|client| self.sessions[client].received.len());
        let told = self.server.told.len();
        self.tell(&texts::question(&Server::question_id(nonce), nonce));
        match (client, received) {
            (Some(client), Some(received)) => {
                let session = &mut self.sessions[client];
                assert_eq!(session.received.len(), received + 1, "a question was lost");
                let line = session.received[received].0.clone();
                let id = texts::parse(&line)["id"].to_string();
                assert_eq!(line, texts::question(&id, nonce));
                assert!(session.questions.iter().all(|(other, _)| *other != id));
                session.questions.push((id, nonce));
                self.server.open.insert(nonce);
            }
            _ => {
                let refusal = texts::parse(&self.server.told[told]);
                assert_eq!(refusal["id"].to_string(), Server::question_id(nonce));
                assert!(refusal["error"]["code"].is_i64());
            }
        }
    }

    pub(crate) fn withdraw(&mut self, which: u8) {
        let open: Vec<usize> = self.server.open.iter().copied().collect();
        let Some(&nonce) = open.get(usize::from(which) % open.len().max(1)) else { return };
        let Some(client) = self.sessions.iter().position(|session| session.attached) else { return };
        let received = self.sessions[client].received.len();
        self.tell(&texts::cancelled(&Server::question_id(nonce), nonce));
        self.server.open.remove(&nonce);
        let session = &mut self.sessions[client];
        let position = session.questions.iter().position(|(_, asked)| *asked == nonce).expect("it was asked");
        let (id, _) = session.questions.remove(position);
        assert_eq!(session.received[received..].len(), 1, "a withdrawal was lost");
        assert_eq!(session.received[received].0, texts::cancelled(&id, nonce));
    }

    /// A log message that a call gives rise to.
    pub(crate) fn log(&mut self, which: u8, level: u8) {
        let Some((_, exchange, _)) = self.server.nth_call(which) else { return };
        let owner = self.exchanges[exchange].session;
        let received: Vec<usize> = self.sessions.iter().map(|session| session.received.len()).collect();
        let level = texts::pick(&texts::LEVELS, level);
        self.tell(&texts::notification("notifications/message", "", level, exchange));
        for (who, (session, before)) in self.sessions.iter().zip(received).enumerate() {
            let new = session.received.len() - before;
            assert!(new == 0 || who == owner, "a log message reached another session");
            assert!(new == 1 || who != owner || self.shared(), "a log message was lost");
        }
    }

    pub(crate) fn list_changed(&mut self) {
        if !self.server.lives {
            return;
        }
        let received: Vec<usize> = self.sessions.iter().map(|session| session.received.len()).collect();
        let nonce = self.server.next_nonce();
        self.tell(&texts::notification("notifications/tools/list_changed", "", "", nonce));
        for (session, before) in self.sessions.iter().zip(received) {
            let due = session.attached && (session.initialized || !self.shared());
            assert_eq!(session.received.len() - before, usize::from(due), "one copy for each");
        }
    }

    pub(crate) fn update(&mut self, which: u8) {
        if !self.server.lives {
            return;
        }
        let received: Vec<usize> = self.sessions.iter().map(|session| session.received.len()).collect();
        let uri = texts::pick(&texts::URIS, which);
        let nonce = self.server.next_nonce();
        self.tell(&texts::notification("notifications/resources/updated", uri, "", nonce));
        for (session, before) in self.sessions.iter().zip(received) {
            let new = session.received.len() - before;
            let subscribed = session.subscriptions.contains(uri);
            assert!(new <= 1 && new <= usize::from(session.attached), "one copy at most");
            assert!(new == 1 || !(subscribed && session.attached), "an update was lost");
            let wanted = !self.shared() || subscribed || session.has_subscribed;
            assert!(new == 0 || wanted, "an update for a session without subscriptions");
        }
    }
}
