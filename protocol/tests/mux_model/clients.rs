//! The clients' side: sessions, and the exchanges that their requests open.

use std::collections::BTreeSet;

use bytes::Bytes;
use waggle_protocol::{
    jsonrpc,
    mux::{MemberKey, Overloaded},
};

use super::{World, server::Server, texts};

/// A client's session.
pub(crate) struct Session {
    pub(crate) key: MemberKey,
    pub(crate) attached: bool,
    pub(crate) initialized: bool,
    /// URIs whose subscription it was confirmed.
    pub(crate) subscriptions: BTreeSet<String>,
    /// Whether it ever asked for one.
    pub(crate) has_subscribed: bool,
    /// Open questions to it: the raw id that it sees, and the server's number.
    pub(crate) questions: Vec<(String, usize)>,
    /// All messages, and the exchange that they came on.
    pub(crate) received: Vec<(String, Option<usize>)>,
}

impl Session {
    pub(crate) fn receive(&mut self, line: &str, on: Option<usize>) {
        self.received.push((line.to_owned(), on));
    }
}

/// A request that is, or was, in flight.
pub(crate) struct Exchange {
    pub(crate) session: usize,
    pub(crate) id: &'static str,
    pub(crate) token: Option<&'static str>,
    pub(crate) kind: Kind,
    pub(crate) open: bool,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    Call,
    Subscribe(String),
    Unsubscribe(String),
    Level,
}

impl World {
    pub(crate) fn attach(&mut self) {
        let attached = self.sessions.iter().filter(|session| session.attached).count();
        if attached >= if self.shared() { 6 } else { 1 } {
            return;
        }
        let key = self.mux.attach(self.sessions.len());
        assert!(self.sessions.iter().all(|session| session.key != key), "a key is used twice");
        self.sessions.push(Session {
            key,
            attached: true,
            initialized: false,
            subscriptions: BTreeSet::new(),
            has_subscribed: false,
            questions: Vec::new(),
            received: Vec::new(),
        });
    }

    fn pick(&self, who: u8) -> Option<usize> {
        (!self.sessions.is_empty()).then(|| usize::from(who) % self.sessions.len())
    }

    pub(crate) fn detach(&mut self, who: u8) {
        if let Some(who) = self.pick(who) {
            self.detach_one(who);
        }
    }

    pub(crate) fn detach_one(&mut self, who: usize) {
        self.allowed.ends_of = Some(who);
        // Those of a process that is gone are open no more.
        let asked = self.sessions[who].questions.drain(..).map(|(_, nonce)| nonce);
        let asked: Vec<usize> = asked.filter(|nonce| self.server.open.contains(nonce)).collect();
        let told = self.server.told.len();
        self.mux.detach(self.key(who), self.now());
        self.sessions[who].attached = false;
        self.settle();
        assert!(self.exchanges.iter().all(|exchange| exchange.session != who || !exchange.open));
        if self.server.lives {
            let told: BTreeSet<String> =
                self.server.told[told..].iter().map(|line| texts::parse(line)["id"].to_string()).collect();
            assert_eq!(told, asked.iter().map(|nonce| Server::question_id(*nonce)).collect());
        }
        for nonce in asked {
            self.server.open.remove(&nonce);
        }
    }

    pub(crate) fn initialized(&mut self, who: u8) {
        if let Some(who) = self.pick(who) {
            self.mux.initialized(self.key(who));
            self.sessions[who].initialized = true;
        }
    }

    pub(crate) fn request(&mut self, who: u8, which: u8) {
        let token = (which & 1 == 1).then(|| texts::pick(&texts::NAMES, which / 32));
        let (id, nonce) = (texts::pick(&texts::NAMES, which / 2), self.exchanges.len());
        self.open(who, id, token, Kind::Call, &texts::call(id, token, nonce));
    }

    pub(crate) fn subscribe(&mut self, who: u8, which: u8) {
        let (id, uri) = (texts::pick(&texts::NAMES, which / 4), texts::pick(&texts::URIS, which));
        let kind = Kind::Subscribe(uri.to_owned());
        self.open(who, id, None, kind, &texts::with_uri(id, "subscribe", uri));
    }

    pub(crate) fn unsubscribe(&mut self, who: u8, which: u8) {
        let (id, uri) = (texts::pick(&texts::NAMES, which / 4), texts::pick(&texts::URIS, which));
        let kind = Kind::Unsubscribe(uri.to_owned());
        let wanted = self.wanted(who, uri);
        if !self.open(who, id, None, kind, &texts::with_uri(id, "unsubscribe", uri)) {
            return;
        }
        if let Some(who) = self.pick(who).filter(|_| self.shared()) {
            self.sessions[who].subscriptions.remove(uri);
            // Nor does it want what it is still waiting for.
            for exchange in wanted {
                self.exchanges[exchange].kind = Kind::Unsubscribe(uri.to_owned());
            }
        }
    }

    /// The subscriptions to `uri` that a session waits for.
    fn wanted(&self, who: u8, uri: &str) -> Vec<usize> {
        let is = |exchange: &Exchange| {
            Some(exchange.session) == self.pick(who)
                && exchange.open
                && exchange.kind == Kind::Subscribe(uri.to_owned())
                && uri != texts::REFUSED_URI
        };
        self.exchanges.iter().enumerate().filter(|(_, exchange)| is(exchange)).map(|(n, _)| n).collect()
    }

