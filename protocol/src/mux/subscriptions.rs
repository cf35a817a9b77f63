//! Resource subscriptions: each session has its own, a server sees the first and the last of each URI.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use super::{MemberKey, same};

/// A request that waits for the server to confirm a subscription.
#[derive(Debug)]
pub(super) struct Waiter<X> {
    pub(super) member: MemberKey,
    pub(super) to: X,
    pub(super) id: Bytes,
}

#[derive(Debug)]
enum Entry<X> {
    /// The server has been asked; those who wait for its answer.
    Asked(Vec<Waiting<X>>),
    /// The server has the subscription, for these.
    Held(BTreeSet<MemberKey>),
}

#[derive(Debug)]
struct Waiting<X> {
    waiter: Waiter<X>,
    /// It has not unsubscribed since.
    wants: bool,
}

impl<X> Entry<X> {
    fn waiting(&self) -> &[Waiting<X>] {
        match self {
            Self::Asked(waiting) => waiting,
            Self::Held(_) => &[],
        }
    }

    fn wanted_by(&self) -> BTreeSet<MemberKey> {
        match self {
            Self::Asked(waiting) => waiting.iter().filter(|w| w.wants).map(|w| w.waiter.member).collect(),
            Self::Held(holders) => holders.clone(),
        }
    }
}

/// By URI. Ordered, so that a restart replays subscriptions in a stable order.
#[derive(Debug)]
pub(super) struct Subscriptions<X> {
    entries: BTreeMap<String, Entry<X>>,
    /// All waiters.
    waiting: usize,
}

/// What a subscription needs.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Subscribe {
    /// The server must be asked; the waiter will be answered with the outcome.
    Ask,
    /// The server has it: answer `{}`.
    Held,
    /// The server is being asked: the waiter will be answered with the outcome.
    Waiting,
}

impl<X> Default for Subscriptions<X> {
    fn default() -> Self {
        Self { entries: BTreeMap::new(), waiting: 0 }
    }
}

impl<X> Subscriptions<X> {
    /// A session asks for `uri`. Unless it is [`Subscribe::Held`] the waiter is kept.
    pub(super) fn subscribe(&mut self, uri: &str, waiter: Waiter<X>) -> Subscribe {
        match self.entries.get_mut(uri) {
            None => {
                self.waiting += 1;
                let waiting = vec![Waiting { waiter, wants: true }];
                self.entries.insert(uri.to_owned(), Entry::Asked(waiting));
                Subscribe::Ask
            }
            Some(Entry::Asked(waiting)) => {
                self.waiting += 1;
                waiting.push(Waiting { waiter, wants: true });
                Subscribe::Waiting
            }
            Some(Entry::Held(holders)) => {
                holders.insert(waiter.member);
                Subscribe::Held
            }
        }
    }

    /// The server has the subscription. Returns those who waited for it, and whether nobody wants it
    /// any more (then it has been forgotten and must be released).
    pub(super) fn confirmed(&mut self, uri: &str) -> (Vec<Waiter<X>>, bool) {
        let wanted_by = self.entries.get(uri).map(Entry::wanted_by).unwrap_or_default();
        let waiters = self.refused(uri);
        let abandoned = wanted_by.is_empty();
        if !abandoned {
            self.entries.insert(uri.to_owned(), Entry::Held(wanted_by));
        }
        (waiters, abandoned)
    }

    /// The server refused: nobody holds it, unless it had been confirmed before. Returns those who waited.
    pub(super) fn refused(&mut self, uri: &str) -> Vec<Waiter<X>> {
        let Some(Entry::Asked(waiting)) = self.entries.get_mut(uri) else { return Vec::new() };
        let waiting = std::mem::take(waiting);
        self.entries.remove(uri);
        self.waiting -= waiting.len();
        waiting.into_iter().map(|waiting| waiting.waiter).collect()
    }

    /// Records a subscription that the server confirmed to its only client.
    pub(super) fn hold(&mut self, uri: &str, member: MemberKey) {
        self.entries.insert(uri.to_owned(), Entry::Held(BTreeSet::from([member])));
    }

