//! A world around a multiplexer: clients that choose equal ids and tokens, and a server that answers in any
//! order. Whatever a [`World::step`] does, each message is followed to its owner by a number that is unique
//! to it, and compared byte for byte.

mod clients;
mod server;
mod texts;

use std::{collections::BTreeSet, time::Duration};

use bytes::Bytes;
use waggle_protocol::{
    error::{RpcError, code},
    jsonrpc,
    mux::{Effect, LegacyMux, MemberKey, MuxLimits, Sharing},
    time::Timestamp,
};

use clients::{Exchange, Session};
use server::Server;

pub(crate) const LIMITS: MuxLimits = MuxLimits { in_flight: 40, request_timeout: Duration::from_secs(100) };

/// See the module's documentation.
pub(crate) struct World {
    sharing: Sharing,
    mux: LegacyMux<usize, usize>,
    now: Duration,
    /// Effects name a session or an exchange by its place in these.
    sessions: Vec<Session>,
    exchanges: Vec<Exchange>,
    server: Server,
    allowed: Allowed,
}

/// What may happen in the step that is under way.
#[derive(Default)]
struct Allowed {
    /// Answers that are errors of the multiplexer's own.
    errors: bool,
    /// Exchanges of this session may end without an answer.
    ends_of: Option<usize>,
}

/// How everything comes to an end.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Finale {
    /// The server answers all.
    Answered,
    /// The process dies.
    Died,
    /// Time passes.
    TimedOut,
    /// All sessions go.
    Left,
}

impl World {
    pub(crate) fn new(sharing: Sharing) -> Self {
        Self {
            sharing,
            mux: LegacyMux::new(sharing, LIMITS),
            now: Duration::ZERO,
            sessions: Vec::new(),
            exchanges: Vec::new(),
            server: Server::default(),
            allowed: Allowed::default(),
        }
    }

    fn now(&self) -> Timestamp {
        Timestamp::new(self.now)
    }

    fn shared(&self) -> bool {
        self.sharing == Sharing::Shared
    }

    /// Does something; `what` chooses it, `who` and `which` its object.
    pub(crate) fn step(&mut self, what: u8, who: u8, which: u8) {
        self.allowed = Allowed::default();
        match what % 32 {
            0 => self.attach(),
            1 if which < 64 => self.detach(who),
            2 => self.initialized(who),
            3..=8 => self.request(who, which),
            9..=13 => self.answer(who, which),
            14..=15 => self.progress(who),
            16 => self.cancel(who, which),
            17 => self.subscribe(who, which),
            18 => self.unsubscribe(who, which),
            19 => self.set_level(who, which),
            20 => self.ask(),
            21 => self.answer_question(who, which),
            22 => self.withdraw(who),
            23 => self.log(who, which),
            24 => self.list_changed(),
            25 => self.update(which),
            26 => self.repeat_an_answer(who),
            27 => self.answer_in_a_batch(),
            28 => self.notify(who),
            29 if which < 128 => self.disconnect(),
            30 => self.connect(),
            31 => self.pass(u64::from(which)),
            _ => self.handshake(),
        }
        assert!(self.mux.in_flight() <= LIMITS.in_flight + self.server.own_requests());
    }

    /// The server writes something that is no message.
    pub(crate) fn junk(&mut self, line: &[u8]) {
        if jsonrpc::scan(line).is_err() && !jsonrpc::is_batch(line) {
            let taken = self.mux.server_message(&Bytes::copy_from_slice(line), None, self.now());
            assert!(taken.is_err() && self.mux.poll_effect().is_none());
        }
    }

    fn connect(&mut self) {
        if !self.server.lives {
            self.server = Server::after(&self.server);
            self.mux.connect(b"{}", self.now());
            self.settle();
        }
    }

    fn handshake(&mut self) {
        if let Some(line) = self.server.handshake() {
            self.tell(&line);
        }
    }