    pub(crate) fn set_level(&mut self, who: u8, which: u8) {
        let (id, level) = (texts::pick(&texts::NAMES, which / 4), texts::pick(&texts::LEVELS, which));
        let line = format!(
            r#"{{"jsonrpc":"2.0","id":{id},"method":"logging/setLevel","params":{{"level":"{level}"}}}}"#
        );
        self.open(who, id, None, Kind::Level, &line);
    }

    /// Sends a request; false if that is too many.
    fn open(
        &mut self,
        who: u8,
        id: &'static str,
        token: Option<&'static str>,
        kind: Kind,
        line: &str,
    ) -> bool {
        let Some(session) = self.pick(who) else { return false };
        let to = self.exchanges.len();
        let subscribes = matches!(kind, Kind::Subscribe(_));
        self.exchanges.push(Exchange { session, id, token, kind, open: true });
        if !self.sessions[session].attached {
            self.allowed.ends_of = Some(session);
        }
        let line = Bytes::copy_from_slice(line.as_bytes());
        let envelope = jsonrpc::scan(&line).expect("a client's message");
        if let Err(Overloaded) = self.mux.request(self.key(session), to, &line, &envelope, self.now()) {
            self.exchanges[to].open = false;
            assert!(self.mux.poll_effect().is_none(), "nothing was to be done");
            return false;
        }
        self.sessions[session].has_subscribed |= subscribes;
        self.settle();
        assert!(self.sessions[session].attached || !self.exchanges[to].open);
        true
    }

    /// An exchange has got its response.
    pub(crate) fn answered(&mut self, to: usize, line: &str) {
        let shared = self.shared();
        let exchange = &mut self.exchanges[to];
        assert!(exchange.open, "an exchange is answered twice");
        exchange.open = false;
        let session = &mut self.sessions[exchange.session];
        let error =
            line.starts_with(r#"{"jsonrpc":"2.0","id":"#) && line.contains(r#","error":{"code":-310"#);
        if error {
            assert!(self.allowed.errors, "an error out of nothing: {line}");
            assert!(
                line.starts_with(&format!(r#"{{"jsonrpc":"2.0","id":{},"error""#, exchange.id)),
                "{line}"
            );
            return;
        }
        let id = exchange.id;
        match &exchange.kind {
            Kind::Call => assert_eq!(line, texts::echo(id, to)),
            Kind::Subscribe(uri) if uri == texts::REFUSED_URI => assert_eq!(line, texts::refused(id)),
            Kind::Subscribe(uri) => {
                assert_eq!(line, texts::accepted(id));
                session.subscriptions.insert(uri.clone());
            }
            Kind::Unsubscribe(uri) => {
                assert_eq!(line, texts::accepted(id));
                // A shared one has been let go of at once; it may have been subscribed to again.
                if !shared {
                    session.subscriptions.remove(uri);
                }
            }
            Kind::Level => assert_eq!(line, texts::accepted(id)),
        }
    }

    /// A client cancels one of its requests, or one that is not in flight.
    pub(crate) fn cancel(&mut self, who: u8, which: u8) {
        let Some(who) = self.pick(who) else { return };
        self.allowed.ends_of = Some(who);
        let id = texts::pick(&texts::NAMES, which);
        let open = |world: &Self| {
            let of_id = |e: &&Exchange| e.open && e.session == who && e.id == id;
            world.exchanges.iter().filter(of_id).count()
        };
        let before = open(self);
        let all = self.exchanges.iter().filter(|exchange| exchange.open).count();
        self.send(who, &texts::cancelled(id, which.into()));
        assert_eq!(open(self), before.saturating_sub(1), "one request of that id ends");
        let ended = all - self.exchanges.iter().filter(|exchange| exchange.open).count();
        assert_eq!(ended, before.min(1), "and no other");
    }

    /// A client answers what it, or another, was asked.
    pub(crate) fn answer_question(&mut self, who: u8, which: u8) {
        let Some(who) = self.pick(who) else { return };
        let questions: Vec<(usize, usize)> = self
            .sessions
            .iter()
            .enumerate()
            .flat_map(|(owner, session)| (0..session.questions.len()).map(move |n| (owner, n)))
            .collect();
        let Some(&(owner, n)) = questions.get(usize::from(which) % questions.len().max(1)) else { return };
        let (id, nonce) = self.sessions[owner].questions[n].clone();
        let told = self.server.told.len();
        self.send(who, &texts::echo(&id, nonce));
        let answers = &self.server.told[told..];
        if owner == who && self.server.open.contains(&nonce) {
            assert_eq!(answers, [texts::echo(&Server::question_id(nonce), nonce)]);
            self.sessions[owner].questions.remove(n);
            self.server.open.remove(&nonce);
        } else {
            assert!(answers.is_empty(), "an answer by who was not asked");
        }
    }

    pub(crate) fn notify(&mut self, who: u8) {
        if let Some(who) = self.pick(who) {
            self.send(who, &texts::notification("notifications/vendor", "", "", 0));
        }
    }

    /// A notification or a response.
    fn send(&mut self, who: usize, line: &str) {
        let line = Bytes::copy_from_slice(line.as_bytes());
        let envelope = jsonrpc::scan(&line).expect("a client's message");
        match envelope.kind() {
            jsonrpc::Kind::Notification => self.mux.notification(self.key(who), &line, &envelope, self.now()),
            _ => self.mux.response(self.key(who), &line, &envelope, self.now()),
        }
        self.settle();
    }
}
