//! A world around a multiplexer of a modern server: clients of both eras that choose equal ids and tokens,
//! and a server that answers, asks and tells in any order. Each message is followed to its owner by a number
//! that is unique to it.

mod clients;
mod server;

use std::{collections::BTreeSet, time::Duration};

use bytes::Bytes;
use serde_json::Value;
use waggle_protocol::{
    error::{RpcError, code},
    jsonrpc::Payload,
    mux::{Effect, ModernMux, MuxLimits},
    time::Timestamp,
};

use clients::{Exchange, Kind, Session};
use server::Server;

pub(crate) const LIMITS: MuxLimits = MuxLimits { in_flight: 30, request_timeout: Duration::from_secs(100) };

/// Ids and tokens: equal ones are chosen often, by design.
pub(crate) const NAMES: [&str; 4] = ["1", "\"1\"", "2.0", "\"\\u00e9\\\"\""];

/// URIs; the last is refused by the server.
pub(crate) const URIS: [&str; 4] = ["u:0", "u:1", "u:2", "refused:"];

/// See the module's documentation.
pub(crate) struct World {
    mux: ModernMux<usize, usize>,
    now: Duration,
    /// Effects name a session or an exchange by its place in these.
    sessions: Vec<Session>,
    exchanges: Vec<Exchange>,
    server: Server,
    /// Errors of the multiplexer's own may happen in this step.
    errors: bool,
    /// Exchanges that may end without an answer in this step.
    ends: BTreeSet<usize>,
    /// What came on exchanges, and for sessions, in this step.
    related: Vec<(usize, String)>,
    background: Vec<(usize, String)>,
}

impl World {
    pub(crate) fn new() -> Self {
        Self {
            mux: ModernMux::new(LIMITS, Bytes::from_static(b"{}")),
            now: Duration::ZERO,
            sessions: Vec::new(),
            exchanges: Vec::new(),
            server: Server::default(),
            errors: false,
            ends: BTreeSet::new(),
            related: Vec::new(),
            background: Vec::new(),
        }
    }

    fn now(&self) -> Timestamp {
        Timestamp::new(self.now)
    }

    /// Does something; `what` chooses it, `who` and `which` its object.
    pub(crate) fn step(&mut self, what: u8, who: u8, which: u8) {
        self.begin();
        match what % 32 {
            0 => self.connect(),
            1 => self.handshake(),
            2 => self.attach(),
            3 => self.initialized(who),
            4..=6 => self.request(who, which),
            7..=8 => self.call(which),
            9 => self.listen(which),
            10 => self.subscribe(who, which),
            11 => self.unsubscribe(who, which),
            12..=14 => self.answer(who),
            15..=17 => self.ask(who, which),
            18..=20 => self.answer_question(who, which),
            21 => self.answer_for_another(who, which),
            22 => self.progress(who),
            23 => self.acknowledge_feed(),
            24 => self.acknowledge(who),
            25 => self.tell_a_listener(who),
            26 => self.change(who, which),
            27 => self.cancel(who),
            28 => self.leave(who),
            29 if which < 64 => self.detach(who),
            30 if which < 96 => self.disconnect(),
            31 => self.pass(u64::from(which)),
            _ => self.repeat(who),
        }
        assert!(self.mux.in_flight() <= LIMITS.in_flight);
        assert!(self.mux.next_deadline().is_none_or(|next| next > self.now()));
    }

    fn begin(&mut self) {
        self.errors = false;
        self.ends.clear();
        self.related.clear();
        self.background.clear();
    }

    fn connect(&mut self) {
        if !self.server.lives {
            self.server = Server::after(&self.server);
            self.mux.connect(self.now());
            self.settle();
        }
    }

