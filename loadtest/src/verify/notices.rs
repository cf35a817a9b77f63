//! Numbered notifications: each must come once to each stream, in their order.

use std::{
    borrow::Cow,
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
};

use serde::Deserialize;

use super::Tally;

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow, default)]
    method: Option<Text<'a>>,
    #[serde(borrow, default)]
    params: Option<Params<'a>>,
}

#[derive(Default, Deserialize)]
struct Params<'a> {
    #[serde(borrow, default, rename = "_meta")]
    meta: Option<Meta<'a>>,
}

#[derive(Deserialize)]
struct Meta<'a> {
    // The same as `echo::NOTICE`, of which a test takes care.
    #[serde(borrow, default, rename = "loadtest/notice")]
    notice: Option<Text<'a>>,
}

#[derive(Deserialize)]
#[serde(transparent)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// What the notifications of a round look like on the wire, which is the same for every stream, usually: what one stream
/// has taken apart, the others recognise.
#[derive(Clone, Debug, Default)]
pub struct Seen(Arc<Mutex<Round>>);

#[derive(Debug, Default)]
struct Round {
    begin: u64,
    messages: Vec<Vec<u8>>,
}

impl Seen {
    /// Forgets the round before the one that begins at this position.
    pub fn begin(&self, position: u64) {
        let mut round = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        round.begin = position;
        round.messages.clear();
    }

    fn is(&self, position: u64, bytes: &[u8]) -> bool {
        let round = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let index = position.checked_sub(round.begin).and_then(|index| usize::try_from(index).ok());
        index.and_then(|index| round.messages.get(index)).is_some_and(|message| message == bytes)
    }

    fn learn(&self, position: u64, bytes: &[u8]) {
        let mut round = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if position == round.begin + round.messages.len() as u64 {
            round.messages.push(bytes.to_vec());
        }
    }
}

/// Judges what one stream brings.
#[derive(Debug)]
pub struct Notices {
    owner: String,
    per_round: u64,
    next: u64,
    missing: BTreeSet<u64>,
    seen: Seen,
    /// What was counted. What never came is counted by [`Notices::end`].
    pub tally: Tally,
}

impl Notices {
    /// For the notifications of this owner, so many in each round.
    pub fn new(owner: String, per_round: u64, seen: Seen) -> Self {
        Self { owner, per_round, next: 0, missing: BTreeSet::new(), seen, tally: Tally::default() }
    }

    /// Who is told: all of a run's streams, or one of its sessions.
    pub fn owner(run: u64, session: Option<usize>) -> String {
        session.map_or_else(|| format!("{run:x}/all"), |session| format!("{run:x}/s{session}"))
    }

    /// The tag of a round's notifications.
    pub fn tag(owner: &str, round: u64) -> String {
        format!("{owner}/{round}")
    }

    /// The position that the stream waits for.
    pub fn next(&self) -> u64 {
        self.next
    }

    /// Judges a message.
    pub fn judge(&mut self, bytes: &[u8]) {
        if self.seen.is(self.next, bytes) {
            self.next += 1;
            self.tally.good += 1;
            return;
        }
        let Ok(message) = serde_json::from_slice::<Message<'_>>(bytes) else {
            self.tally.corrupt += 1;
            return;
        };
        let method = message.method.as_ref().map_or("", |method| &*method.0);
        let is_one = ["tools/list_changed", "resources/updated", "message"]
            .contains(&method.strip_prefix("notifications/").unwrap_or_default());
        if !is_one {
            return;
        }
        let notice = message.params.unwrap_or_default().meta.and_then(|meta| meta.notice);
        match notice.as_ref().map(|notice| self.position(&notice.0)) {
            // A server's logs, or a hint of the bridge's own.
            None => self.tally.corrupt += 1,
            Some(None) => self.tally.corrupt += 1,
            Some(Some(None)) => self.tally.leaks += 1,
            Some(Some(Some(position))) => self.take(position, bytes),
        }
    }

    /// The place among all; `None` if it is malformed, `Some(None)` if it is for others.
    fn position(&self, notice: &str) -> Option<Option<u64>> {
        let (rest, number) = notice.rsplit_once('/')?;
        let (owner, round) = rest.rsplit_once('/')?;
        let (round, number): (u64, u64) = (round.parse().ok()?, number.parse().ok()?);
        let place = round.checked_mul(self.per_round)?.checked_add(number.checked_sub(1)?)?;
        Some((owner == self.owner).then_some(place))
    }

    fn take(&mut self, position: u64, bytes: &[u8]) {
        if position == self.next {
            self.seen.learn(position, bytes);
            self.next += 1;
            self.tally.good += 1;
        } else if position > self.next {
            self.missing.extend(self.next..position);
            self.next = position + 1;
            self.tally.good += 1;
        } else if self.missing.remove(&position) {
            // Late, behind those that came after it.
            self.tally.wrong += 1;
        } else {
            self.tally.duplicates += 1;
        }
    }

    /// Counts what has not come of so many.
    pub fn end(&mut self, total: u64) {
        self.tally.lost += self.missing.len() as u64 + total.saturating_sub(self.next);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::echo::NOTICE;

    fn notice(text: &str) -> Vec<u8> {
        let params = json!({"_meta": {NOTICE: text}});
        json!({"method": "notifications/tools/list_changed", "params": params}).to_string().into_bytes()
    }

    fn judged(numbers: &[&str]) -> Tally {
        let mut tallies = Vec::new();
        let seen = Seen::default();
        // The second of two streams is judged by bytes, and must come to the same end.
        for _ in 0..2 {
            let mut notices = Notices::new("7/all".to_owned(), 3, seen.clone());
            for number in numbers {
                notices.judge(&notice(number));
            }
            notices.end(4);
            tallies.push(notices.tally);
        }
        assert_eq!(tallies[0], tallies[1]);
        tallies.remove(0)
    }

    #[test]
    fn each_fault_is_told_from_the_others() {
        let none = Tally::default;
        let all = ["7/all/0/1", "7/all/0/2", "7/all/0/3", "7/all/1/1"];
        assert_eq!(judged(&all), Tally { good: 4, ..none() });
        assert_eq!(judged(&all[..3]), Tally { good: 3, lost: 1, ..none() });
        assert_eq!(judged(&[all[0], all[2], all[3]]), Tally { good: 3, lost: 1, ..none() });
        assert_eq!(judged(&[all[0], all[2], all[1], all[3]]), Tally { good: 3, wrong: 1, ..none() });
        assert_eq!(
            judged(&[all[0], all[0], all[1], all[2], all[3]]),
            Tally { good: 4, duplicates: 1, ..none() }
        );
        let with = |other| judged(&[all[0], all[1], other, all[2], all[3]]);
        assert_eq!(with("7/s1/0/1"), Tally { good: 4, leaks: 1, ..none() });
        assert_eq!(with("8/all/0/1"), Tally { good: 4, leaks: 1, ..none() });
        assert_eq!(with("7/al"), Tally { good: 4, corrupt: 1, ..none() });
    }
}
