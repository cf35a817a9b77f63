//! Modern clients that listen (`subscriptions/listen`). The server knows nothing of it: what it says of changes
//! is given to those who asked for that kind, and the resources that they name are subscribed to for all.
//!
//! ```text
//!            link is up           all URIs settled
//!   Waiting ────────────▶ Asking ─────────────────▶ Open (acknowledged)
//!                          │  ▲
//!                          └──┘ another process
//! ```

use bytes::Bytes;
use serde_json::Value;

use super::{
    Effect, LegacyMux, ListKind, MemberKey, Overloaded, Own, link::ServerCapabilities, retain, uri_params,
};
use crate::{
    error::{RpcError, code},
    jsonrpc::{self, Edit, Envelope, Field, Payload, Span, object, text},
    mux::subscriptions::{Subscribe, Waiter},
    time::Timestamp,
};

#[derive(Debug)]
pub(super) struct Listener<X> {
    to: X,
    /// The client's raw id of the request, and so of the subscription.
    id: Bytes,
    /// What it asked for; once it is acknowledged, what it has been granted.
    filter: Filter,
    state: State,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    Waiting,
    /// The server has still to settle so many of its URIs.
    Asking(usize),
    Open,
}

/// The `notifications` of a listen.
#[derive(Debug, Default)]
struct Filter {
    tools: bool,
    prompts: bool,
    resources: bool,
    uris: Vec<String>,
}

impl Filter {
    /// Reads the raw object. `None` if it is none, or a member of it is not what it must be; unknown ones are
    /// asked of somebody else.
    fn parse(raw: &[u8]) -> Option<Self> {
        let value: Value = serde_json::from_slice(raw).ok().filter(Value::is_object)?;
        let flag = |name: &str| value.get(name).map_or(Some(false), Value::as_bool);
        let mut filter = Self {
            tools: flag("toolsListChanged")?,
            prompts: flag("promptsListChanged")?,
            resources: flag("resourcesListChanged")?,
            uris: Vec::new(),
        };
        if let Some(uris) = value.get("resourceSubscriptions") {
            let uris = uris.as_array()?.iter().map(|uri| uri.as_str().map(str::to_owned));
            filter.uris = uris.collect::<Option<_>>()?;
            filter.uris.sort();
            filter.uris.dedup();
        }
        Some(filter)
    }

    fn wants(&self, kind: ListKind) -> bool {
        match kind {
            ListKind::Tools => self.tools,
            ListKind::Prompts => self.prompts,
            ListKind::Resources => self.resources,
        }
    }

    /// Whether an update of `uri` was asked for: it may name a sub-resource.
    fn covers(&self, uri: &str) -> bool {
        self.uris.iter().any(|held| uri.starts_with(&**held))
    }

    /// Leaves what the server can do.
    fn narrow(&mut self, server: ServerCapabilities) {
        self.tools &= server.changes(ListKind::Tools);
        self.prompts &= server.changes(ListKind::Prompts);
        self.resources &= server.changes(ListKind::Resources);
        if !server.subscribe {
            self.uris.clear();
        }
    }

