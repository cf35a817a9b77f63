//! What was found out, kept within a bound.

use std::{collections::HashMap, hash::Hash, time::Instant};

/// A bounded map whose values may grow old. When it is full, the one that was not used for longest goes.
pub(super) struct Cache<K, V> {
    entries: HashMap<K, Entry<V>>,
    capacity: usize,
    /// Counts uses: the order of time, with no two at once.
    uses: u64,
}

struct Entry<V> {
    value: V,
    /// Fresh until then, or for ever.
    until: Option<Instant>,
    used: u64,
}

impl<K: Clone + Eq + Hash, V> Cache<K, V> {
    /// Keeps this many entries, at least one.
    pub(super) fn new(capacity: usize) -> Self {
        Self { entries: HashMap::new(), capacity: capacity.max(1), uses: 0 }
    }

    /// A value that is still fresh.
    pub(super) fn fresh(&mut self, key: &K, now: Instant) -> Option<&V> {
        self.uses += 1;
        let entry = self.entries.get_mut(key)?;
        entry.used = self.uses;
        entry.until.is_none_or(|until| now < until).then_some(&entry.value)
    }

    /// A value of any age.
    pub(super) fn last(&self, key: &K) -> Option<&V> {
        self.entries.get(key).map(|entry| &entry.value)
    }

    /// Keeps a value.
    pub(super) fn put(&mut self, key: K, value: V, until: Option<Instant>) {
        self.uses += 1;
        if self.entries.len() >= self.capacity && !self.entries.contains_key(&key) {
            let oldest = self.entries.iter().min_by_key(|(_, entry)| entry.used).map(|(key, _)| key.clone());
            oldest.map(|key| self.entries.remove(&key));
        }
        self.entries.insert(key, Entry { value, until, used: self.uses });
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_entry_that_was_not_used_for_longest_goes() {
        let now = Instant::now();
        let mut cache = Cache::new(2);
        cache.put("a", 1, None);
        cache.put("b", 2, None);
        assert_eq!(cache.fresh(&"a", now), Some(&1));
        cache.put("c", 3, None);
        assert_eq!((cache.last(&"a"), cache.last(&"b"), cache.last(&"c")), (Some(&1), None, Some(&3)));
        // A new value of a kept key pushes nobody out.
        cache.put("a", 4, None);
        assert_eq!((cache.last(&"a"), cache.last(&"c")), (Some(&4), Some(&3)));
    }

    #[test]
    fn an_old_value_is_not_fresh_but_not_forgotten() {
        let now = Instant::now();
        let mut cache = Cache::new(2);
        cache.put("tag", 1, Some(now + Duration::from_secs(5)));
        assert_eq!(cache.fresh(&"tag", now + Duration::from_secs(4)), Some(&1));
        assert_eq!(cache.fresh(&"tag", now + Duration::from_secs(5)), None);
        assert_eq!(cache.last(&"tag"), Some(&1));
    }
}
