//! Requests that the server has not answered yet, by the id that they bear on its pipe.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;

use crate::jsonrpc::text::decimal;

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
        Bytes::copy_from_slice(decimal(self.0, &mut [0; 20]))
    }
}

/// Places of requests that are over, beyond as many as there are requests, that are kept before room is made.
const SPARE_PLACES: usize = 64;

/// The table. Ids are counted, so that a late response never meets a younger request, and iteration is in
/// the order of sending.
///
/// Most requests are answered soon: the latest ones are a window of ids, in which a request is found, put and taken
/// without a search. Those that many younger ones have outlived move to a tree, so that one that lasts for hours
/// (a subscription, for one) does not hold the places of all that came after it.
#[derive(Debug)]
pub(super) struct InFlight<R> {
    old: BTreeMap<WireId, R>,
    /// From the id after `passed` on; `None` where the request is over.
    window: VecDeque<Option<R>>,
    /// The last id before the window.
    passed: u64,
    /// Requests in the window.
    recent: usize,
}

impl<R> Default for InFlight<R> {
    fn default() -> Self {
        Self { old: BTreeMap::new(), window: VecDeque::new(), passed: 0, recent: 0 }
    }
}

impl<R> InFlight<R> {
    pub(super) fn len(&self) -> usize {
        self.old.len() + self.recent
    }

    /// Adds a request; returns its id on the wire.
    pub(super) fn insert(&mut self, request: R) -> WireId {
        self.make_room();
        loop {
            let id = self.id_at(self.window.len());
            // After the count has begun anew a request may still be there, never two billion of them.
            if self.old.contains_key(&id) {
                self.window.push_back(None);
                continue;
            }
            self.window.push_back(Some(request));
            self.recent += 1;
            return id;
        }
    }

    pub(super) fn get(&self, id: WireId) -> Option<&R> {
        match self.window.get(self.place(id)) {
            Some(place) => place.as_ref(),
            None => self.old.get(&id),
        }
    }

    pub(super) fn get_mut(&mut self, id: WireId) -> Option<&mut R> {
        let place = self.place(id);
        match self.window.get_mut(place) {
            Some(place) => place.as_mut(),
            None => self.old.get_mut(&id),
        }
    }

    pub(super) fn remove(&mut self, id: WireId) -> Option<R> {
        let place = self.place(id);
        let Some(place) = self.window.get_mut(place) else { return self.old.remove(&id) };
        let request = place.take()?;
        self.recent -= 1;
        while let Some(None) = self.window.front() {
            self.pass();
        }
        Some(request)
    }

    /// Everything, oldest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = (WireId, &R)> {
        let recent = self.window.iter().enumerate();
        let recent = recent.filter_map(|(place, request)| Some((self.id_at(place), request.as_ref()?)));
        self.old.iter().map(|(id, request)| (*id, request)).chain(recent)
    }

    /// Removes everything, oldest first.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = R> + use<R> {
        self.passed = self.id_at(self.window.len()).0 - 1;
        self.recent = 0;
        let (old, window) = (std::mem::take(&mut self.old), std::mem::take(&mut self.window));
        old.into_values().chain(window.into_iter().flatten())
    }

    /// The id of a place in the window. Ids begin anew after the greatest.
    fn id_at(&self, place: usize) -> WireId {
        WireId((self.passed + place as u64) % GREATEST + 1)
    }

    /// Where in the window an id would be; beyond its end if it is not there.
    fn place(&self, id: WireId) -> usize {
        // Servers may name any number.
        if !(1..=GREATEST).contains(&id.0) {
            return usize::MAX;
        }
        let begun_anew = if id.0 > self.passed { 0 } else { GREATEST };
        (id.0 + begun_anew - self.passed - 1) as usize
    }

    /// Makes the window begin one id later; what is there has grown old.
    fn pass(&mut self) {
        let id = self.id_at(0);
        if let Some(request) = self.window.pop_front().flatten() {
            self.recent -= 1;
            self.old.insert(id, request);
        }
        self.passed = id.0 % GREATEST;
    }

    /// Keeps the window at twice its requests and some places.
    fn make_room(&mut self) {
        while self.window.len() > 2 * self.recent + SPARE_PLACES {
            self.pass();
        }
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
        table.pass();
        table.passed = GREATEST - 1;
        let ids: Vec<_> = (0..3).map(|_| table.insert(()).get()).collect();
        assert_eq!((first.get(), ids), (1, vec![GREATEST, 2, 3]));
        assert!(i32::try_from(GREATEST).is_ok());
        for unknown in [0, 4, GREATEST - 1, GREATEST + 1, GREATEST + 2, u64::MAX].map(WireId) {
            assert!(table.get(unknown).is_none() && table.remove(unknown).is_none(), "{unknown:?}");
        }
        for id in [2, GREATEST, 3, 1].map(WireId) {
            assert!(table.get(id).is_some() && table.remove(id).is_some() && table.remove(id).is_none());
        }
        assert_eq!(table.len(), 0);
    }

    /// Against a table that is nothing but a tree.
    #[test]
    fn behaves_as_a_map_that_is_in_order() {
        proptest::proptest!(|(steps in proptest::collection::vec((0..3u8, 0..400usize), 1..2000), near_the_end: bool)| {
            let mut table = InFlight::default();
            if near_the_end {
                table.passed = GREATEST - 150;
            }
            let mut model = Vec::<(WireId, usize)>::new();
            for (number, (what, whom)) in steps.into_iter().enumerate() {
                match what {
                    0 | 1 => model.push((table.insert(number), number)),
                    _ if whom < model.len() => {
                        let (id, request) = model.remove(whom);
                        assert_eq!(table.get_mut(id), Some(&mut request.clone()));
                        assert_eq!((table.remove(id), table.remove(id)), (Some(request), None));
                    }
                    _ => assert_eq!(table.get(WireId((whom as u64 + 1) * 5_000_000)), None),
                }
                assert_eq!(table.len(), model.len());
                assert!(table.window.len() <= 2 * table.recent.max(model.len()) + SPARE_PLACES + 1);
            }
            if !near_the_end {
                assert_eq!(table.iter().map(|(id, request)| (id, *request)).collect::<Vec<_>>(), model);
            }
            let drained: std::collections::BTreeSet<_> = table.drain().collect();
            assert_eq!(drained, model.into_iter().map(|(_, request)| request).collect());
            assert_eq!((table.len(), table.iter().count()), (0, 0));
        });
    }

    /// One that lasts holds its own place only.
    #[test]
    fn a_lasting_request_costs_no_room() {
        let mut table = InFlight::default();
        let lasting = table.insert(());
        for _ in 0..10_000 {
            let id = table.insert(());
            assert!(table.remove(id).is_some());
            assert!(table.window.len() <= SPARE_PLACES + 4);
        }
        assert!(table.get(lasting).is_some() && table.remove(lasting).is_some());
        assert_eq!(table.len(), 0);
    }
}
