//! What the server answered to `initialize`: the reason why a session needs no process until its first
//! request.

use std::collections::HashMap;

use bytes::Bytes;
use parking_lot::Mutex;
use serde_json::{Map, Value, json};
use tokio::sync::watch;
use waggle_protocol::{modern::discover, mux::Sharing, version::ProtocolVersion};

use super::{Era, Terms};

/// Answers remembered for kinds of clients that the server treats differently.
const KINDS: usize = 64;

/// One answer to `initialize`.
#[derive(Clone, Debug)]
pub(crate) struct Handshake {
    raw: Bytes,
    result: Map<String, Value>,
    version: ProtocolVersion,
    /// The revisions that the server says it speaks.
    spoken: Vec<String>,
}

impl Handshake {
    /// What a modern server says of itself, in the terms of `initialize`.
    fn discovered(raw: &[u8]) -> Option<Self> {
        let version = ProtocolVersion::LATEST;
        let result = discover::initialize_from_discover(raw, version)?;
        let said: Value = serde_json::from_slice(raw).ok()?;
        let spoken = said["supportedVersions"].as_array().into_iter().flatten();
        let spoken = spoken.filter_map(|revision| revision.as_str().map(str::to_owned)).collect();
        Some(Self { result: serde_json::from_slice(&result).ok()?, raw: result.into(), version, spoken })
    }

    fn parse(raw: &[u8], sharing: Sharing) -> Option<Self> {
        let mut result: Map<String, Value> = serde_json::from_slice(raw).ok()?;
        let spoken = result.get("protocolVersion").and_then(Value::as_str).map(str::to_owned);
        let version = spoken.as_deref().and_then(ProtocolVersion::parse);
        if sharing == Sharing::Shared
            && let Some(capabilities) = result.get_mut("capabilities").and_then(Value::as_object_mut)
        {
            // A task belongs to one session; a shared server cannot tell whose.
            capabilities.shift_remove("tasks");
        }
        Some(Self {
            raw: Bytes::copy_from_slice(raw),
            result,
            version: version.unwrap_or(ProtocolVersion::LATEST),
            // It tells one only: the one that it answers with.
            spoken: spoken.into_iter().collect(),
        })
    }

    /// The revisions that the server says it speaks: all of them if it is modern, else the one that it chose.
    pub(crate) fn spoken(&self) -> &[String] {
        &self.spoken
    }

    /// Whether the server declares this capability.
    pub(super) fn offers(&self, capability: &str) -> bool {
        self.result.get("capabilities").is_some_and(|capabilities| capabilities[capability].is_object())
    }

    /// Whether the other is of a server of another name or version.
    fn is_of_another(&self, other: &Self) -> bool {
        let info = |handshake: &Self, key| handshake.result.get("serverInfo").map(|info| info[key].clone());
        ["name", "version"].into_iter().any(|key| info(self, key) != info(other, key))
    }

    /// The server's `serverInfo`, `capabilities` and so on, as it gave them.
    pub(crate) fn result(&self) -> &Map<String, Value> {
        &self.result
    }

    /// The result of `initialize` as the server gave it.
    pub(crate) fn raw(&self) -> &[u8] {
        &self.raw
    }

    /// The revision that the server chose.
    pub(crate) fn version(&self) -> ProtocolVersion {
        self.version
    }

    /// The result for a client that asked for `requested`, and the revision that it names.
    pub(crate) fn result_for(&self, requested: Option<ProtocolVersion>) -> (Vec<u8>, ProtocolVersion) {
        let version = ProtocolVersion::negotiate(requested, self.version);
        let mut result = self.result.clone();
        result.insert("protocolVersion".to_owned(), json!(version.as_str()));
        (Value::Object(result).to_string().into_bytes(), version)
    }
}

/// The answers of one server configuration.
#[derive(Debug)]
pub(crate) struct Handshakes {
    sharing: Sharing,
    /// The newest answer to Waggle's own `initialize`, which serves every client at first.
    general: watch::Sender<Option<Handshake>>,
    /// Answers that differed, by what the client sent.
    particular: Mutex<HashMap<Bytes, Handshake>>,
}

impl Handshakes {
    pub(crate) fn new(sharing: Sharing) -> Self {
        Self { sharing, general: watch::Sender::new(None), particular: Mutex::default() }
    }

    /// The params of Waggle's own `initialize`. No client capabilities: what they would allow the server to
    /// ask belongs to a client of its own.
    pub(crate) fn own_params() -> Bytes {
        Self::params_with(b"{}")
    }

    /// The same, with these raw client capabilities.
    pub(crate) fn params_with(capabilities: &[u8]) -> Bytes {
        let params = [
            br#"{"protocolVersion":""#,
            ProtocolVersion::LATEST.as_str().as_bytes(),
            br#"","capabilities":"#,
            capabilities,
            br#","clientInfo":"#,
            &Self::own_identity(),
            b"}",
        ];
        params.concat().into()
    }

    /// Waggle as an `Implementation`.
    pub(crate) fn own_identity() -> Bytes {
        json!({ "name": "waggle", "version": env!("CARGO_PKG_VERSION") }).to_string().into()
    }

    /// The server has answered the handshake of an upstream of these terms. True if what is known of it seems to be
    /// of another server.
    pub(crate) fn learn(&self, terms: &Terms, raw: &[u8]) -> bool {
        let params = &terms.initialize;
        let handshake = match terms.dialect.era() {
            Era::Modern => Handshake::discovered(raw),
            Era::Legacy => Handshake::parse(raw, self.sharing),
        };
        let Some(handshake) = handshake else { return false };
        if *params == Self::own_params() {
            self.general.send_replace(Some(handshake));
            return false;
        }
        let general = self.general.borrow();
        let expected = general.as_ref().map(|general| general.result_for(requested(params)).0);
        let mut particular = self.particular.lock();
        if expected == Some(handshake.result_for(Some(handshake.version)).0) {
            particular.remove(&kind(params));
            return false;
        }
        // A server that calls itself otherwise to this kind of client is no news the next time.
        let before = particular.get(&kind(params)).or(general.as_ref());
        let news = before.is_some_and(|before| before.is_of_another(&handshake));
        let kept = particular.len() < KINDS;
        if kept {
            tracing::debug!("the server answers initialize differently for this kind of client");
            particular.insert(kind(params), handshake);
        }
        news && kept
    }

    /// The answer for a client that sent `params`, once the server has answered anyone.
    pub(crate) async fn answer(&self, params: &Bytes) -> Handshake {
        if let Some(handshake) = self.particular.lock().get(&kind(params)) {
            return handshake.clone();
        }
        let mut general = self.general.subscribe();
        loop {
            if let Some(handshake) = general.borrow_and_update().clone() {
                return handshake;
            }
            // The sender lives as long as `self`: this only ever waits.
            let _ = general.changed().await;
        }
    }

    /// The newest general answer.
    pub(crate) fn known(&self) -> Option<Handshake> {
        self.general.borrow().clone()
    }
}

pub(crate) fn requested(params: &[u8]) -> Option<ProtocolVersion> {
    let params: Value = serde_json::from_slice(params).ok()?;
    ProtocolVersion::parse(params["protocolVersion"].as_str()?)
}

/// What a server may make its answer depend on: the revision and the capabilities, not who is asking.
fn kind(params: &[u8]) -> Bytes {
    let params: Value = serde_json::from_slice(params).unwrap_or_default();
    json!([params["protocolVersion"], params["capabilities"]]).to_string().into()
}
