//! When to look at which request.

use std::{cmp::Reverse, collections::BinaryHeap};

use super::in_flight::WireId;
use crate::time::Timestamp;

/// Entries below which outdated ones are left alone.
const SPARE: usize = 64;

/// A queue of looks, soonest first. An entry may be outdated, because its request has been answered or its
/// deadline moved; none is ever missing.
#[derive(Debug, Default)]
pub(super) struct Deadlines {
    looks: BinaryHeap<Reverse<(Timestamp, WireId)>>,
}

impl Deadlines {
    pub(super) fn push(&mut self, at: Timestamp, id: WireId) {
        self.looks.push(Reverse((at, id)));
    }

    /// The next look.
    pub(super) fn next(&self) -> Option<Timestamp> {
        self.looks.peek().map(|Reverse((at, _))| *at)
    }

    /// Takes the next look if it is due.
    pub(super) fn due(&mut self, now: Timestamp) -> Option<WireId> {
        let Reverse((_, id)) = self.looks.peek().filter(|Reverse((at, _))| *at <= now).copied()?;
        self.looks.pop();
        Some(id)
    }

    /// Drops outdated entries once they are the majority. Answers usually come long before their deadline,
    /// so that the queue would otherwise hold every request of a whole timeout.
    pub(super) fn prune(&mut self, in_flight: usize, is_current: impl Fn(WireId) -> bool) {
        if self.looks.len() > 2 * in_flight + SPARE {
            self.looks.retain(|Reverse((_, id))| is_current(*id));
        }
    }

    pub(super) fn clear(&mut self) {
        self.looks.clear();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::new(Duration::from_secs(seconds))
    }

    #[test]
    fn looks_come_in_the_order_of_time_not_of_entry() {
        let mut deadlines = Deadlines::default();
        deadlines.push(at(9), WireId::new(1));
        deadlines.push(at(5), WireId::new(2));
        assert_eq!(deadlines.next(), Some(at(5)));
        assert_eq!(deadlines.due(at(4)), None);
        assert_eq!(deadlines.due(at(5)), Some(WireId::new(2)));
        assert_eq!(deadlines.due(at(5)), None);
    }

    #[test]
    fn answered_requests_do_not_pile_up() {
        let mut deadlines = Deadlines::default();
        for id in 0..10_000 {
            deadlines.push(at(id), WireId::new(id));
            deadlines.prune(1, |held| held.get() == id);
            assert!(deadlines.looks.len() <= SPARE + 2);
        }
        let newest = Reverse((at(9_999), WireId::new(9_999)));
        assert!(deadlines.looks.iter().any(|look| *look == newest));
    }
}