    fn disconnect(&mut self) {
        if self.server.lives {
            self.errors = true;
            self.server.die();
            self.mux.disconnected(&RpcError::new(code::SERVER_GONE, "gone"));
            self.settle();
            assert_eq!(self.mux.held_bytes(), 0);
            let left = |exchange: &&Exchange| exchange.open;
            assert!(self.exchanges.iter().filter(left).all(|exchange| exchange.kind == Kind::Listen));
            assert!(self.exchanges.iter().all(|exchange| exchange.questions.is_empty()));
        }
    }

    fn pass(&mut self, seconds: u64) {
        self.errors = true;
        self.now += Duration::from_secs(seconds);
        self.mux.expire(self.now());
        self.settle();
    }

    /// Ends everything, and looks for what is left over.
    pub(crate) fn finish(mut self, dies: bool) {
        self.begin();
        if dies {
            self.connect();
            self.disconnect();
        }
        self.connect();
        self.handshake();
        while self.acknowledge_feed_once() {}
        // What the server was too slow to acknowledge is asked for again by now.
        self.pass(60);
        while self.acknowledge_feed_once() {}
        self.compare_feed();
        loop {
            self.begin();
            if let Some(open) = self.exchanges.iter().position(|exchange| !exchange.questions.is_empty()) {
                self.answer_question_of(open, 0);
            } else if !self.server.calls.is_empty() {
                self.answer(0);
            } else {
                break;
            }
        }
        let open = |exchange: &Exchange| exchange.open && exchange.kind != Kind::Listen;
        assert!(!self.exchanges.iter().any(open), "a request had no end");
        for who in 0..self.exchanges.len() {
            self.begin();
            self.leave_one(who);
        }
        for who in 0..self.sessions.len() {
            self.begin();
            self.detach_one(who);
        }
        while self.acknowledge_feed_once() {}
        assert!(self.exchanges.iter().all(|exchange| !exchange.open), "an exchange had no end");
        assert_eq!((self.mux.in_flight(), self.mux.members(), self.mux.held_bytes()), (0, 0, 0));
        assert!(self.mux.is_idle() && self.server.listens.is_empty() && self.server.calls.is_empty());
    }

    /// The server writes a line.
    fn tell(&mut self, line: &str) {
        self.mux
            .server_message(&Bytes::copy_from_slice(line.as_bytes()), None, self.now())
            .unwrap_or_else(|error| panic!("{line}: {error}"));
        self.settle();
    }

    /// Performs the effects.
    fn settle(&mut self) {
        while let Some(effect) = self.mux.poll_effect() {
            match effect {
                Effect::ToServer(line) => {
                    self.server.receive(&text(&line), &mut self.exchanges, &self.sessions);
                }
                Effect::Answer { to, message, error } => self.answered(to, &text(&message), error),
                Effect::End { to } => {
                    assert!(std::mem::take(&mut self.exchanges[to].open), "an exchange ends twice");
                    assert!(self.ends.contains(&to), "an exchange ends for no reason");
                    self.exchanges[to].questions.clear();
                }
                Effect::Related { to, message } => {
                    assert!(self.exchanges[to].open, "a message follows the end of its exchange");
                    let line = text(&message);
                    self.exchanges[to].receive(&line);
                    self.related.push((to, line));
                }
                Effect::Background { to, message } => {
                    assert!(self.sessions[to].attached, "a message for a session that is gone");
                    self.background.push((to, text(&message)));
                }
                Effect::Ready { .. } | Effect::ListChanged(_) | Effect::Dropped(_) => {}
                Effect::InputRequired { .. } => panic!("the server waits for nothing"),
                Effect::Refused { .. } => panic!("the handshake was not refused"),
            }
        }
    }
}

pub(crate) fn text(payload: &Payload) -> String {
    let text = String::from_utf8(payload.to_bytes().to_vec()).expect("messages are UTF-8");
    assert!(!text.contains(['\n', '\r']), "a message is one line");
    text
}

pub(crate) fn parse(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

pub(crate) fn pick<'a>(from: &[&'a str], which: u8) -> &'a str {
    from[usize::from(which) % from.len()]
}
