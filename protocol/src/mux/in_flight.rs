//! Requests that the server has not answered yet, by the id that they bear on its pipe.

use bytes::Bytes;
use slab::Slab;

use super::{level::Level, member::MemberKey};
use crate::time::Timestamp;

/// Low bits of a wire id: the slot. The rest is a count that no two requests share, so that a late
/// response to a freed slot is recognised without a search. Both fit an IEEE double, which is what
/// JavaScript servers make of an id.
const SLOT_BITS: u32 = 20;
const SLOTS: usize = 1 << SLOT_BITS;
const COUNT_MASK: u64 = (1 << (53 - SLOT_BITS)) - 1;

/// The id of a request on the server's pipe; it is also its progress token there.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
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

    fn slot(self) -> usize {
        (self.0 as usize) & (SLOTS - 1)
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

/// The table. Each slot remembers its full wire id.
#[derive(Debug)]
pub(super) struct InFlight<X> {
    slots: Slab<(WireId, Request<X>)>,
    count: u64,
}

impl<X> Default for InFlight<X> {
    fn default() -> Self {
        Self { slots: Slab::new(), count: 0 }
    }
}

impl<X> InFlight<X> {
    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether no further request fits below `limit`.
    pub(super) fn is_full(&self, limit: usize) -> bool {
        self.slots.len() >= limit.min(SLOTS - 16)
    }

    /// Adds a request; returns its id on the wire.
    pub(super) fn insert(&mut self, request: Request<X>) -> WireId {
        self.count = (self.count + 1) & COUNT_MASK;
        let slot = self.slots.vacant_entry();
        let id = WireId(self.count << SLOT_BITS | slot.key() as u64);
        slot.insert((id, request));
        id
    }

    pub(super) fn get(&self, id: WireId) -> Option<&Request<X>> {
        self.slots.get(id.slot()).filter(|(held, _)| *held == id).map(|(_, request)| request)
    }

    pub(super) fn get_mut(&mut self, id: WireId) -> Option<&mut Request<X>> {
        self.slots.get_mut(id.slot()).filter(|(held, _)| *held == id).map(|(_, request)| request)
    }

    pub(super) fn remove(&mut self, id: WireId) -> Option<Request<X>> {
        self.get(id)?;
        self.slots.try_remove(id.slot()).map(|(_, request)| request)
    }

    /// The clients' requests, in no particular order.
    pub(super) fn clients(&self) -> impl Iterator<Item = &ClientRequest<X>> {
        self.slots.iter().filter_map(|(_, (_, request))| match &request.from {
            From::Client(client) => Some(client),
            From::Own(_) => None,
        })
    }

    /// Removes everything, in no particular order.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = Request<X>> {
        self.slots.drain().map(|(_, request)| request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> Request<()> {
        Request { from: From::Own(Own::Upkeep), sent: Timestamp::default(), deadline: Timestamp::default() }
    }

    #[test]
    fn a_reused_slot_does_not_answer_to_its_old_id() {
        let mut table = InFlight::default();
        let old = table.insert(request());
        assert!(table.remove(old).is_some());
        let new = table.insert(request());
        assert_eq!(old.slot(), new.slot());
        assert!(table.get(old).is_none() && table.remove(old).is_none());
        assert!(table.get(new).is_some() && table.len() == 1);
    }

    #[test]
    fn ids_stay_exact_in_a_double() {
        let mut table = InFlight::default();
        table.count = COUNT_MASK - 1;
        for _ in 0..3 {
            let id = table.insert(request()).get();
            assert_eq!(id as f64 as u64, id);
        }
    }
}
