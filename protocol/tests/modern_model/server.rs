//! The server's side: what it has been asked, and the lines that it writes.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{
    World,
    clients::{Exchange, Kind, Session},
    parse,
};

const SUBSCRIPTION: &str = "io.modelcontextprotocol/subscriptionId";

/// A process.
#[derive(Default)]
pub(crate) struct Server {
    pub(crate) lives: bool,
    discover: Option<u64>,
    up: bool,
    /// The ids seen, over all processes.
    seen: BTreeSet<u64>,
    /// Calls that it has not answered: the exchange of each id.
    pub(crate) calls: BTreeMap<u64, usize>,
    /// Clients' subscriptions.
    pub(crate) listens: BTreeMap<u64, usize>,
    /// The sessions' subscription and the one that is to take its place; whether it was acknowledged.
    feeds: BTreeMap<u64, (BTreeSet<String>, bool)>,
    /// Ids that need no answer any more: a late one must reach nobody.
    over: Vec<u64>,
    /// Calls that came again with what the server had asked for.
    pub(crate) rounds_begun: u64,
    nonce: u64,
}

impl Server {
    /// A process that follows `last`.
    pub(crate) fn after(last: &Self) -> Self {
        Self {
            lives: true,
            seen: last.seen.clone(),
            nonce: last.nonce,
            over: last.over.clone(),
            ..Self::default()
        }
    }

    pub(crate) fn die(&mut self) {
        let mut over = std::mem::take(&mut self.over);
        over.extend(std::mem::take(&mut self.calls).into_keys());
        over.extend(std::mem::take(&mut self.listens).into_keys());
        over.extend(std::mem::take(&mut self.feeds).into_keys());
        *self = Self { lives: false, over, ..Self::after(self) };
    }

    /// Takes a line, and checks that it is exactly what was to come.
    pub(crate) fn receive(&mut self, line: &str, exchanges: &mut [Exchange], sessions: &[Session]) {
        let message = parse(line);
        assert!(self.lives, "a line for a process that is gone: {line}");
        if message["method"] == "notifications/cancelled" {
            let id = message["params"]["requestId"].as_u64().expect("an id of the multiplexer's");
            let known = self.calls.remove(&id).is_some()
                || self.listens.remove(&id).is_some()
                || self.feeds.remove(&id).is_some();
            assert!(known, "it is not in flight: {line}");
            return self.over.push(id);
        }
        let id = message["id"].as_u64().expect("an id of the multiplexer's");
        assert!(self.seen.insert(id), "an id is used twice");
        let nonce = message["params"]["nonce"].as_u64().map(|nonce| nonce as usize);
        match (message["method"].as_str(), nonce) {
            (Some("server/discover"), _) => self.discover = Some(id),
            (Some("subscriptions/listen"), Some(place)) => {
                assert_eq!(message["params"]["notifications"], json!({"toolsListChanged": true}));
                self.listens.insert(id, place);
            }
            (Some("subscriptions/listen"), None) => {
                let filter = &message["params"]["notifications"];
                assert_eq!(filter["toolsListChanged"], true);
                let uris = filter["resourceSubscriptions"].as_array().into_iter().flatten();
                let uris = uris.filter_map(Value::as_str).map(str::to_owned).collect();
                self.feeds.insert(id, (uris, false));
                assert!(self.feeds.len() <= 2, "more than one waits");
            }
            (Some("tools/call"), Some(place)) => {
                assert!(self.up, "a request precedes the handshake");
                self.called(id, &mut exchanges[place], &message["params"], sessions);
                self.calls.insert(id, place);
            }
            _ => panic!("{line}"),
        }
    }

