//! Clients and a server that say what they like. Whatever it is: no panic, every request has at most one end, none
//! comes for a session that is gone, and in the end every request has had one and nothing is left.

use std::time::Duration;

use bytes::Bytes;
use waggle_protocol::{
    error::{RpcError, code},
    jsonrpc::{self, Kind, Payload},
    mux::{Effect, MemberKey, Mux, MuxLimits, Sharing},
    time::Timestamp,
};

struct World {
    mux: Mux<usize, usize>,
    connected: bool,
    now: Duration,
    /// By number: the key, and whether it is attached.
    sessions: Vec<(MemberKey, bool)>,
    /// By number: the session, and whether no end has come yet.
    exchanges: Vec<(usize, bool)>,
    /// Lines for the server, the newest last: it answers what it was asked now and then.
    asked: Vec<Bytes>,
}

/// Each step is a line of the input: a byte that says whose it is, and what is said.
pub(crate) fn run(sharing: Sharing, input: &[u8]) {
    let limits = MuxLimits { in_flight: 8, request_timeout: Duration::from_secs(10) };
    let mut world = World {
        mux: Mux::new(sharing, limits),
        connected: false,
        now: Duration::ZERO,
        sessions: Vec::new(),
        exchanges: Vec::new(),
        asked: Vec::new(),
    };
    for line in input.split(|byte| *byte == b'\n') {
        if let Some((what, text)) = line.split_first() {
            world.step(sharing, *what, text);
            world.settle();
        }
    }
    world.finish();
}

impl World {
    fn now(&self) -> Timestamp {
        Timestamp::new(self.now)
    }

    fn step(&mut self, sharing: Sharing, what: u8, text: &[u8]) {
        let who = usize::from(what >> 4).checked_rem(self.sessions.len()).unwrap_or_default();
        match what & 15 {
            0 => {
                let most = if sharing == Sharing::Shared { 4 } else { 1 };
                if self.sessions.iter().filter(|(_, attached)| *attached).count() < most {
                    self.sessions.push((self.mux.attach(self.sessions.len()), true));
                }
            }
            1 => self.detach(who),
            2 if !self.connected => {
                self.connected = true;
                self.mux.connect(b"{}", self.now());
            }
            3 if self.connected => {
                self.connected = false;
                self.mux.disconnected(&RpcError::new(code::SERVER_GONE, "gone"));
            }
            4 => {
                self.now += Duration::from_secs(u64::from(what >> 4));
                self.mux.expire(self.now());
            }
            5..=9 => self.client(who, text),
            10..=11 => self.answer(text),
            _ if self.connected => {
                let _ = self.mux.server_message(&Bytes::copy_from_slice(text), self.now());
            }
            _ => {}
        }
    }

    fn detach(&mut self, who: usize) {
        if let Some((key, attached)) = self.sessions.get_mut(who) {
            *attached = false;
            let key = *key;
            self.mux.detach(key, self.now());
        }
    }

    fn client(&mut self, who: usize, text: &[u8]) {
        let Some((key, _)) = self.sessions.get(who).copied() else { return };
        let message = Bytes::copy_from_slice(text);
        let Ok(envelope) = jsonrpc::scan(&message) else { return };
        let message = jsonrpc::one_line(message, &envelope);
        match envelope.kind() {
            Kind::Request => {
                let to = self.exchanges.len();
                self.exchanges.push((who, true));
                if self.mux.request(key, to, &message, &envelope, self.now()).is_err() {
                    self.exchanges[to].1 = false;
                }
            }
            Kind::Notification if envelope.method(&message) == "notifications/initialized" => {
                self.mux.initialized(key);
            }
            Kind::Notification => self.mux.notification(key, &message, &envelope, self.now()),
            Kind::Response | Kind::Error => self.mux.response(key, &message, &envelope, self.now()),
        }
    }

    /// The server answers the newest request with `text`, if that is JSON, or with nothing much.
    fn answer(&mut self, text: &[u8]) {
        if !self.connected {
            return;
        }
        let Some(request) = self.asked.pop() else { return };
        let Ok(envelope) = jsonrpc::scan(&request) else { return };
        let Some(id) = envelope.span(jsonrpc::Field::Id) else { return };
        let line = jsonrpc::build::response(id.of(&request), text);
        if self.mux.server_message(&line, self.now()).is_err() {
            let line =
                jsonrpc::build::response(id.of(&request), br#"{"capabilities":{"logging":{},"tasks":{}}}"#);
            assert!(self.mux.server_message(&line, self.now()).is_ok());
        }
    }

    fn settle(&mut self) {
        while let Some(effect) = self.mux.poll_effect() {
            match effect {
                Effect::ToServer(line) => {
                    assert!(self.connected, "a line for no process");
                    let line = check(&line);
                    if jsonrpc::scan(&line).is_ok_and(|envelope| envelope.kind() == Kind::Request) {
                        self.asked.push(line);
                    }
                }
                Effect::Answer { to, message } => {
                    let message = check(&message);
                    let kind = jsonrpc::scan(&message).map(|envelope| envelope.kind());
                    assert!(matches!(kind, Ok(Kind::Response | Kind::Error)));
                    self.end(to);
                }
                Effect::End { to } => self.end(to),
                Effect::Related { to, message } => {
                    check(&message);
                    assert!(self.exchanges[to].1, "a message follows the end of its exchange");
                }
                Effect::Background { to, message } => {
                    check(&message);
                    assert!(self.sessions[to].1, "a message for a session that is gone");
                }
                Effect::Ready { .. } | Effect::Refused { .. } | Effect::Dropped(_) => {}
            }
        }
    }

    fn end(&mut self, exchange: usize) {
        assert!(self.exchanges[exchange].1, "an exchange ends twice");
        self.exchanges[exchange].1 = false;
    }

    fn finish(mut self) {
        for who in 0..self.sessions.len() {
            self.detach(who);
            self.settle();
        }
        assert!(self.exchanges.iter().all(|(_, open)| !open), "a request had no end");
        // Also where no process ever came: what was held for it may be a subscription of our own.
        self.connected = false;
        self.mux.disconnected(&RpcError::new(code::SERVER_GONE, "gone"));
        self.settle();
        assert_eq!((self.mux.in_flight(), self.mux.members()), (0, 0));
        assert!(self.mux.is_idle());
    }
}

/// A message is one line of JSON.
fn check(message: &Payload) -> Bytes {
    let message = message.to_bytes();
    assert!(!message.contains(&b'\n') && !message.contains(&b'\r'));
    assert!(jsonrpc::scan(&message).is_ok(), "{}", String::from_utf8_lossy(&message));
    message
}