    /// As the raw `notifications` of the acknowledgement.
    fn granted(&self) -> String {
        let flags = [
            ("toolsListChanged", self.tools),
            ("promptsListChanged", self.prompts),
            ("resourcesListChanged", self.resources),
        ];
        let mut members: Vec<String> = flags
            .iter()
            .filter(|(_, granted)| *granted)
            .map(|(name, _)| format!(r#""{name}":true"#))
            .collect();
        if !self.uris.is_empty() {
            let uris: Vec<String> = self.uris.iter().map(|uri| text::quote(uri)).collect();
            members.push(format!(r#""resourceSubscriptions":[{}]"#, uris.join(",")));
        }
        format!("{{{}}}", members.join(","))
    }
}

impl<X: Clone> Listener<X> {
    fn subscription(&self) -> String {
        format!(r#""io.modelcontextprotocol/subscriptionId":{}"#, String::from_utf8_lossy(&self.id))
    }

    fn related<S>(&self, message: Payload) -> Effect<S, X> {
        Effect::Related { to: self.to.clone(), message }
    }

    fn acknowledge<S>(&mut self) -> Effect<S, X> {
        self.state = State::Open;
        let params =
            format!(r#"{{"notifications":{},"_meta":{{{}}}}}"#, self.filter.granted(), self.subscription());
        let method = "notifications/subscriptions/acknowledged";
        self.related(jsonrpc::build::notification(method, Some(params.as_bytes())).into())
    }

    /// The server's notification as one of this subscription.
    fn tagged<S>(&self, line: &Bytes, envelope: &Envelope) -> Effect<S, X> {
        let tag = self.subscription();
        let at = |field| envelope.span(field);
        let is_object = |span: Span| span.of(line)[0] == b'{';
        let edit = match (at(Field::Params), at(Field::Meta), at(Field::MetaSubscriptionId)) {
            (_, _, Some(at)) => Edit { at, with: self.id.clone() },
            (_, Some(meta), _) if is_object(meta) => object::insert(line, meta, format!("{tag},").into()),
            (_, Some(at), _) => Edit { at, with: format!("{{{tag}}}").into() },
            (Some(params), ..) if is_object(params) => {
                object::insert(line, params, format!(r#""_meta":{{{tag}}},"#).into())
            }
            (Some(at), ..) => Edit { at, with: format!(r#"{{"_meta":{{{tag}}}}}"#).into() },
            (None, ..) => {
                let end = memchr::memrchr(b'}', line).unwrap_or(line.len()) as u32;
                let with = format!(r#","params":{{"_meta":{{{tag}}}}}"#).into();
                Edit { at: Span::empty(end), with }
            }
        };
        self.related(jsonrpc::splice(line, &[edit]).compact())
    }
}

impl<S: Clone, X: Clone> LegacyMux<S, X> {
    /// A modern client's `subscriptions/listen`. It is acknowledged once the link is up and the server has
    /// settled the subscriptions that it needs; then what it was granted follows, over all processes to come,
    /// until `detach` or [`LegacyMux::end_listens`].
    ///
    /// # Errors
    /// [`Overloaded`]: nothing was done.
    pub fn listen(
        &mut self,
        to: X,
        message: &Bytes,
        envelope: &Envelope,
        now: Timestamp,
    ) -> Result<MemberKey, Overloaded> {
        let key = self.new_key();
        let Some(id) = envelope.span(Field::Id).map(|span| retain(span, message)) else {
            self.effects.push_back(Effect::End { to });
            return Ok(key);
        };
        let filter =
            envelope.span(Field::ParamsNotifications).and_then(|span| Filter::parse(span.of(message)));
        let Some(filter) = filter else {
            let error =
                RpcError::new(code::INVALID_PARAMS, "notifications must be an object of what to listen to");
            self.answer_error(to, &error, &id);
            return Ok(key);
        };
        let asked = self.in_flight() + self.subscriptions.waiting() + filter.uris.len();
        if asked > self.limits.in_flight || self.listeners.len() >= self.limits.in_flight {
            return Err(Overloaded);
        }
        self.listeners.insert(key, Listener { to, id, filter, state: State::Waiting });
        if self.is_up() {
            self.start_listening(key, now);
        }
        Ok(key)
    }

    /// Ends every listen with its result: nothing more will come.
    pub fn end_listens(&mut self) {
        let server_info = String::from_utf8_lossy(self.completion.server_info()).into_owned();
        for (key, mut listener) in std::mem::take(&mut self.listeners) {
            self.subscriptions.release_all(key);
            if listener.state != State::Open {
                listener.filter = Filter::default();
                self.effects.push_back(listener.acknowledge());
            }
            let tag = listener.subscription();
            let result = format!(r#"{{"resultType":"complete","_meta":{{{server_info}{tag}}}}}"#);
            self.answer(listener.to, jsonrpc::build::response(&listener.id, result.as_bytes()));
        }
    }

    fn start_listening(&mut self, key: MemberKey, now: Timestamp) {
        let Some(listener) = self.listeners.get_mut(&key) else { return };
        listener.filter.narrow(self.capabilities);
        let mut unsettled = 0;
        let mut to_ask = Vec::new();
        for uri in &listener.filter.uris {
            let waiter = Waiter { member: key, to: listener.to.clone(), id: listener.id.clone() };
            match self.subscriptions.subscribe(uri, waiter) {
                Subscribe::Held => continue,
                Subscribe::Waiting => {}
                Subscribe::Ask => to_ask.push(uri.clone()),
            }
            unsettled += 1;
        }
        listener.state = State::Asking(unsettled);
        if unsettled == 0 {
            self.effects.push_back(listener.acknowledge());
        }
        for uri in to_ask {
            let params = uri_params(&uri);
            self.send_own(Own::Subscribe(uri), "resources/subscribe", params.as_bytes(), now);
        }
    }

    /// Takes note of what became of a subscription. Gives the waiter back if it is not a listener.
    pub(super) fn settle(&mut self, uri: &str, waiter: Waiter<X>, good: bool) -> Option<Waiter<X>> {
        let Some(listener) = self.listeners.get_mut(&waiter.member) else { return Some(waiter) };
        if !good {
            listener.filter.uris.retain(|held| held != uri);
        }
        if let State::Asking(unsettled) = &mut listener.state {
            *unsettled = unsettled.saturating_sub(1);
            if *unsettled == 0 {
                self.effects.push_back(listener.acknowledge());
            }
        }
        None
    }

    /// There is a process: whoever waits for one can be acknowledged, and the others are to list anew.
    pub(super) fn listeners_have_a_server(&mut self, now: Timestamp) {
        for key in self.listeners.keys().copied().collect::<Vec<_>>() {
            let Some(listener) = self.listeners.get(&key) else { continue };
            if listener.state != State::Open {
                self.start_listening(key, now);
                continue;
            }
            for kind in self.capabilities.list_changes() {
                if listener.filter.wants(kind) {
                    let params = format!(r#"{{"_meta":{{{}}}}}"#, listener.subscription());
                    let message = jsonrpc::build::notification(kind.notification(), Some(params.as_bytes()));
                    self.effects.push_back(listener.related(message.into()));
                }
            }
        }
    }

    /// A list has changed: those who listen to it are told.
    pub(super) fn tell_listeners(&mut self, kind: ListKind, line: &Bytes, envelope: &Envelope) {
        let listeners = self.listeners.values();
        let concerned =
            listeners.filter(|listener| listener.state == State::Open && listener.filter.wants(kind));
        self.effects.extend(concerned.map(|listener| listener.tagged(line, envelope)));
    }

    /// An update of `uri` for one listener; false if there is none with this key.
    pub(super) fn tell_listener(
        &mut self,
        key: MemberKey,
        uri: &str,
        line: &Bytes,
        envelope: &Envelope,
    ) -> bool {
        let Some(listener) = self.listeners.get(&key) else { return false };
        // Nothing precedes the acknowledgement, and nothing that was not asked for follows it.
        if listener.state == State::Open && listener.filter.covers(uri) {
            self.effects.push_back(listener.tagged(line, envelope));
        }
        true
    }

    /// A listening client has gone.
    pub(super) fn detach_listener(&mut self, key: MemberKey, now: Timestamp) {
        let Some(listener) = self.listeners.remove(&key) else { return };
        let (_, released) = self.subscriptions.release_all(key);
        for uri in released {
            self.unsubscribe_upstream(&uri, now);
        }
        self.effects.push_back(Effect::End { to: listener.to });
    }
}
