//! A world around a multiplexer of a legacy server: modern callers that choose equal ids and tokens, and a server
//! that answers, asks and withdraws in any order. Each message is followed to the call that it is about.

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
use serde_json::{Value, json};
use waggle_protocol::{
    error::{RpcError, code},
    jsonrpc,
    mux::{Effect, LegacyMux, MemberKey, MuxLimits, Sharing},
    time::Timestamp,
};

const LIMITS: MuxLimits = MuxLimits { in_flight: 20, request_timeout: Duration::from_secs(100) };

/// Callers choose equal ids and tokens; the name of the tool tells their calls apart.
struct Caller {
    key: MemberKey,
    state: State,
    round: u32,
}

#[derive(Clone, PartialEq)]
enum State {
    /// The exchange that is open.
    Waits(usize),
    /// The keys that it is to answer, and the server's number of each question.
    Away(BTreeMap<String, u64>),
    Over,
}

/// See the module's documentation.
pub(crate) struct World {
    mux: LegacyMux<(), usize>,
    shared: bool,
    now: Duration,
    callers: Vec<Caller>,
    exchanges: usize,
    lives: bool,
    /// What the server is at work on: the id of each request and its caller.
    pending: BTreeMap<u64, usize>,
    /// Questions of the server's that are open: the caller that each is about.
    questions: BTreeMap<u64, usize>,
    asked: u64,
    /// Ids that the server has read a cancellation of, and answers all the same.
    cancelled: Vec<u64>,
}

impl World {
    pub(crate) fn new(sharing: Sharing) -> Self {
        Self {
            mux: LegacyMux::new(sharing, LIMITS),
            shared: sharing == Sharing::Shared,
            now: Duration::ZERO,
            callers: Vec::new(),
            exchanges: 0,
            lives: false,
            pending: BTreeMap::new(),
            questions: BTreeMap::new(),
            asked: 0,
            cancelled: Vec::new(),
        }
    }

    fn now(&self) -> Timestamp {
        Timestamp::new(self.now)
    }

    /// Does something; `what` chooses it, `which` its object.
    pub(crate) fn step(&mut self, what: u8, which: u8) {
        match what % 16 {
            // Most of the time a leased process has one call at once.
            0..=3 if self.shared || self.pending.is_empty() || which < 16 => self.call(),
            4 => self.answer(which),
            5 if which < 80 => self.answer(which),
            6 => self.progress(which),
            0..=3 | 7..=8 => self.ask(which),
            9 => self.withdraw(which),
            10..=11 => self.resume(which),
            12 if which < 100 => self.detach(which),
            13 => self.pass(Duration::from_millis(u64::from(which % 48))),
            14 if which > 200 => self.pass(Duration::from_secs(u64::from(which) - 150)),
            15 if which > 220 => self.disconnect(),
            _ => self.connect(),
        }
        // The server answers some of what was cancelled.
        for id in std::mem::take(&mut self.cancelled) {
            self.tell(&json!({"jsonrpc": "2.0", "id": id, "result": {}}));
        }
        self.pass(Duration::ZERO);
        assert!(self.mux.next_deadline().is_none_or(|next| next > self.now()));
    }

    /// The request of a caller, on a new exchange.
    fn request(&mut self, caller: usize, input: Option<Value>) -> Bytes {
        self.exchanges += 1;
        let mut params = json!({
            "name": caller,
            "_meta": {
                "progressToken": "t",
                "io.modelcontextprotocol/clientCapabilities": {"roots": {}, "sampling": {}},
            },
        });
        if let Some(input) = input {
            params["inputResponses"] = input;
            params["requestState"] = json!("state");
        }
        json!({"jsonrpc": "2.0", "id": "same", "method": "tools/call", "params": params}).to_string().into()
    }

    fn call(&mut self) {
        let message = self.request(self.callers.len(), None);
        let envelope = jsonrpc::scan(&message).expect("a request");
        if let Ok(key) = self.mux.call(self.exchanges, &message, &envelope, self.now()) {
            self.callers.push(Caller { key, state: State::Waits(self.exchanges), round: 0 });
        }
        self.settle();
    }

