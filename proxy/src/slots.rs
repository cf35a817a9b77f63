//! A semaphore whose size follows the configuration.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// So many may be taken at once. Made fewer than are taken, those that are stay: none is given out until enough have
/// come back.
#[derive(Debug)]
pub(crate) struct Slots {
    free: Arc<Semaphore>,
    size: Mutex<Size>,
}

#[derive(Debug)]
struct Size {
    wanted: usize,
    /// Free and taken ones: more than are wanted while too many are taken.
    there: usize,
}

impl Slots {
    pub(crate) fn new(size: usize) -> Self {
        let free = Arc::new(Semaphore::new(size));
        Self { free, size: Mutex::new(Size { wanted: size, there: size }) }
    }

    /// Lets so many be taken from now on.
    pub(crate) fn resize(&self, wanted: usize) {
        let mut size = self.size.lock();
        size.wanted = wanted;
        if wanted > size.there {
            self.free.add_permits(wanted - size.there);
            size.there = wanted;
        }
        drop(size);
        self.withdraw();
    }

    /// One that is free now.
    pub(crate) fn try_take(&self) -> Option<OwnedSemaphorePermit> {
        self.withdraw();
        self.free.clone().try_acquire_owned().ok()
    }

    /// One as soon as it is free.
    pub(crate) async fn take(&self) -> OwnedSemaphorePermit {
        loop {
            self.withdraw();
            let Ok(slot) = self.free.clone().acquire_owned().await else {
                // The semaphore is never closed.
                return std::future::pending().await;
            };
            let mut size = self.size.lock();
            if size.there <= size.wanted {
                return slot;
            }
            // It came back to be withdrawn.
            slot.forget();
            size.there -= 1;
        }
    }

    /// How many are taken.
    pub(crate) fn taken(&self) -> usize {
        let size = self.size.lock();
        size.there - self.free.available_permits()
    }

    /// Whether none is free.
    pub(crate) fn are_taken(&self) -> bool {
        self.withdraw();
        self.free.available_permits() == 0
    }

    /// Takes free ones out of circulation while there are more than are wanted.
    fn withdraw(&self) {
        let mut size = self.size.lock();
        let excess = size.there.saturating_sub(size.wanted);
        size.there -= self.free.forget_permits(excess);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_can_be_taken_at_once() {
        let slots = Slots::new(1);
        let _one = slots.try_take().unwrap();
        assert!(slots.try_take().is_none());
        slots.resize(3);
        let (_two, _three) = (slots.try_take().unwrap(), slots.try_take().unwrap());
        assert!(slots.try_take().is_none());
        assert_eq!(slots.taken(), 3);
    }

    #[test]
    fn fewer_are_given_out_once_enough_have_come_back() {
        let slots = Slots::new(5);
        let mut taken: Vec<_> = (0..4).map(|_| slots.try_take().unwrap()).collect();
        slots.resize(2);
        assert_eq!(slots.taken(), 4);
        for left in [3, 2] {
            taken.pop();
            assert!(slots.try_take().is_none());
            assert_eq!(slots.taken(), left);
        }
        taken.pop();
        taken.push(slots.try_take().unwrap());
        assert!(slots.try_take().is_none());
        slots.resize(3);
        assert!(slots.try_take().is_some());
    }

    #[tokio::test]
    async fn who_waits_gets_none_that_is_withdrawn() {
        let slots = Arc::new(Slots::new(2));
        let (one, two) = (slots.take().await, slots.take().await);
        let mut waiting = std::pin::pin!(slots.take());
        assert!(now(&mut waiting).await.is_none());
        slots.resize(1);
        drop(one);
        assert!(now(&mut waiting).await.is_none());
        assert_eq!(slots.taken(), 1);
        drop(two);
        assert!(now(&mut waiting).await.is_some());
    }

    /// What the future yields without waiting.
    async fn now<T>(future: &mut (impl Future<Output = T> + Unpin)) -> Option<T> {
        tokio::select! {
            biased;
            value = future => Some(value),
            () = tokio::task::yield_now() => None,
        }
    }
}