    fn disconnect(&mut self) {
        if self.server.lives {
            self.allowed.errors = true;
            self.server.lives = false;
            self.mux.disconnected(&RpcError::new(code::SERVER_GONE, "gone"));
            self.settle();
            assert_eq!((self.mux.in_flight(), self.mux.held_bytes()), (0, 0));
            assert!(self.exchanges.iter().all(|exchange| !exchange.open));
            self.server.forget();
        }
    }

    fn pass(&mut self, seconds: u64) {
        self.allowed.errors = true;
        self.now += Duration::from_secs(seconds);
        self.mux.expire(self.now());
        self.settle();
        assert!(self.mux.next_deadline().is_none_or(|next| next > self.now()));
    }

    /// Ends everything, and looks for what is left over.
    pub(crate) fn finish(mut self, finale: Finale) {
        self.allowed = Allowed::default();
        match finale {
            Finale::Answered => {
                self.connect();
                self.handshake();
                while self.server.has_pending() {
                    self.answer(0, 0);
                }
                self.compare_subscriptions();
            }
            Finale::Died => {
                self.connect();
                self.disconnect();
            }
            Finale::TimedOut => {
                for _ in 0..=MuxLimits::MAX_EXTENSION {
                    self.pass(100);
                }
            }
            Finale::Left => {}
        }
        if !matches!(finale, Finale::Left) {
            assert!(self.exchanges.iter().all(|exchange| !exchange.open), "a request had no end");
        }
        for who in 0..self.sessions.len() {
            self.allowed = Allowed::default();
            self.detach_one(who);
        }
        assert!(self.exchanges.iter().all(|exchange| !exchange.open), "a request had no end");
        if self.server.is_up() {
            while self.server.has_pending() {
                self.answer(0, 0);
            }
        } else {
            self.connect();
            self.disconnect();
        }
        assert_eq!((self.mux.in_flight(), self.mux.members(), self.mux.held_bytes()), (0, 0, 0));
        assert!(self.mux.is_idle());
    }

    /// With everything answered, the server has exactly the subscriptions that the sessions have.
    fn compare_subscriptions(&self) {
        let attached = self.sessions.iter().filter(|session| session.attached);
        let wanted: BTreeSet<_> = attached.flat_map(|session| &session.subscriptions).collect();
        let there = self.server.subscriptions.iter().collect();
        let differ = wanted.symmetric_difference(&there).copied();
        let differ: Vec<_> = differ.filter(|uri| !self.server.uncertain.contains(*uri)).collect();
        assert!(differ.is_empty(), "{differ:?} of {wanted:?}");
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
                    let line = texts::text(&line);
                    self.server.receive(&line, &self.exchanges, self.sharing);
                }
                Effect::Answer { to, message, .. } => self.answered(to, &texts::text(&message)),
                Effect::End { to } => {
                    let exchange = &mut self.exchanges[to];
                    assert!(exchange.open, "an exchange ends twice");
                    assert_eq!(
                        self.allowed.ends_of,
                        Some(exchange.session),
                        "an exchange ends for no reason"
                    );
                    exchange.open = false;
                }
                Effect::Related { to, message } => {
                    assert!(self.exchanges[to].open, "a message follows the end of its exchange");
                    let session = self.exchanges[to].session;
                    self.sessions[session].receive(&texts::text(&message), Some(to));
                }
                Effect::Background { to, message } => {
                    assert!(self.sessions[to].attached, "a message for a session that is gone");
                    self.sessions[to].receive(&texts::text(&message), None);
                }
                Effect::Ready { .. } | Effect::ListChanged(_) | Effect::Dropped(_) => {}
                Effect::InputRequired { .. } => panic!("no client of 2026-07-28 is there"),
                Effect::Refused { .. } => panic!("the handshake was not refused"),
            }
        }
    }

    fn key(&self, session: usize) -> MemberKey {
        self.sessions[session].key
    }
}