    fn resume(&mut self, which: u8) {
        let away = |caller: &Caller| matches!(caller.state, State::Away(_));
        let Some(index) = self.pick(which, away) else { return };
        let State::Away(asked) = &self.callers[index].state else { return };
        // Some answers may be missing.
        let given = asked.iter().skip(usize::from(which > 180));
        let input = given.map(|(key, number)| (key.clone(), json!({"to": number}))).collect();
        let message = self.request(index, Some(Value::Object(input)));
        let envelope = jsonrpc::scan(&message).expect("a request");
        let (key, round, exchange, now) =
            (self.callers[index].key, self.callers[index].round, self.exchanges, self.now());
        let stale = self.mux.resume(key, round + 1, exchange, &message, &envelope, now);
        assert_eq!(stale.map_err(|error| error.code), Err(code::INVALID_PARAMS));
        self.callers[index].state = State::Waits(exchange);
        self.mux.resume(key, round, exchange, &message, &envelope, now).expect("it is the round");
        self.settle();
    }

    fn detach(&mut self, which: u8) {
        if let Some(index) = self.pick(which, |caller| caller.state != State::Over) {
            self.mux.detach(self.callers[index].key, self.now());
            self.settle();
            if let State::Away(_) = self.callers[index].state {
                self.callers[index].state = State::Over;
            }
            assert!(self.callers[index].state == State::Over, "a detached caller got no end");
        }
    }

    fn pick(&self, which: u8, accept: impl Fn(&Caller) -> bool) -> Option<usize> {
        let of: Vec<usize> = (0..self.callers.len()).filter(|index| accept(&self.callers[*index])).collect();
        of.get(usize::from(which) % of.len().max(1)).copied()
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
        self.mux.expire(self.now());
        self.settle();
    }

    pub(crate) fn connect(&mut self) {
        if !self.lives {
            self.lives = true;
            self.mux.connect(b"{}", self.now());
            let Some(Effect::ToServer(line)) = self.mux.poll_effect() else { panic!("no handshake") };
            let id = value(&line.to_bytes())["id"].clone();
            self.tell(&json!({"jsonrpc": "2.0", "id": id, "result": {"capabilities": {}}}));
        }
    }

    fn disconnect(&mut self) {
        if self.lives {
            self.lives = false;
            self.mux.disconnected(&RpcError::new(code::SERVER_GONE, "gone"));
            self.pending.clear();
            self.cancelled.clear();
            self.questions.clear();
            self.settle();
            assert!(self.callers.iter().all(|caller| !matches!(caller.state, State::Waits(_))));
        }
    }

    fn tell(&mut self, message: &Value) {
        self.mux.server_message(&message.to_string().into(), None, self.now()).expect("a message");
        self.settle();
    }

    fn one_pending(&self, which: u8) -> Option<(u64, usize)> {
        let at = usize::from(which) % self.pending.len().max(1);
        self.pending.iter().nth(at).map(|(id, caller)| (*id, *caller))
    }

    fn answer(&mut self, which: u8) {
        if let Some((id, caller)) = self.one_pending(which) {
            self.pending.remove(&id);
            self.tell(&json!({"jsonrpc": "2.0", "id": id, "result": {"of": caller}}));
            assert!(!matches!(self.callers[caller].state, State::Waits(_)), "an answer was lost");
        }
    }

    fn progress(&mut self, which: u8) {
        if let Some((id, caller)) = self.one_pending(which) {
            let params = json!({"progressToken": id, "progress": caller});
            self.tell(&json!({"jsonrpc": "2.0", "method": "notifications/progress", "params": params}));
        }
    }

