//! Clients and a server that say what they like. Whatever it is: no panic, every exchange has at most one end, none
//! comes for a session that is gone, and in the end every exchange has had one and nothing is left.

use std::time::Duration;

use bytes::Bytes;
use waggle_protocol::{
    error::{RpcError, code},
    jsonrpc::{self, Envelope, Kind, Payload},
    mux::{Effect, LegacyMux, MemberKey, ModernMux, MuxLimits, Sharing},
    time::Timestamp,
};

pub(crate) const LIMITS: MuxLimits = MuxLimits { in_flight: 8, request_timeout: Duration::from_secs(10) };

/// A handshake of either era.
const WELCOME: &[u8] = br#"{"supportedVersions":["2026-07-28"],"capabilities":{"logging":{},"tasks":{},"tools":{"listChanged":true},"resources":{"subscribe":true}}}"#;

/// What a world is around. A target makes one of the two.
#[allow(dead_code, clippy::large_enum_variant)]
pub(crate) enum Mux {
    Legacy(LegacyMux<usize, usize>),
    Modern(ModernMux<usize, usize>),
}

/// What both multiplexers have.
macro_rules! each {
    ($mux:expr, $name:ident => $does:expr) => {
        match $mux {
            Mux::Legacy($name) => $does,
            Mux::Modern($name) => $does,
        }
    };
}

struct World {
    mux: Mux,
    sharing: Sharing,
    connected: bool,
    now: Duration,
    /// By number: the key, and whether it is attached.
    sessions: Vec<(MemberKey, bool)>,
    /// Modern clients' requests: the key, and the round that it is to come back from.
    callers: Vec<(MemberKey, u32)>,
    /// By number: whether no end has come yet.
    exchanges: Vec<bool>,
    /// Lines for the server, the newest last: it answers what it was asked now and then.
    asked: Vec<Bytes>,
}

/// Each step is a line of the input: a byte that says whose it is, and what is said.
pub(crate) fn run(mux: Mux, sharing: Sharing, input: &[u8]) {
    let mut world = World {
        mux,
        sharing,
        connected: false,
        now: Duration::ZERO,
        sessions: Vec::new(),
        callers: Vec::new(),
        exchanges: Vec::new(),
        asked: Vec::new(),
    };
    for line in input.split(|byte| *byte == b'\n') {
        if let Some((what, text)) = line.split_first() {
            world.step(*what, text);
            world.settle();
        }
    }
    world.finish();
}

impl World {
    fn now(&self) -> Timestamp {
        Timestamp::new(self.now)
    }

    fn step(&mut self, what: u8, text: &[u8]) {
        let number = usize::from(what >> 4);
        let who = number.checked_rem(self.sessions.len()).unwrap_or_default();
        let caller = number.checked_rem(self.callers.len()).unwrap_or_default();
        match what & 15 {
            0 => self.attach(text),
            1 => self.detach(who),
            2 if !self.connected => {
                self.connected = true;
                let now = self.now();
                match &mut self.mux {
                    Mux::Legacy(mux) => mux.connect(b"{}", now),
                    Mux::Modern(mux) => mux.connect(now),
                }
            }
            3 if self.connected => self.disconnect(),
            3 => each!(&mut self.mux, mux => mux.end_listens()),
            4 => self.pass(Duration::from_secs(u64::from(what >> 4)) + Duration::from_millis(20)),
            5..=6 => self.client(who, text),
            7 => self.call(text),
            8 => self.resume(caller, text),
            9 => self.leave(caller),
            10..=11 => self.answer(text),
            _ if self.connected => {
                let (line, origin) = (Bytes::copy_from_slice(text), u64::from(what >> 4));
                let (origin, now) = ((origin > 0).then_some(origin), self.now());
                let _ = each!(&mut self.mux, mux => mux.server_message(&line, origin, now));
            }
            _ => {}
        }
    }

    fn attach(&mut self, hello: &[u8]) {
        // A process of its own is a session's, or it serves calls; never both.
        let most = match self.sharing {
            Sharing::Shared => 4,
            Sharing::Exclusive if self.callers.is_empty() => 1,
            Sharing::Exclusive => 0,
        };
        if self.sessions.iter().filter(|(_, attached)| *attached).count() < most {
            let session = self.sessions.len();
            let key = match &mut self.mux {
                Mux::Legacy(mux) => mux.attach(session),
                Mux::Modern(mux) => mux.attach(session, &Bytes::copy_from_slice(hello)),
            };
            self.sessions.push((key, true));
        }
    }

    fn detach(&mut self, who: usize) {
        if let Some((key, attached)) = self.sessions.get_mut(who) {
            *attached = false;
            let (key, now) = (*key, self.now());
            each!(&mut self.mux, mux => mux.detach(key, now));
        }
    }

    fn disconnect(&mut self) {
        self.connected = false;
        let error = RpcError::new(code::SERVER_GONE, "gone");
        each!(&mut self.mux, mux => mux.disconnected(&error));
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
        let now = self.now();
        each!(&mut self.mux, mux => mux.expire(now));
        self.settle();
        let next = each!(&self.mux, mux => mux.next_deadline());
        assert!(next.is_none_or(|next| next > now), "what is due is done");
    }

    fn open(&mut self) -> usize {
        self.exchanges.push(true);
        self.exchanges.len() - 1
    }