    /// A session lets go of `uri`; true when it was the last holder, so that the server must be told.
    /// While the server is still being asked, the outcome settles it.
    pub(super) fn release(&mut self, uri: &str, member: MemberKey) -> bool {
        match self.entries.get_mut(uri) {
            None => false,
            Some(Entry::Asked(waiting)) => {
                for waiting in waiting.iter_mut().filter(|waiting| waiting.waiter.member == member) {
                    waiting.wants = false;
                }
                false
            }
            Some(Entry::Held(holders)) => {
                let last = holders.remove(&member) && holders.is_empty();
                if last {
                    self.entries.remove(uri);
                }
                last
            }
        }
    }

    /// A session no longer waits for the answer to the request with the raw `id`, and so does not want
    /// what it asked for. Returns the waiter.
    pub(super) fn cancel(&mut self, member: MemberKey, id: &[u8]) -> Option<Waiter<X>> {
        let meant = |w: &Waiting<X>| w.waiter.member == member && same(&w.waiter.id, id);
        let asked = self.entries.values_mut().filter_map(|entry| match entry {
            Entry::Asked(waiting) => Some(waiting),
            Entry::Held(_) => None,
        });
        for waiting in asked {
            if let Some(position) = waiting.iter().rposition(meant) {
                self.waiting -= 1;
                return Some(waiting.remove(position).waiter);
            }
        }
        None
    }

    /// A session has ended. Returns those of it who waited, and the URIs that nobody else holds.
    pub(super) fn release_all(&mut self, member: MemberKey) -> (Vec<Waiter<X>>, Vec<String>) {
        let (mut waiters, mut released) = (Vec::new(), Vec::new());
        self.entries.retain(|uri, entry| match entry {
            Entry::Asked(waiting) => {
                let own = waiting.extract_if(.., |waiting| waiting.waiter.member == member);
                waiters.extend(own.map(|waiting| waiting.waiter));
                true
            }
            Entry::Held(holders) => {
                let last = holders.remove(&member) && holders.is_empty();
                released.extend(last.then(|| uri.clone()));
                !last
            }
        });
        self.waiting -= waiters.len();
        (waiters, released)
    }

    /// The server process is gone: what it had not confirmed is void. Returns those who waited.
    pub(super) fn interrupted(&mut self) -> Vec<Waiter<X>> {
        let mut waiters = Vec::new();
        self.entries.retain(|_, entry| match entry {
            Entry::Asked(waiting) => {
                waiters.extend(waiting.drain(..).map(|waiting| waiting.waiter));
                false
            }
            Entry::Held(_) => true,
        });
        self.waiting = 0;
        waiters
    }

    /// The URIs to ask a fresh server process for.
    pub(super) fn uris(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }

    /// Whether anybody is subscribed to `uri`, or waits for that.
    pub(super) fn has(&self, uri: &str) -> bool {
        self.entries.contains_key(uri)
    }

    /// Whether the server has confirmed everything that is wanted.
    pub(super) fn is_settled(&self) -> bool {
        self.entries.values().all(|entry| matches!(entry, Entry::Held(_)))
    }

    /// URIs that anybody is subscribed to, or waits for.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nobody is subscribed to anything.
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Requests that wait for the server to confirm a subscription.
    pub(super) fn waiting(&self) -> usize {
        self.waiting
    }

    /// Whether any session but `member` waits for the server to confirm a subscription.
    pub(super) fn another_waits(&self, member: MemberKey) -> bool {
        let mut waiting = self.entries.values().flat_map(Entry::waiting);
        self.waiting > 0 && waiting.any(|waiting| waiting.waiter.member != member)
    }

    /// The sessions that an update of `uri` concerns: those subscribed to it or to a URI that it lies below
    /// (an update may name a sub-resource); else to one that it begins with; else to anything.
    pub(super) fn concerned(&self, uri: &str) -> BTreeSet<MemberKey> {
        let holders = |uri: &str| self.entries.get(uri).map(Entry::wanted_by).unwrap_or_default();
        let mut concerned = holders(uri);
        for (at, _) in uri.match_indices(['/', '?', '#']) {
            concerned.extend(holders(&uri[..at]));
            concerned.extend(holders(&uri[..=at]));
        }
        if concerned.is_empty() {
            concerned = self.holders_where(|held| uri.starts_with(held));
        }
        if concerned.is_empty() { self.holders_where(|_| true) } else { concerned }
    }