    fn called(&mut self, id: u64, exchange: &mut Exchange, params: &Value, sessions: &[Session]) {
        let meta = &params["_meta"];
        assert_eq!(meta["progressToken"].as_u64(), exchange.token.map(|_| id));
        assert_eq!(params["raw"], json!(["\u{200d}", 1e3]));
        match exchange.session {
            Some(session) => {
                assert!(sessions[session].attached);
                let name = &meta["io.modelcontextprotocol/clientInfo"]["name"];
                assert_eq!(name.as_str(), Some(&*session.to_string()));
            }
            None => assert!(meta.get("io.modelcontextprotocol/clientInfo").is_none()),
        }
        let responses = std::mem::take(&mut exchange.responses);
        let state = exchange.state.take();
        self.rounds_begun += u64::from(state.is_some());
        let expected = (!responses.is_empty()).then_some(Value::Object(responses));
        assert_eq!(params.get("inputResponses"), expected.as_ref());
        assert_eq!(params["requestState"].as_str(), state.as_deref());
    }

    fn nth(of: &BTreeMap<u64, usize>, who: u8) -> Option<(u64, usize)> {
        of.iter().nth(usize::from(who) % of.len().max(1)).map(|(id, place)| (*id, *place))
    }
}

impl World {
    pub(crate) fn handshake(&mut self) {
        if let Some(id) = self.server.discover.take() {
            self.server.up = true;
            let result =
                r#"{"supportedVersions":["2026-07-28"],"capabilities":{"tools":{"listChanged":true}}}"#;
            self.tell(&format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{result}}}"#));
            let open = self.exchanges.iter().filter(|other| other.open && other.kind == Kind::Listen).count();
            assert_eq!(self.server.listens.len(), open, "every subscription is opened in a new process");
        }
    }

    /// Answers a call.
    pub(crate) fn answer(&mut self, who: u8) {
        if let Some((id, place)) = Server::nth(&self.server.calls, who) {
            self.server.calls.remove(&id);
            self.server.over.push(id);
            self.tell(&format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{"nonce":{place},"id":0}}}}"#));
            assert!(!self.exchanges[place].open);
        }
    }

    /// Answers a legacy client's call that input is needed first.
    pub(crate) fn ask(&mut self, who: u8, which: u8) {
        let Some((id, place)) = Server::nth(&self.server.calls, who) else { return };
        let exchange = &mut self.exchanges[place];
        if exchange.session.is_none() || exchange.rounds == 8 {
            return;
        }
        exchange.rounds += 1;
        self.server.calls.remove(&id);
        self.server.over.push(id);
        let state = format!("{place}.{id}");
        exchange.state = Some(state.clone());
        let mut requests = serde_json::Map::new();
        for _ in 0..which % 4 {
            self.server.nonce += 1;
            let nonce = self.server.nonce;
            requests.insert(format!("k{nonce}"), json!({"method": "roots/list", "params": {"nonce": nonce}}));
        }
        let (asked, rounds) = (requests.len(), self.server.rounds_begun);
        let result =
            json!({"resultType": "input_required", "inputRequests": requests, "requestState": state});
        self.tell(&json!({"jsonrpc": "2.0", "id": id, "result": result}).to_string());
        assert_eq!(self.exchanges[place].questions.len(), asked);
        assert_eq!(self.server.rounds_begun - rounds, u64::from(asked == 0));
        assert!(self.related.iter().all(|(to, _)| *to == place) && self.related.len() == asked);
    }

    pub(crate) fn progress(&mut self, who: u8) {
        let Some((id, place)) = Server::nth(&self.server.calls, who) else { return };
        self.server.nonce += 1;
        let nonce = self.server.nonce;
        let progress = |token: &str| {
            format!(
                r#"{{"jsonrpc":"2.0","method":"notifications/progress","params":{{"progressToken":{token},"progress":{nonce}}}}}"#
            )
        };
        let told = progress(&id.to_string());
        let expected = self.exchanges[place].token.map(|token| (place, progress(token)));
        self.tell(&told);
        assert_eq!(self.related, Vec::from_iter(expected));
    }

    /// A notification of a client's subscription.
    fn tell_listener(&mut self, who: u8, method: &str) -> Option<usize> {
        let (id, place) = Server::nth(&self.server.listens, who)?;
        self.server.nonce += 1;
        let nonce = self.server.nonce;
        let line = |id: &str| {
            format!(
                r#"{{"jsonrpc":"2.0","method":"notifications/{method}","params":{{"notifications":{{}},"nonce":{nonce},"_meta":{{"{SUBSCRIPTION}":{id}}}}}}}"#
            )
        };
        let again = method.ends_with("acknowledged") && self.exchanges[place].acknowledged;
        self.tell(&line(&id.to_string()));
        let expected = (!again).then(|| (place, line(self.exchanges[place].id)));
        assert_eq!(self.related, Vec::from_iter(expected));
        assert!(self.background.is_empty());
        Some(place)
    }

    pub(crate) fn acknowledge(&mut self, who: u8) {
        self.tell_listener(who, "subscriptions/acknowledged");
    }

    pub(crate) fn tell_a_listener(&mut self, who: u8) {
        self.tell_listener(who, "tools/list_changed");
    }

    pub(crate) fn acknowledge_feed(&mut self) {
        self.acknowledge_feed_once();
    }

    /// Acknowledges the sessions' subscription that waits for it, if there is one.
    pub(crate) fn acknowledge_feed_once(&mut self) -> bool {
        let Some((id, (uris, acknowledged))) =
            self.server.feeds.iter_mut().find(|(_, (_, acknowledged))| !acknowledged)
        else {
            return false;
        };
        *acknowledged = true;
        let granted: Vec<_> = uris.iter().filter(|uri| *uri != "refused:").collect();
        let filter = json!({"toolsListChanged": true, "resourceSubscriptions": granted});
        let params = json!({"_meta": {SUBSCRIPTION: id}, "notifications": filter});
        let method = "notifications/subscriptions/acknowledged";
        self.tell(&json!({"jsonrpc": "2.0", "method": method, "params": params}).to_string());
        true
    }

    /// With everything acknowledged, the server tells of exactly what the sessions are subscribed to.
    pub(crate) fn compare_feed(&self) {
        let wanted: BTreeSet<_> = self.sessions.iter().flat_map(|session| &session.subscriptions).collect();
        let feeds: Vec<_> = self.server.feeds.values().collect();
        let [(uris, true)] = feeds[..] else { panic!("one subscription is expected: {feeds:?}") };
        let there: BTreeSet<_> = uris.iter().filter(|uri| *uri != "refused:").collect();
        assert_eq!(wanted, there);
    }

    /// Tells of a change on one of the sessions' subscriptions.
    pub(crate) fn change(&mut self, who: u8, which: u8) {
        let feeds = &self.server.feeds;
        let Some((id, (uris, acknowledged))) = feeds.iter().nth(usize::from(who) % feeds.len().max(1)) else {
            return;
        };
        let (id, acknowledged) = (*id, *acknowledged);
        let uri = uris.iter().nth(usize::from(which) % uris.len().max(1)).cloned();
        let told = match &uri {
            Some(uri) => format!(
                r#"{{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{{"uri":"{uri}","_meta":{{"{SUBSCRIPTION}":{id}}}}}}}"#
            ),
            None => format!(
                r#"{{"jsonrpc":"2.0","method":"notifications/tools/list_changed","params":{{"_meta":{{"{SUBSCRIPTION}":{id}}}}}}}"#
            ),
        };
        self.tell(&told);
        assert!(self.background.iter().all(|(_, line)| *line == told));
        let reached: BTreeSet<usize> = self.background.iter().map(|(session, _)| *session).collect();
        assert_eq!(reached.len(), self.background.len(), "a session is told twice");
        for (place, session) in self.sessions.iter().enumerate().filter(|_| acknowledged) {
            match &uri {
                Some(uri) if session.subscriptions.contains(uri) => assert!(reached.contains(&place)),
                Some(_) => {}
                None => assert_eq!(reached.contains(&place), session.attached && session.initialized),
            }
        }
        assert!(acknowledged || reached.is_empty(), "nothing counts before it is acknowledged");
    }

    /// A response to what needs none any more reaches nobody.
    pub(crate) fn repeat(&mut self, who: u8) {
        let over = &self.server.over;
        if let Some(id) =
            over.get(usize::from(who) % over.len().max(1)).copied().filter(|_| self.server.lives)
        {
            self.tell(&format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{"late":1}}}}"#));
            assert!(self.related.is_empty() && self.background.is_empty());
        }
    }
}