    fn ask(&mut self, which: u8) {
        if let Some((_, caller)) = self.one_pending(which) {
            self.asked += 1;
            self.questions.insert(self.asked, caller);
            let (id, params) = (self.asked, json!({"of": caller, "number": self.asked}));
            let method = if which.is_multiple_of(2) { "sampling/createMessage" } else { "roots/list" };
            self.tell(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}));
        }
    }

    fn withdraw(&mut self, which: u8) {
        let at = usize::from(which) % self.questions.len().max(1);
        if let Some(id) = self.questions.keys().nth(at).copied() {
            self.questions.remove(&id);
            let params = json!({"requestId": id});
            self.tell(&json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": params}));
        }
    }

    /// The caller whose exchange is open.
    fn waits(&mut self, to: usize) -> (usize, &mut Caller) {
        let mut callers = self.callers.iter_mut().enumerate();
        callers.find(|(_, caller)| caller.state == State::Waits(to)).expect("an exchange has ended already")
    }

    fn settle(&mut self) {
        while let Some(effect) = self.mux.poll_effect() {
            match effect {
                Effect::ToServer(line) => self.received(&value(&line.to_bytes())),
                Effect::Answer { to, message, error } => {
                    let message = value(&message.to_bytes());
                    let (index, caller) = self.waits(to);
                    caller.state = State::Over;
                    assert_eq!(message["id"], "same");
                    match error {
                        Some(_) => assert_eq!(message["error"]["code"].as_i64(), error),
                        None => assert_eq!(message["result"], json!({"resultType": "complete", "of": index})),
                    }
                }
                Effect::End { to } => self.waits(to).1.state = State::Over,
                Effect::Related { to, message } => {
                    let message = value(&message.to_bytes());
                    let (index, _) = self.waits(to);
                    assert_eq!(message["params"], json!({"progressToken": "t", "progress": index}));
                }
                Effect::InputRequired { to, id, member, round, requests } => {
                    let requests = value(&requests);
                    let (index, caller) = self.waits(to);
                    assert_eq!((&id[..], member, round), (&b"\"same\""[..], caller.key, caller.round + 1));
                    let keys = requests.as_object().expect("an object").iter().map(|(key, request)| {
                        assert_eq!(request["params"]["of"], index, "a question reached another");
                        (key.clone(), request["params"]["number"].as_u64().expect("a number"))
                    });
                    let asked: BTreeMap<_, _> = keys.collect();
                    assert!(!asked.is_empty());
                    (caller.state, caller.round) = (State::Away(asked), round);
                }
                Effect::Background { .. } => panic!("there is no session"),
                Effect::Refused { .. } => panic!("the handshake was not refused"),
                Effect::Ready { .. } | Effect::ListChanged(_) | Effect::Dropped(_) => {}
            }
        }
    }

    /// The server reads a line.
    fn received(&mut self, line: &Value) {
        match line["method"].as_str() {
            Some("tools/call") => {
                let id = line["id"].as_u64().expect("a number");
                assert_eq!(line["params"]["_meta"]["progressToken"], id);
                assert!(line["params"].get("inputResponses").is_none());
                let caller = line["params"]["name"].as_u64().expect("a number") as usize;
                assert!(self.pending.insert(id, caller).is_none());
            }
            Some("notifications/cancelled") => {
                let id = line["params"]["requestId"].as_u64().expect("a number");
                self.pending.remove(&id);
                self.cancelled.extend((!id.is_multiple_of(3)).then_some(id));
            }
            Some(_) => {}
            None => {
                let id = line["id"].as_u64().expect("a number");
                let known = self.questions.remove(&id);
                assert!(known.is_some(), "an answer to nothing: {line}");
                if let Some(to) = line["result"].get("to") {
                    assert_eq!(to, id, "an answer to another question");
                }
            }
        }
    }

    /// Ends everything, and looks for what is left over.
    pub(crate) fn finish(mut self) {
        self.connect();
        for index in 0..self.callers.len() {
            if self.callers[index].state != State::Over {
                self.mux.detach(self.callers[index].key, self.now());
                self.settle();
            }
        }
        let waits = |caller: &Caller| matches!(caller.state, State::Waits(_));
        assert!(!self.callers.iter().any(waits), "an exchange had no end");
        assert!(self.questions.is_empty(), "a question had no end");
        assert!(self.pending.is_empty() && self.mux.in_flight() == 0 && self.mux.is_idle());
        self.pass(LIMITS.request_timeout);
        assert!(self.mux.is_quiet() && self.mux.next_deadline().is_none());
    }
}

fn value(raw: &[u8]) -> Value {
    serde_json::from_slice(raw).expect("JSON")
}
