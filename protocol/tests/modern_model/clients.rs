//! The clients' side: sessions, and the exchanges that requests open.

use std::collections::BTreeSet;

use bytes::Bytes;
use serde_json::{Value, json};
use waggle_protocol::{jsonrpc, mux::MemberKey};

use super::{NAMES, URIS, World, parse, pick};

/// A legacy client's session.
pub(crate) struct Session {
    pub(crate) key: MemberKey,
    pub(crate) attached: bool,
    pub(crate) initialized: bool,
    /// URIs whose subscription it was confirmed.
    pub(crate) subscriptions: BTreeSet<String>,
}

/// A request that is, or was, in flight.
pub(crate) struct Exchange {
    /// None for a modern client's.
    pub(crate) session: Option<usize>,
    /// The session's, or the modern client's own, which comes once its request is taken.
    key: Option<MemberKey>,
    pub(crate) id: &'static str,
    pub(crate) token: Option<&'static str>,
    pub(crate) kind: Kind,
    pub(crate) open: bool,
    /// Questions to its client: their ids and numbers.
    pub(crate) questions: Vec<(u64, u64)>,
    /// What the next round is to bear, and whether the client still owes some of it.
    pub(crate) responses: serde_json::Map<String, Value>,
    pub(crate) state: Option<String>,
    /// Rounds so far.
    pub(crate) rounds: u32,
    /// A subscription has been acknowledged.
    pub(crate) acknowledged: bool,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    Call,
    Listen,
    Subscribe(String),
    /// One that the session has taken back before it was confirmed.
    Unwanted,
}

impl Exchange {
    fn key(&self) -> MemberKey {
        self.key.expect("its request was taken")
    }

    /// Takes a message that precedes the response.
    pub(crate) fn receive(&mut self, line: &str) {
        let message = parse(line);
        match (message["method"].as_str(), message["id"].as_u64()) {
            (Some("roots/list"), Some(id)) => {
                let nonce = message["params"]["nonce"].as_u64().expect("a number");
                self.questions.push((id, nonce));
            }
            (Some("notifications/cancelled"), None) => {
                let id = message["params"]["requestId"].as_u64().expect("an id of the multiplexer's");
                let open = self.questions.iter().position(|(question, _)| *question == id);
                self.questions.remove(open.expect("it is open"));
            }
            (Some("notifications/subscriptions/acknowledged"), None) => {
                assert!(!std::mem::replace(&mut self.acknowledged, true), "acknowledged twice");
            }
            _ => {}
        }
    }
}

