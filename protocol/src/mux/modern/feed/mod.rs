//! The one `subscriptions/listen` for all legacy sessions: every list change that the server can tell, and
//! every resource that any of them is subscribed to.
//!
//! What it asks for is fixed when it is opened. So when that changes another one is opened, and takes the
//! place of the current one once the server has acknowledged it. Meanwhile further changes wait. Where each has a
//! stream of its own, the acknowledgement can overtake what the server has told the old one before: then that one
//! is listened to for a while longer.

mod overlap;

use std::{collections::VecDeque, time::Duration};

use bytes::Bytes;

use overlap::{Event, Overlap};

use super::{
    DropReason, Effect, ModernMux, WireId,
    filter::Filter,
    request::{From, Own},
};
use crate::{
    error::{RpcError, code},
    jsonrpc::{self, Edit, Envelope, Field, Kind, Payload},
    mux::{
        ListKind, error_code,
        subscriptions::{Subscribe, Waiter},
        uri,
    },
    time::Timestamp,
};

/// Resources that all sessions together may be subscribed to: each change names all of them.
const MAX_URIS: usize = 4096;

/// How long after the server has ended the feed another one is opened.
const PAUSE: Duration = Duration::from_secs(1);

/// How long after the server has refused a feed the same is asked for again.
const RETRY: Duration = Duration::from_secs(60);

/// Feeds that are listened to after others have taken their place: the server has acknowledged as many since it told
/// the oldest of them anything that no other was told.
const MAX_SUPERSEDED: usize = 8;

/// See the module's documentation. A filter is what a subscription has asked for.
#[derive(Debug, Default)]
pub(super) struct Feed {
    /// How long one that another has replaced is listened to.
    linger: Duration,
    /// The newest that the server has acknowledged.
    current: Option<(WireId, Filter)>,
    /// Those whose place it took, oldest first, and until when they count.
    superseded: VecDeque<(WireId, Filter, Timestamp)>,
    overlap: Overlap,
    /// The one that is to take the place of the current one.
    pending: Option<(WireId, Filter)>,
    /// What the server has refused: not to be asked for again at once.
    refused: Option<Filter>,
    /// When to try again, as the server has ended the current one or refused another.
    resume_at: Option<Timestamp>,
    /// Changes may have been missed since there was a current one.
    missed: bool,
}

impl Feed {
    pub(super) fn set_linger(&mut self, linger: Duration) {
        self.linger = linger;
    }

    /// The process is gone.
    pub(super) fn reset(&mut self) {
        *self = Self { linger: self.linger, ..Self::default() };
    }

    /// When there is something to do for [`ModernMux::resume_feed`].
    pub(super) fn next_deadline(&self) -> Option<Timestamp> {
        let closing = self.superseded.front().map(|(_, _, until)| *until);
        [self.resume_at, closing].into_iter().flatten().min()
    }

    /// What the feed with this id has asked for, if its events count.
    fn filter(&self, id: WireId) -> Option<&Filter> {
        let superseded = self.superseded.iter().map(|(id, filter, _)| (id, filter));
        let current = self.current.as_ref().map(|(id, filter)| (id, filter));
        superseded.chain(current).find_map(|(feed, filter)| (*feed == id).then_some(filter))
    }
}

