//! A multiplexer with a server that is up: calls from clients of either era to servers of either.

use std::{hint::black_box, iter, time::Duration};

use bytes::Bytes;
use waggle_protocol::{
    jsonrpc::{Field, scan},
    mux::{Effect, LegacyMux, MemberKey, ModernMux, MuxLimits, Sharing},
    time::Timestamp,
};

const NOW: Timestamp = Timestamp::new(Duration::ZERO);
const LIMITS: MuxLimits = MuxLimits { in_flight: 1000, request_timeout: Duration::from_secs(300) };
const CALL: &[u8] = br#"{"jsonrpc":"2.0","id":"call-17","method":"tools/call","params":{"name":"echo","arguments":{"text":"The waggle dance tells the hive where the flowers are"},"_meta":{"progressToken":"a-17"}}}"#;
const MODERN_CALL: &[u8] = br#"{"jsonrpc":"2.0","id":"call-17","method":"tools/call","params":{"name":"echo","arguments":{"text":"The waggle dance tells the hive where the flowers are"},"_meta":{"progressToken":"a-17","io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{"elicitation":{"form":{}}},"io.modelcontextprotocol/clientInfo":{"name":"bee","version":"1"}}}}"#;
const HELLO: &[u8] = br#"{"protocolVersion":"2025-11-25","capabilities":{"elicitation":{}},"clientInfo":{"name":"bee","version":"1"}}"#;

/// What comes of a message: sessions and exchanges are numbers.
pub type Outcome = Effect<usize, usize>;

/// Who calls, and what serves it.
#[derive(Clone, Copy, Debug)]
pub enum Direction {
    /// Both up to 2025-11-25.
    LegacyToLegacy,
    /// A client of 2026-07-28.
    ModernToLegacy,
    /// A server of 2026-07-28.
    LegacyToModern,
    /// Both of 2026-07-28.
    ModernToModern,
}

impl Direction {
    /// Each once.
    pub const ALL: [Self; 4] =
        [Self::LegacyToLegacy, Self::ModernToLegacy, Self::LegacyToModern, Self::ModernToModern];

    /// For the name of a bench.
    pub fn name(self) -> &'static str {
        match self {
            Self::LegacyToLegacy => "legacy to legacy",
            Self::ModernToLegacy => "modern to legacy",
            Self::LegacyToModern => "legacy to modern",
            Self::ModernToModern => "modern to modern",
        }
    }

    fn is_from_modern(self) -> bool {
        matches!(self, Self::ModernToLegacy | Self::ModernToModern)
    }
}

#[derive(Debug)]
enum Mux {
    Legacy(LegacyMux<usize, usize>),
    Modern(ModernMux<usize, usize>),
}

/// See the module's documentation.
#[derive(Debug)]
pub struct Hive {
    mux: Mux,
    /// A legacy client, whether it is what calls or not.
    client: MemberKey,
    from_modern: bool,
}

impl Hive {
    /// One client, and one server that is up.
    pub fn new(direction: Direction) -> Self {
        let (mux, client) = match direction {
            Direction::LegacyToLegacy | Direction::ModernToLegacy => legacy(1),
            Direction::LegacyToModern | Direction::ModernToModern => modern(),
        };
        Self { mux, client, from_modern: direction.is_from_modern() }
    }

    /// One legacy server for this many initialized sessions.
    pub fn shared(sessions: usize) -> Self {
        let (mux, client) = legacy(sessions);
        Self { mux, client, from_modern: false }
    }

    /// A call of about 200 bytes, and what it makes of it.
    pub fn call(&mut self) -> Vec<Outcome> {
        let message = Bytes::from_static(black_box(if self.from_modern { MODERN_CALL } else { CALL }));
        let envelope = scan(&message).expect("a request");
        match (&mut self.mux, self.from_modern) {
            (Mux::Legacy(mux), false) => mux.request(self.client, 0, &message, &envelope, NOW),
            (Mux::Legacy(mux), true) => mux.call(0, &message, &envelope, NOW).map(drop),
            (Mux::Modern(mux), false) => mux.request(self.client, 0, &message, &envelope, NOW),
            (Mux::Modern(mux), true) => mux.call(0, &message, &envelope, NOW).map(drop),
        }
        .expect("there is room");
        self.outcomes().collect()
    }

    /// A message of the server's, and the first that comes of it.
    pub fn hear(&mut self, line: &Bytes) -> Option<Outcome> {
        match &mut self.mux {
            Mux::Legacy(mux) => mux.server_message(black_box(line), None, NOW),
            Mux::Modern(mux) => mux.server_message(black_box(line), None, NOW),
        }
        .expect("a message");
        self.outcomes().next()
    }

    /// What has come of all that went in.
    pub fn outcomes(&mut self) -> impl Iterator<Item = Outcome> {
        iter::from_fn(|| match &mut self.mux {
            Mux::Legacy(mux) => mux.poll_effect(),
            Mux::Modern(mux) => mux.poll_effect(),
        })
    }
}

fn legacy(sessions: usize) -> (Mux, MemberKey) {
    let mut mux = LegacyMux::new(Sharing::Shared, LIMITS);
    let keys: Vec<_> = (0..sessions).map(|session| mux.attach(session)).collect();
    keys.iter().for_each(|key| mux.initialized(*key));
    mux.connect(b"{}", NOW);
    let id = id_of(&iter::from_fn(|| mux.poll_effect()).collect::<Vec<_>>());
    let handshake =
        format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{"serverInfo":{{"name":"hive","version":"1"}}}}}}"#);
    mux.server_message(&handshake.into(), None, NOW).expect("a response");
    while mux.poll_effect().is_some() {}
    (Mux::Legacy(mux), keys[0])
}

fn modern() -> (Mux, MemberKey) {
    let mut mux = ModernMux::new(LIMITS, Bytes::from_static(b"{}"));
    let key = mux.attach(0, &Bytes::from_static(HELLO));
    mux.connect(NOW);
    let id = id_of(&iter::from_fn(|| mux.poll_effect()).collect::<Vec<_>>());
    let handshake =
        format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{"supportedVersions":["2026-07-28"]}}}}"#);
    mux.server_message(&handshake.into(), None, NOW).expect("a response");
    while mux.poll_effect().is_some() {}
    (Mux::Modern(mux), key)
}

/// The id of the request that goes to the server.
pub fn id_of(outcomes: &[Outcome]) -> String {
    let [Effect::ToServer(line)] = outcomes else { panic!("one line was expected: {outcomes:?}") };
    let line = line.to_bytes();
    let id = scan(&line).expect("a request").span(Field::Id).expect("a request has an id");
    String::from_utf8_lossy(id.of(&line)).into_owned()
}

/// A response of `size` bytes; the id comes last, as the TypeScript SDK has it.
pub fn answer(id: &str, size: usize) -> Bytes {
    let head = r#"{"result":{"content":[{"type":"text","text":""#;
    let tail = format!(r#""}}]}},"jsonrpc":"2.0","id":{id}}}"#);
    crate::filled(size, head, "The hive learns where the flowers are, and how far.\\n", "x", &tail).into()
}

/// Progress of the call with this id.
pub fn progress(id: &str) -> Bytes {
    format!(
        r#"{{"jsonrpc":"2.0","method":"notifications/progress","params":{{"progressToken":{id},"progress":17,"total":100,"message":"dancing"}}}}"#
    )
    .into()
}

/// What concerns every session.
pub const BROADCAST: &[u8] = br#"{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}"#;
