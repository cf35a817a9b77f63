//! Requests that the server has not answered yet, by the id that they bear on its pipe.

use std::collections::{BTreeMap, btree_map::Entry};

use bytes::Bytes;

use super::{level::Level, member::MemberKey};
use crate::time::Timestamp;

/// The greatest id. Servers exist that read an id into 32 bits, with or without a sign, and JavaScript
/// makes a double of it: up to here all of them read what was written.
const GREATEST: u64 = i32::MAX as u64;

/// The id of a request on the server's pipe; it is also its progress token there.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct WireId(u64);

impl WireId {
    pub(super) fn new(id: u64) -> Self {
        Self(id)
    }

    pub(super) fn get(self) -> u64 {
        self.0
    }

    pub(super) fn to_bytes(self) -> Bytes {
        self.0.to_string().into()
    }
}

/// One request in flight.
#[derive(Debug)]
pub(super) struct Request<X> {
    pub(super) from: From<X>,
    /// When it was sent: its last extension is bounded from here.
    pub(super) sent: Timestamp,
    pub(super) deadline: Timestamp,
}

/// Who asked.
#[derive(Debug)]
pub(super) enum From<X> {
    Client(ClientRequest<X>),
    /// The multiplexer itself.
    Own(Own),
}

/// A client's request.
#[derive(Debug)]
pub(super) struct ClientRequest<X> {
    pub(super) member: MemberKey,
    pub(super) to: X,
    /// The client's raw id.
    pub(super) id: Bytes,
    /// The client's raw progress token.
    pub(super) token: Option<Bytes>,
    pub(super) then: Then,
}

/// What a successful response changes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Then {
    Nothing,
    Subscribed(String),
    Unsubscribed(String),
    LevelSet(Level),
}

/// A request of the multiplexer's own.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Own {
    Initialize,
    /// The first subscription to a URI, for all who wait for it.
    Subscribe(String),
    /// Restores or releases state; its answer changes nothing.
    Upkeep,
}

/// The table. Ids are counted, so that a late response never meets a younger request, and iteration is in
/// the order of sending.
#[derive(Debug)]
pub(super) struct InFlight<X> {
    requests: BTreeMap<WireId, Request<X>>,
    count: u64,
}

impl<X> Default for InFlight<X> {
    fn default() -> Self {
        Self { requests: BTreeMap::new(), count: 0 }
    }
}

impl<X> InFlight<X> {
    pub(super) fn len(&self) -> usize {
        self.requests.len()
    }

    /// Adds a request; returns its id on the wire.
    pub(super) fn insert(&mut self, request: Request<X>) -> WireId {
        loop {
            self.count = self.count % GREATEST + 1;
            let id = WireId(self.count);
            // After the count has begun anew a request may still be there, never two billion of them.
            if let Entry::Vacant(place) = self.requests.entry(id) {
                place.insert(request);
                return id;
            }
        }
    }

    pub(super) fn get(&self, id: WireId) -> Option<&Request<X>> {
        self.requests.get(&id)
    }

    pub(super) fn get_mut(&mut self, id: WireId) -> Option<&mut Request<X>> {
        self.requests.get_mut(&id)
    }

    pub(super) fn remove(&mut self, id: WireId) -> Option<Request<X>> {
        self.requests.remove(&id)
    }

    /// The client's request with this id.
    pub(super) fn client(&self, id: WireId) -> Option<&ClientRequest<X>> {
        match &self.requests.get(&id)?.from {
            From::Client(client) => Some(client),
            From::Own(_) => None,
        }
    }

    /// The clients' requests, oldest first.
    pub(super) fn clients(&self) -> impl Iterator<Item = &ClientRequest<X>> {
        self.requests.values().filter_map(|request| match &request.from {
            From::Client(client) => Some(client),
            From::Own(_) => None,
        })
    }

    /// Removes everything, oldest first.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = Request<X>> + use<X> {
        std::mem::take(&mut self.requests).into_values()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> Request<()> {
        Request { from: From::Own(Own::Upkeep), sent: Timestamp::default(), deadline: Timestamp::default() }
    }

    #[test]
    fn an_old_id_names_no_younger_request() {
        let mut table = InFlight::default();
        let old = table.insert(request());
        assert!(table.remove(old).is_some());
        let new = table.insert(request());
        assert_ne!(old, new);
        assert!(table.get(old).is_none() && table.remove(old).is_none());
        assert!(table.get(new).is_some() && table.len() == 1);
    }

    #[test]
    fn ids_fit_32_bits_and_begin_anew_without_meeting_an_old_one() {
        let mut table = InFlight::default();
        let first = table.insert(request());
        table.count = GREATEST - 1;
        let ids: Vec<_> = (0..3).map(|_| table.insert(request()).get()).collect();
        assert_eq!((first.get(), ids), (1, vec![GREATEST, 2, 3]));
        assert!(i32::try_from(GREATEST).is_ok());
    }
}