impl World {
    pub(crate) fn attach(&mut self) {
        if self.sessions.iter().filter(|session| session.attached).count() >= 4 {
            return;
        }
        let place = self.sessions.len();
        let hello = format!(r#"{{"capabilities":{{"roots":{{}}}},"clientInfo":{{"name":"{place}"}}}}"#);
        let key = self.mux.attach(place, &hello.into());
        let subscriptions = BTreeSet::new();
        self.sessions.push(Session { key, attached: true, initialized: false, subscriptions });
    }

    fn session(&self, who: u8) -> Option<usize> {
        (!self.sessions.is_empty()).then(|| usize::from(who) % self.sessions.len())
    }

    pub(crate) fn initialized(&mut self, who: u8) {
        if let Some(who) = self.session(who) {
            self.mux.initialized(self.sessions[who].key);
            self.sessions[who].initialized = true;
        }
    }

    pub(crate) fn detach(&mut self, who: u8) {
        if let Some(who) = self.session(who) {
            self.detach_one(who);
        }
    }

    pub(crate) fn detach_one(&mut self, who: usize) {
        let own = |(place, exchange): (usize, &Exchange)| (exchange.session == Some(who)).then_some(place);
        self.ends = self.exchanges.iter().enumerate().filter_map(own).collect();
        self.mux.detach(self.sessions[who].key, self.now());
        self.sessions[who].attached = false;
        self.sessions[who].subscriptions.clear();
        self.settle();
        assert!(self.ends.iter().all(|place| !self.exchanges[*place].open));
    }

    pub(crate) fn request(&mut self, who: u8, which: u8) {
        if let Some(who) = self.session(who) {
            let token = (which & 1 == 1).then(|| pick(&NAMES, which / 32));
            self.open(Some(who), Kind::Call, pick(&NAMES, which / 2), token, "");
        }
    }

    pub(crate) fn call(&mut self, which: u8) {
        let token = (which & 1 == 1).then(|| pick(&NAMES, which / 32));
        self.open(None, Kind::Call, pick(&NAMES, which / 2), token, "");
    }

    pub(crate) fn listen(&mut self, which: u8) {
        let filter = r#""notifications":{"toolsListChanged":true},"#;
        self.open(None, Kind::Listen, pick(&NAMES, which), None, filter);
    }

    pub(crate) fn subscribe(&mut self, who: u8, which: u8) {
        if let Some(who) = self.session(who) {
            let uri = pick(&URIS, which);
            let more = format!(r#""uri":"{uri}","#);
            self.open(Some(who), Kind::Subscribe(uri.to_owned()), pick(&NAMES, which / 4), None, &more);
        }
    }

    pub(crate) fn unsubscribe(&mut self, who: u8, which: u8) {
        let Some(who) = self.session(who).filter(|who| self.sessions[*who].attached) else { return };
        let uri = pick(&URIS, which);
        for exchange in self.exchanges.iter_mut().filter(|exchange| exchange.session == Some(who)) {
            if exchange.kind == Kind::Subscribe(uri.to_owned()) {
                exchange.kind = Kind::Unwanted;
            }
        }
        self.sessions[who].subscriptions.remove(uri);
        let id = pick(&NAMES, which / 4);
        let line = format!(
            r#"{{"jsonrpc":"2.0","id":{id},"method":"resources/unsubscribe","params":{{"uri":"{uri}"}}}}"#
        );
        self.push(Some(who), Kind::Unwanted, id, None);
        self.send(self.exchanges.len() - 1, &line);
        assert!(self.exchanges.last().is_some_and(|exchange| !exchange.open), "it is answered at once");
    }

    fn push(&mut self, session: Option<usize>, kind: Kind, id: &'static str, token: Option<&'static str>) {
        let key = session.map(|who| self.sessions[who].key);
        self.exchanges.push(Exchange {
            session,
            key,
            id,
            token,
            kind,
            open: true,
            questions: Vec::new(),
            responses: serde_json::Map::new(),
            state: None,
            rounds: 0,
            acknowledged: false,
        });
    }

    fn open(
        &mut self,
        session: Option<usize>,
        kind: Kind,
        id: &'static str,
        token: Option<&'static str>,
        more: &str,
    ) {
        let place = self.exchanges.len();
        let method = match &kind {
            Kind::Call | Kind::Unwanted => "tools/call",
            Kind::Listen => "subscriptions/listen",
            Kind::Subscribe(_) => "resources/subscribe",
        };
        let meta = token.map(|token| format!(r#""_meta":{{"progressToken":{token}}},"#)).unwrap_or_default();
        let params = format!(r#"{more}{meta}"nonce":{place},"raw":["\u200d",1e3]"#);
        let line = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}","params":{{{params}}}}}"#);
        self.push(session, kind, id, token);
        self.send(place, &line);
    }

    fn send(&mut self, place: usize, line: &str) {
        let line = Bytes::copy_from_slice(line.as_bytes());
        let envelope = jsonrpc::scan(&line).expect("a request");
        let before = self.mux.in_flight();
        let session = self.exchanges[place].session;
        if session.is_some_and(|who| !self.sessions[who].attached) {
            self.ends.insert(place);
        }
        let taken = match session {
            Some(who) => {
                self.mux.request(self.sessions[who].key, place, &line, &envelope, self.now()).map(|()| None)
            }
            None => self.mux.call(place, &line, &envelope, self.now()).map(Some),
        };
        match taken {
            Ok(key) => self.exchanges[place].key = key.or(self.exchanges[place].key),
            Err(_) => {
                self.exchanges[place].open = false;
                assert_eq!(self.mux.in_flight(), before);
            }
        }
        self.settle();
    }

    /// The response to a request.
    pub(crate) fn answered(&mut self, to: usize, line: &str, error: Option<i64>) {
        let exchange = &mut self.exchanges[to];
        assert!(std::mem::take(&mut exchange.open), "an exchange is answered twice");
        assert!(exchange.questions.is_empty(), "its client is still being asked");
        let head = format!(r#"{{"jsonrpc":"2.0","id":{},"#, exchange.id);
        assert!(line.starts_with(&head), "{line} for {head}");
        let answer = parse(line);
        assert_eq!(answer["error"]["code"].as_i64(), error);
        match (&exchange.kind, error) {
            (Kind::Subscribe(uri), None) => {
                let session = exchange.session.expect("only sessions subscribe");
                self.sessions[session].subscriptions.insert(uri.clone());
            }
            (Kind::Subscribe(uri), Some(_)) => assert!(self.errors || uri == "refused:", "{line}"),
            (Kind::Unwanted, _) => {}
            (_, None) => assert_eq!(answer["result"]["nonce"], json!(to)),
            (_, Some(_)) => assert!(self.errors, "{line}"),
        }
    }

    /// A legacy client takes back its request.
    pub(crate) fn cancel(&mut self, who: u8) {
        let open = |exchange: &Exchange| exchange.open && exchange.session.is_some();
        let Some(place) = self.choose(who, open) else { return };
        let (session, id) = (self.exchanges[place].session, self.exchanges[place].id);
        // Which of several with equal ids is meant, only the multiplexer can tell.
        let same = |(place, other): (usize, &Exchange)| {
            let meant = other.open && other.session == session && parse(other.id) == parse(id);
            meant.then_some(place)
        };
        self.ends = self.exchanges.iter().enumerate().filter_map(same).collect();
        let line = Bytes::from(format!(
            r#"{{"jsonrpc":"2.0","method":"notifications/cancelled","params":{{"requestId":{id}}}}}"#
        ));
        let envelope = jsonrpc::scan(&line).expect("a notification");
        self.mux.notification(self.exchanges[place].key(), &line, &envelope, self.now());
        self.settle();
        let ended = self.ends.iter().filter(|place| !self.exchanges[**place].open).count();
        assert_eq!(ended, 1, "exactly one is cancelled");
    }

    /// A modern client goes.
    pub(crate) fn leave(&mut self, who: u8) {
        let open = |exchange: &Exchange| exchange.open && exchange.session.is_none();
        if let Some(place) = self.choose(who, open) {
            self.leave_one(place);
        }
    }

    pub(crate) fn leave_one(&mut self, place: usize) {
        if self.exchanges[place].session.is_none() && self.exchanges[place].open {
            self.ends = BTreeSet::from([place]);
            self.mux.detach(self.exchanges[place].key(), self.now());
            self.settle();
            assert!(!self.exchanges[place].open);
        }
    }

    /// A place among the exchanges that are accepted.
    pub(crate) fn choose(&self, who: u8, accept: impl Fn(&Exchange) -> bool) -> Option<usize> {
        let places = self.exchanges.iter().enumerate().filter(|(_, exchange)| accept(exchange));
        let places: Vec<usize> = places.map(|(place, _)| place).collect();
        (!places.is_empty()).then(|| places[usize::from(who) % places.len()])
    }

    pub(crate) fn answer_question(&mut self, who: u8, which: u8) {
        if let Some(place) = self.choose(who, |exchange| !exchange.questions.is_empty()) {
            self.answer_question_of(place, which);
        }
    }

    pub(crate) fn answer_question_of(&mut self, place: usize, which: u8) {
        let exchange = &mut self.exchanges[place];
        let (id, nonce) = exchange.questions.remove(usize::from(which) % exchange.questions.len());
        exchange.responses.insert(format!("k{nonce}"), json!({"nonce": nonce}));
        let complete = exchange.questions.is_empty();
        let (rounds, key) = (self.server.rounds_begun, exchange.key());
        self.respond(key, id, &format!(r#"{{"nonce":{nonce}}}"#));
        assert_eq!(self.server.rounds_begun - rounds, u64::from(complete), "the last answer begins a round");
    }

    /// Another session answers what it was not asked.
    pub(crate) fn answer_for_another(&mut self, who: u8, which: u8) {
        let Some(place) = self.choose(which, |exchange| !exchange.questions.is_empty()) else { return };
        let Some(who) = self.session(who).filter(|who| self.exchanges[place].session != Some(*who)) else {
            return;
        };
        let (id, rounds) = (self.exchanges[place].questions[0].0, self.server.rounds_begun);
        self.respond(self.sessions[who].key, id, r#"{"nonce":"forged"}"#);
        assert_eq!(self.server.rounds_begun, rounds);
    }

    fn respond(&mut self, key: MemberKey, id: u64, result: &str) {
        let line = Bytes::from(format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{result}}}"#));
        let envelope = jsonrpc::scan(&line).expect("a response");
        self.mux.response(key, &line, &envelope, self.now());
        self.settle();
    }
}