    fn holders_where(&self, accept: impl Fn(&str) -> bool) -> BTreeSet<MemberKey> {
        let accepted = self.entries.iter().filter(|(held, _)| accept(held));
        accepted.flat_map(|(_, entry)| entry.wanted_by()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: MemberKey = MemberKey(1);
    const B: MemberKey = MemberKey(2);

    fn waiter(member: MemberKey) -> Waiter<u8> {
        Waiter { member, to: member.0 as u8, id: Bytes::from_static(b"1") }
    }

    #[test]
    fn the_first_asks_the_second_waits_the_third_is_served() {
        let mut subscriptions = Subscriptions::default();
        assert_eq!(subscriptions.subscribe("u", waiter(A)), Subscribe::Ask);
        assert_eq!(subscriptions.subscribe("u", waiter(B)), Subscribe::Waiting);
        let (waiters, abandoned) = subscriptions.confirmed("u");
        let asked: Vec<u8> = waiters.iter().map(|waiter| waiter.to).collect();
        assert_eq!((asked, abandoned), (vec![1, 2], false));
        assert_eq!(subscriptions.subscribe("u", waiter(A)), Subscribe::Held);
        assert!(!subscriptions.release("u", A));
        assert!(!subscriptions.release("u", A), "a second release must not count");
        assert!(subscriptions.release("u", B));
        assert!(subscriptions.is_empty());
    }

    #[test]
    fn a_refused_subscription_counts_for_nobody() {
        let mut subscriptions = Subscriptions::default();
        subscriptions.subscribe("u", waiter(A));
        subscriptions.subscribe("u", waiter(B));
        assert_eq!(subscriptions.refused("u").len(), 2);
        assert!(subscriptions.is_empty());
        assert_eq!(subscriptions.subscribe("u", waiter(B)), Subscribe::Ask);
    }

    #[test]
    fn a_subscription_that_all_abandon_while_it_is_asked_is_released_by_its_outcome() {
        let mut subscriptions = Subscriptions::default();
        subscriptions.subscribe("u", waiter(A));
        let (waiters, released) = subscriptions.release_all(A);
        assert_eq!((waiters.len(), released.len(), subscriptions.waiting()), (1, 0, 0));
        assert!(subscriptions.confirmed("u").1);
        assert!(subscriptions.is_empty());
    }

    #[test]
    fn who_cancels_its_subscription_holds_nothing() {
        let mut subscriptions = Subscriptions::default();
        subscriptions.subscribe("u", waiter(A));
        subscriptions.subscribe("u", waiter(B));
        assert!(subscriptions.another_waits(A));
        assert!(subscriptions.cancel(A, b"2").is_none());
        assert_eq!(subscriptions.cancel(B, b"1.0").map(|waiter| waiter.to), Some(2));
        assert!(!subscriptions.another_waits(A) && subscriptions.waiting() == 1);
        assert_eq!(subscriptions.confirmed("u").0.len(), 1);
        assert!(subscriptions.release("u", A) && subscriptions.waiting() == 0);
    }

    #[test]
    fn updates_go_to_the_uri_then_to_its_parents_then_to_all() {
        let mut subscriptions = Subscriptions::<u8>::default();
        subscriptions.hold("file:///a", A);
        subscriptions.hold("file:///b", B);
        assert_eq!(subscriptions.concerned("file:///a"), BTreeSet::from([A]));
        assert_eq!(subscriptions.concerned("file:///b/c"), BTreeSet::from([B]));
        assert_eq!(subscriptions.concerned("file:///b.bak"), BTreeSet::from([B]));
        assert_eq!(subscriptions.concerned("other:"), BTreeSet::from([A, B]));
        subscriptions.hold("file:///b/c", A);
        assert_eq!(subscriptions.concerned("file:///b/c"), BTreeSet::from([A, B]));
        assert_eq!(subscriptions.concerned("file:///b/c.bak"), BTreeSet::from([B]));
    }

    #[test]
    fn an_interruption_keeps_what_was_confirmed() {
        let mut subscriptions = Subscriptions::default();
        subscriptions.hold("kept", A);
        subscriptions.subscribe("void", waiter(A));
        subscriptions.subscribe("void", waiter(B));
        assert_eq!((subscriptions.interrupted().len(), subscriptions.waiting()), (2, 0));
        assert_eq!(subscriptions.uris().collect::<Vec<_>>(), ["kept"]);
    }
}
