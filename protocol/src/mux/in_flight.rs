//! Requests that the server has not answered yet, by the id that they bear on its pipe.

use std::collections::{BTreeMap, btree_map::Entry};

use bytes::Bytes;

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

/// The table. Ids are counted, so that a late response never meets a younger request, and iteration is in
/// the order of sending.
#[derive(Debug)]
pub(super) struct InFlight<R> {
    requests: BTreeMap<WireId, R>,
    count: u64,
}

impl<R> Default for InFlight<R> {
    fn default() -> Self {
        Self { requests: BTreeMap::new(), count: 0 }
    }
}

impl<R> InFlight<R> {
    pub(super) fn len(&self) -> usize {
        self.requests.len()
    }

    /// Adds a request; returns its id on the wire.
    pub(super) fn insert(&mut self, request: R) -> WireId {
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

    pub(super) fn get(&self, id: WireId) -> Option<&R> {
        self.requests.get(&id)
    }

    pub(super) fn get_mut(&mut self, id: WireId) -> Option<&mut R> {
        self.requests.get_mut(&id)
    }

    pub(super) fn remove(&mut self, id: WireId) -> Option<R> {
        self.requests.remove(&id)
    }

    /// Everything, oldest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = (WireId, &R)> {
        self.requests.iter().map(|(id, request)| (*id, request))
    }

    /// Removes everything, oldest first.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = R> + use<R> {
        std::mem::take(&mut self.requests).into_values()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_id_names_no_younger_request() {
        let mut table = InFlight::<()>::default();
        let old = table.insert(());
        assert!(table.remove(old).is_some());
        let new = table.insert(());
        assert_ne!(old, new);
        assert!(table.get(old).is_none() && table.remove(old).is_none());
        assert!(table.get(new).is_some() && table.len() == 1);
    }

    #[test]
    fn ids_fit_32_bits_and_begin_anew_without_meeting_an_old_one() {
        let mut table = InFlight::<()>::default();
        let first = table.insert(());
        table.count = GREATEST - 1;
        let ids: Vec<_> = (0..3).map(|_| table.insert(()).get()).collect();
        assert_eq!((first.get(), ids), (1, vec![GREATEST, 2, 3]));
        assert!(i32::try_from(GREATEST).is_ok());
    }
}
