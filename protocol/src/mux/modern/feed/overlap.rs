//! Which events of feeds that overlap are news.
//!
//! While one feed takes the place of another the server tells both of each change, and where each has a stream of
//! its own either may come first. So the events of each are numbered, for every list and every resource by itself:
//! one is news if no feed has come that far before. A feed begins to count where the others are when it is asked
//! for. What the server tells the older feed alone until it knows the new one puts the new one behind; it catches
//! up as the older one ends, which therefore must have been listened to until nothing can be under way in it.

use std::collections::{BTreeMap, VecDeque};

use crate::mux::{ListKind, in_flight::WireId};

/// Events that are told apart while feeds overlap; further ones are passed on as often as they are told.
const MAX_EVENTS: usize = 4096;

/// What a feed can tell of.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Event {
    List(ListKind),
    Resource(String),
}

/// Of each event, how often.
type Counts = BTreeMap<Event, u64>;

/// See the module's documentation.
#[derive(Debug, Default)]
pub(super) struct Overlap {
    /// The feeds that there are, oldest first, and how far each has come.
    feeds: VecDeque<(WireId, Counts)>,
    /// How far any has come, since there is more than one.
    passed: Counts,
}

impl Overlap {
    /// Another feed is asked for.
    pub(super) fn begin(&mut self, id: WireId) {
        self.feeds.push_back((id, self.passed.clone()));
    }

    /// A feed is over: of what only it was told the next one needs to tell nothing any more.
    pub(super) fn end(&mut self, id: WireId) {
        let Some(place) = self.feeds.iter().position(|(feed, _)| *feed == id) else { return };
        let ended = self.feeds.remove(place).map(|(_, counts)| counts).unwrap_or_default();
        if self.feeds.len() < 2 {
            self.passed.clear();
            self.feeds.iter_mut().for_each(|(_, counts)| counts.clear());
        } else if place == 0 {
            let (_, next) = &mut self.feeds[0];
            for (event, count) in ended {
                let behind = next.entry(event).or_default();
                *behind = count.max(*behind);
            }
        }
    }

    /// A feed tells of `event`. Whether no other feed has told of it before.
    pub(super) fn is_news(&mut self, id: WireId, event: Event) -> bool {
        if self.feeds.len() < 2 {
            return true;
        }
        let Some((_, counts)) = self.feeds.iter_mut().find(|(feed, _)| *feed == id) else { return true };
        if self.passed.len() >= MAX_EVENTS && !self.passed.contains_key(&event) {
            return true;
        }
        let count = counts.entry(event.clone()).or_default();
        *count += 1;
        let passed = self.passed.entry(event).or_default();
        let is_news = *count > *passed;
        *passed = (*passed).max(*count);
        is_news
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TOOLS: Event = Event::List(ListKind::Tools);

    fn id(number: u64) -> WireId {
        WireId::new(number)
    }

    fn news(overlap: &mut Overlap, from: u64) -> bool {
        overlap.is_news(id(from), TOOLS)
    }

    #[test]
    fn each_copy_counts_once_whichever_comes_first() {
        let mut overlap = Overlap::default();
        overlap.begin(id(1));
        assert!(news(&mut overlap, 1) && news(&mut overlap, 1), "one feed tells no copies");
        overlap.begin(id(2));
        assert!(news(&mut overlap, 1) && !news(&mut overlap, 2));
        assert!(news(&mut overlap, 2) && !news(&mut overlap, 1));
        assert!(overlap.is_news(id(1), Event::Resource("a".to_owned())), "each event by itself");
        overlap.end(id(1));
        assert!(news(&mut overlap, 2));
    }

    #[test]
    fn what_only_the_older_was_told_is_made_up_for() {
        let mut overlap = Overlap::default();
        overlap.begin(id(1));
        overlap.begin(id(2));
        assert!(news(&mut overlap, 1), "the server does not know the second yet");
        assert!(!news(&mut overlap, 2) && news(&mut overlap, 1), "another change, of which both are told");
        overlap.begin(id(3));
        overlap.end(id(1));
        assert!(news(&mut overlap, 2), "it has caught up");
        assert!(!news(&mut overlap, 3));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut overlap = Overlap::default();
        overlap.begin(id(1));
        overlap.begin(id(2));
        for n in 0..2 * MAX_EVENTS {
            assert!(overlap.is_news(id(1), Event::Resource(n.to_string())));
        }
        assert_eq!(overlap.passed.len(), MAX_EVENTS);
        overlap.end(id(2));
        assert!(overlap.passed.is_empty());
    }

    proptest! {
        /// A server that knows each feed from some moment on, and feeds that are read at any pace: a client is told
        /// of every change, and once, if the older feed is read to its end before it is closed.
        #[test]
        fn every_change_is_told_once(steps in prop::collection::vec((0..5_u8, 0..4_usize), 1..200)) {
            let mut overlap = Overlap::default();
            let (mut changes, mut told, mut next) = (0, 0, 0);
            // Of each feed: its id, whether the server knows it, and the events on their way.
            let mut feeds: VecDeque<(WireId, bool, u64)> = VecDeque::new();
            for (step, who) in steps {
                let place = who % feeds.len().max(1);
                match step {
                    0 if feeds.len() < 4 => {
                        next += 1;
                        overlap.begin(id(next));
                        feeds.push_back((id(next), feeds.is_empty(), 0));
                    }
                    1 => feeds.iter_mut().take(place + 1).for_each(|(_, known, _)| *known = true),
                    2 if !feeds.is_empty() => {
                        changes += 1;
                        feeds.iter_mut().filter(|feed| feed.1).for_each(|feed| feed.2 += 1);
                    }
                    3 if feeds.get(place).is_some_and(|feed| feed.2 > 0) => {
                        feeds[place].2 -= 1;
                        told += u64::from(overlap.is_news(feeds[place].0, TOOLS));
                    }
                    // The next one is known, and all of the older one's events before that have been read; those
                    // of the next one too, as the test asks for exactly once.
                    4 if feeds.get(1).is_some_and(|feed| feed.1) => {
                        for feed in feeds.iter_mut().take(2) {
                            for _ in 0..std::mem::take(&mut feed.2) {
                                told += u64::from(overlap.is_news(feed.0, TOOLS));
                            }
                        }
                        let (ended, _, _) = feeds.pop_front().expect("there are two");
                        overlap.end(ended);
                    }
                    _ => {}
                }
                prop_assert!(told <= changes);
            }
            for (id, _, left) in &feeds {
                told += (0..*left).map(|_| u64::from(overlap.is_news(*id, TOOLS))).sum::<u64>();
            }
            prop_assert_eq!(told, changes);
        }
    }
}