    fn client(&mut self, who: usize, text: &[u8]) {
        let Some((key, _)) = self.sessions.get(who).copied() else { return };
        let Some((message, envelope)) = message(text) else { return };
        let now = self.now();
        match envelope.kind() {
            Kind::Request => {
                let to = self.open();
                let taken = each!(&mut self.mux, mux => mux.request(key, to, &message, &envelope, now));
                self.exchanges[to] = taken.is_ok();
            }
            Kind::Notification if envelope.method(&message) == "notifications/initialized" => {
                each!(&mut self.mux, mux => mux.initialized(key));
            }
            Kind::Notification => {
                each!(&mut self.mux, mux => mux.notification(key, &message, &envelope, now));
            }
            Kind::Response | Kind::Error => {
                each!(&mut self.mux, mux => mux.response(key, &message, &envelope, now));
            }
        }
    }

    /// A modern client's request.
    fn call(&mut self, text: &[u8]) {
        let Some((message, envelope)) = request(text) else { return };
        if self.sharing == Sharing::Exclusive && !self.sessions.is_empty() {
            return;
        }
        let (to, now) = (self.open(), self.now());
        let taken = match &mut self.mux {
            Mux::Legacy(mux) if envelope.method(&message) == "subscriptions/listen" => {
                mux.listen(to, &message, &envelope, now)
            }
            mux => each!(mux, mux => mux.call(to, &message, &envelope, now)),
        };
        match taken {
            Ok(key) => self.callers.push((key, 0)),
            Err(_) => self.exchanges[to] = false,
        }
    }

    /// A modern client comes back, also if it was not asked for anything.
    fn resume(&mut self, caller: usize, text: &[u8]) {
        let Some((key, round)) = self.callers.get(caller).copied() else { return };
        let Some((message, envelope)) = request(text) else { return };
        let (to, now) = (self.exchanges.len(), self.now());
        if let Mux::Legacy(mux) = &mut self.mux {
            let taken = mux.resume(key, round, to, &message, &envelope, now);
            self.exchanges.push(taken.is_ok());
        }
    }

    fn leave(&mut self, caller: usize) {
        if let Some((key, _)) = self.callers.get(caller).copied() {
            let now = self.now();
            each!(&mut self.mux, mux => mux.detach(key, now));
        }
    }

    /// The server answers the newest request with `text`, if that is JSON, or with a handshake.
    fn answer(&mut self, text: &[u8]) {
        if !self.connected {
            return;
        }
        let Some(request) = self.asked.pop() else { return };
        let Ok(envelope) = jsonrpc::scan(&request) else { return };
        let Some(id) = envelope.span(jsonrpc::Field::Id) else { return };
        let now = self.now();
        let line = jsonrpc::build::response(id.of(&request), text);
        if each!(&mut self.mux, mux => mux.server_message(&line, None, now)).is_err() {
            let line = jsonrpc::build::response(id.of(&request), WELCOME);
            assert!(each!(&mut self.mux, mux => mux.server_message(&line, None, now)).is_ok());
        }
    }

    fn settle(&mut self) {
        while let Some(effect) = each!(&mut self.mux, mux => mux.poll_effect()) {
            match effect {
                Effect::ToServer(line) => {
                    assert!(self.connected, "a line for no process");
                    let line = check(&line);
                    if jsonrpc::scan(&line).is_ok_and(|envelope| envelope.kind() == Kind::Request) {
                        self.asked.push(line);
                    }
                }
                Effect::Answer { to, message, error } => {
                    let kind = jsonrpc::scan(&check(&message)).map(|envelope| envelope.kind());
                    assert_eq!(kind, Ok(if error.is_some() { Kind::Error } else { Kind::Response }));
                    self.end(to);
                }
                Effect::End { to } => self.end(to),
                Effect::InputRequired { to, member, round, requests, .. } => {
                    assert!(jsonrpc::members(&requests).is_ok_and(|requests| !requests.is_empty()));
                    let caller = self.callers.iter_mut().find(|(key, _)| *key == member);
                    let (_, last) = caller.expect("only modern clients are asked so");
                    assert_eq!(round, *last + 1);
                    *last = round;
                    self.end(to);
                }
                Effect::Related { to, message } => {
                    check(&message);
                    assert!(self.exchanges[to], "a message follows the end of its exchange");
                }
                Effect::Background { to, message } => {
                    check(&message);
                    assert!(self.sessions[to].1, "a message for a session that is gone");
                }
                Effect::Ready { .. }
                | Effect::Refused { .. }
                | Effect::ListChanged(_)
                | Effect::Dropped(_) => {}
            }
        }
    }

    fn end(&mut self, exchange: usize) {
        assert!(self.exchanges[exchange], "an exchange ends twice");
        self.exchanges[exchange] = false;
    }

    fn finish(mut self) {
        for caller in 0..self.callers.len() {
            self.leave(caller);
            self.settle();
        }
        for who in 0..self.sessions.len() {
            self.detach(who);
            self.settle();
        }
        assert!(!self.exchanges.contains(&true), "an exchange had no end");
        // Also where no process ever came: what was held for it may be a subscription of our own.
        self.disconnect();
        self.settle();
        each!(&self.mux, mux => {
            assert_eq!((mux.in_flight(), mux.members(), mux.held_bytes()), (0, 0, 0));
            assert!(mux.is_idle());
        });
    }
}

/// What a client may say, as its edge passes it on.
fn message(text: &[u8]) -> Option<(Bytes, Envelope)> {
    let message = Bytes::copy_from_slice(text);
    let envelope = jsonrpc::scan(&message).ok()?;
    Some((jsonrpc::one_line(message, &envelope), envelope))
}

fn request(text: &[u8]) -> Option<(Bytes, Envelope)> {
    message(text).filter(|(_, envelope)| envelope.kind() == Kind::Request)
}

/// A message is one line of JSON.
fn check(message: &Payload) -> Bytes {
    let message = message.to_bytes();
    assert!(!message.contains(&b'\n') && !message.contains(&b'\r'));
    assert!(jsonrpc::scan(&message).is_ok(), "{}", String::from_utf8_lossy(&message));
    message
}