impl<S: Clone, X: Clone> ModernMux<S, X> {
    /// Opens the feed that is wanted now, if it is another one.
    pub(super) fn sync_feed(&mut self, now: Timestamp) {
        if !self.link.is_up() || self.feed.pending.is_some() {
            return;
        }
        let uris = self.subscriptions.uris().map(str::to_owned).collect();
        let wanted = Filter { kinds: self.capabilities.changes, uris };
        if wanted.is_empty() {
            self.feed.resume_at = None;
            self.close_superseded(usize::MAX, now);
            if let Some((id, _)) = self.feed.current.take() {
                self.close_feed(id, now);
            }
            return;
        }
        let is_current = self.feed.current.as_ref().is_some_and(|(_, filter)| *filter == wanted);
        // Who waits for an acknowledgement gets one, though what is wanted be what there is.
        if is_current && self.subscriptions.is_settled() || self.feed.refused.as_ref() == Some(&wanted) {
            return;
        }
        let id = self.register(From::Own(Own::Feed), now);
        let meta = self.own_metadata();
        let filter = wanted.to_json();
        let params =
            [br#"{"_meta":{"#, &meta[..], br#"},"notifications":"#, filter.as_bytes(), b"}"].concat();
        let message = jsonrpc::build::request(id.get(), "subscriptions/listen", Some(&params));
        self.effects.push_back(Effect::ToServer(message.into()));
        self.feed.overlap.begin(id);
        self.feed.pending = Some((id, wanted));
        self.feed.resume_at = None;
    }

    /// Closes what has been replaced for long enough; and tries again some time after the server has ended the feed,
    /// or refused one.
    pub(super) fn resume_feed(&mut self, now: Timestamp) {
        let due = self.feed.superseded.iter().take_while(|(_, _, until)| *until <= now).count();
        self.close_superseded(due, now);
        if self.feed.resume_at.take_if(|at| *at <= now).is_some() {
            self.feed.refused = None;
            self.sync_feed(now);
        }
    }

    fn close_feed(&mut self, id: WireId, now: Timestamp) {
        self.feed.overlap.end(id);
        self.cancel_upstream(id, "superseded", now);
        self.unregister(id);
    }

    /// Closes the oldest so many of those that have been replaced.
    fn close_superseded(&mut self, count: usize, now: Timestamp) {
        for _ in 0..count {
            let Some((id, _, _)) = self.feed.superseded.pop_front() else { return };
            self.close_feed(id, now);
        }
    }

    /// A session subscribes to a resource. It is answered when the server has agreed.
    pub(super) fn subscribe(&mut self, uri: &str, waiter: Waiter<X>, now: Timestamp) {
        if !self.subscriptions.has(uri) && self.subscriptions.len() >= MAX_URIS {
            let error = RpcError::new(code::OVERLOADED, "too many resources are subscribed to");
            return self.answer_error(waiter.to, &error, &waiter.id);
        }
        let (to, id) = (waiter.to.clone(), waiter.id.clone());
        match self.subscriptions.subscribe(uri, waiter) {
            Subscribe::Held => self.answer(to, jsonrpc::build::response(&id, b"{}")),
            Subscribe::Waiting => {}
            Subscribe::Ask => {
                self.feed.refused = None;
                self.sync_feed(now);
            }
        }
    }

    /// A notification of a feed.
    pub(super) fn feed_notified(
        &mut self,
        id: WireId,
        method: &str,
        line: &Bytes,
        envelope: &Envelope,
        now: Timestamp,
    ) {
        if method == "notifications/subscriptions/acknowledged" {
            let filter = envelope.span(Field::ParamsNotifications).map_or(&b"{}"[..], |span| span.of(line));
            return self.feed_acknowledged(id, &Filter::parse(filter), now);
        }
        let Some(filter) = self.feed.filter(id) else {
            return self.drop_message(DropReason::UnknownSubscription);
        };
        if let Some(kind) = ListKind::of_notification(method) {
            if self.feed.overlap.is_news(id, Event::List(kind)) {
                self.list_changed(kind, jsonrpc::splice(line, &[]));
            }
            return;
        }
        if method != "notifications/resources/updated" {
            return self.drop_message(DropReason::Unattributable);
        }
        let uri = uri(line, envelope).unwrap_or_default();
        // What the last one has unsubscribed from is still in this feed until the next one takes its place.
        if filter.uris.contains(&uri) && !self.subscriptions.has(&uri) {
            return;
        }
        if !self.feed.overlap.is_news(id, Event::Resource(uri.to_string())) {
            return;
        }
        let message = jsonrpc::splice(line, &[]).compact();
        for member in self.subscriptions.concerned(&uri) {
            if let Some(session) = self.sessions.get(&member) {
                let (to, message) = (session.session.clone(), message.clone());
                self.effects.push_back(Effect::Background { to, message });
            }
        }
    }

    fn feed_acknowledged(&mut self, id: WireId, granted: &Filter, now: Timestamp) {
        let Some((_, mut asked)) = self.feed.pending.take_if(|(pending, _)| *pending == id) else { return };
        if let Some(request) = self.in_flight.get_mut(id) {
            request.deadline = None;
        }
        for uri in &asked.uris {
            if granted.uris.contains(uri) {
                let (waiters, _) = self.subscriptions.confirmed(uri);
                for waiter in waiters {
                    self.answer(waiter.to, jsonrpc::build::response(&waiter.id, b"{}"));
                }
            } else {
                let error = RpcError::new(code::INVALID_PARAMS, "the server does not tell of its updates");
                for waiter in self.subscriptions.refused(uri) {
                    self.answer_error(waiter.to, &error, &waiter.id);
                }
            }
        }
        // What was refused is not wanted any more, so that it is not what makes the next feed another one.
        asked.uris.retain(|uri| granted.uris.contains(uri) || self.subscriptions.has(uri));
        self.feed.refused = None;
        if let Some((old, filter)) = self.feed.current.replace((id, asked)) {
            self.feed.superseded.push_back((old, filter, now.after(self.feed.linger)));
            let excess = self.feed.superseded.len().saturating_sub(MAX_SUPERSEDED);
            self.close_superseded(if self.feed.linger.is_zero() { usize::MAX } else { excess }, now);
        }
        if std::mem::take(&mut self.feed.missed) {
            self.announce_changes();
        }
        self.sync_feed(now);
    }

    /// A feed has had its response: the server has ended it, or refused to open it.
    pub(super) fn feed_answered(&mut self, id: WireId, line: &Bytes, envelope: &Envelope, now: Timestamp) {
        let at = envelope.span(Field::Id).filter(|_| envelope.kind() == Kind::Error);
        let error = RpcError::new(code::INTERNAL_ERROR, "the server did not open the subscription");
        match at {
            Some(at) => {
                let refusal = |with| jsonrpc::splice(line, &[Edit { at, with }]);
                self.feed_ended(id, refusal, error_code(line, envelope), now);
            }
            None => self.feed_failed(id, &error, now),
        }
    }

    /// A feed, already removed from the tables, has ended with an error of our own.
    pub(super) fn feed_failed(&mut self, id: WireId, error: &RpcError, now: Timestamp) {
        let refusal = |waiter: Bytes| error.to_response(Some(&waiter)).into();
        self.feed_ended(id, refusal, Some(error.code), now);
    }

    fn feed_ended(
        &mut self,
        id: WireId,
        refusal: impl Fn(Bytes) -> Payload,
        error: Option<i64>,
        now: Timestamp,
    ) {
        self.feed.overlap.end(id);
        self.feed.superseded.retain(|(superseded, _, _)| *superseded != id);
        if self.feed.current.take_if(|(current, _)| *current == id).is_some() {
            self.feed.missed = true;
            // Another one that is being opened takes its place as it is.
            self.feed.resume_at = self.feed.pending.is_none().then(|| now.after(PAUSE));
            return;
        }
        let Some((_, asked)) = self.feed.pending.take_if(|(pending, _)| *pending == id) else { return };
        for uri in &asked.uris {
            for waiter in self.subscriptions.refused(uri) {
                let message = refusal(waiter.id);
                self.effects.push_back(Effect::Answer { to: waiter.to, message, error });
            }
        }
        self.feed.refused = Some(asked);
        self.feed.missed |= self.feed.current.is_none();
        self.feed.resume_at = Some(now.after(RETRY));
        self.sync_feed(now);
    }
}
