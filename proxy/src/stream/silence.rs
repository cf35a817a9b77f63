//! Who waits for an answer of which nothing has come yet, and how long that may last.
//!
//! Nearly every request is answered before its time is over. A timer of the runtime for each would be set and taken out
//! again for nothing; here a request costs a place in a list, and one timer looks at all of them when the first is due.

use std::{sync::Arc, time::Duration};

use parking_lot::Mutex;
use slab::Slab;
use tokio::{sync::Notify, time::sleep_until};
use waggle_protocol::time::Timestamp;

use crate::clock::Clock;

/// Those who are due within this time of each other are told together, the later ones so much too early: however many
/// wait, the list is looked at no more often.
const GRAIN: Duration = Duration::from_millis(10);

/// Somebody who waits.
pub(crate) trait Patient {
    /// Nothing has come for as long as that may last.
    fn waited_enough(&self);
}

/// All who wait at one server.
#[derive(Debug)]
pub(crate) struct Silence<T> {
    clock: Clock,
    state: Mutex<State<T>>,
    /// Somebody is due before the next look.
    sooner: Notify,
}

#[derive(Debug)]
struct State<T> {
    waiting: Slab<Waiting<T>>,
    /// When it is looked who is due; not later than the first of them.
    next: Option<Timestamp>,
}

#[derive(Debug)]
struct Waiting<T> {
    until: Timestamp,
    /// Whom to tell, unless that has been done.
    patient: Option<Arc<T>>,
}

/// A place in the list, until it is dropped.
#[derive(Debug)]
pub(super) struct Place<'a, T> {
    silence: &'a Silence<T>,
    key: usize,
}

impl<T: Patient> Silence<T> {
    pub(crate) fn new(clock: Clock) -> Self {
        let state = State { waiting: Slab::new(), next: None };
        Self { clock, state: Mutex::new(state), sooner: Notify::new() }
    }

    /// Has `patient` told when it is `until`, for as long as the place is kept.
    pub(super) fn bear(&self, patient: Arc<T>, until: Timestamp) -> Place<'_, T> {
        let mut state = self.state.lock();
        let key = state.waiting.insert(Waiting { until, patient: Some(patient) });
        // Most wait equally long, so that who comes later is due later.
        if state.next.is_none_or(|next| until < next) {
            state.next = Some(until);
            self.sooner.notify_one();
        }
        Place { silence: self, key }
    }

    /// Tells those who are due, for as long as it is polled.
    pub(crate) async fn watch(&self) {
        loop {
            let next = self.state.lock().next;
            let Some(next) = next else {
                self.sooner.notified().await;
                continue;
            };
            tokio::select! {
                biased;
                () = self.sooner.notified() => {}
                () = sleep_until(self.clock.instant(next)) => self.look(),
            }
        }
    }

    fn look(&self) {
        let due = self.clock.now().after(GRAIN);
        let late: Vec<_> = {
            let mut state = self.state.lock();
            let State { waiting, next } = &mut *state;
            let late = waiting.iter_mut().filter(|(_, waiting)| waiting.until <= due);
            let late = late.filter_map(|(_, waiting)| waiting.patient.take()).collect();
            let left = waiting.iter().filter(|(_, waiting)| waiting.patient.is_some());
            *next = left.map(|(_, waiting)| waiting.until).min();
            late
        };
        for patient in late {
            patient.waited_enough();
        }
    }
}

impl<T> Drop for Place<'_, T> {
    fn drop(&mut self) {
        // The timer stays as it is: it finds nobody who is due, and is set anew for those who are there then.
        self.silence.state.lock().waiting.remove(self.key);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    const WHILE: Duration = Duration::from_secs(15);
    const SOON: Duration = Duration::from_millis(1);

    #[derive(Debug, Default)]
    struct Client(AtomicUsize);

    impl Patient for Client {
        fn waited_enough(&self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    impl Client {
        fn told(&self) -> usize {
            self.0.load(Ordering::Relaxed)
        }
    }

    /// What happens while somebody watches.
    async fn watched(silence: &Silence<Client>, happens: impl Future<Output = ()>) {
        tokio::select! {
            biased;
            () = silence.watch() => {}
            () = happens => {}
        }
    }

    fn start() -> (Clock, Silence<Client>) {
        let clock = Clock::start();
        (clock, Silence::new(clock))
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_is_told_once_when_it_is_time() {
        let (clock, silence) = start();
        let client = Arc::new(Client::default());
        let _place = silence.bear(client.clone(), clock.now().after(WHILE));
        watched(&silence, async {
            tokio::time::sleep(WHILE - SOON).await;
            assert_eq!(client.told(), 0);
            tokio::time::sleep(2 * SOON).await;
            assert_eq!(client.told(), 1);
            tokio::time::sleep(2 * WHILE).await;
            assert_eq!(client.told(), 1);
        })
        .await;
    }

    #[tokio::test(start_paused = true)]
    async fn who_has_left_is_not_told_and_holds_up_nobody() {
        let (clock, silence) = start();
        let (gone, stays) = (Arc::new(Client::default()), Arc::new(Client::default()));
        let place = silence.bear(gone.clone(), clock.now().after(WHILE));
        watched(&silence, async {
            tokio::time::sleep(WHILE / 2).await;
            drop(place);
            let _place = silence.bear(stays.clone(), clock.now().after(WHILE));
            tokio::time::sleep(WHILE + SOON).await;
            assert_eq!((gone.told(), stays.told()), (0, 1));
        })
        .await;
        assert_eq!(Arc::strong_count(&gone), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn who_comes_later_may_be_due_sooner() {
        let (clock, silence) = start();
        let (long, short) = (Arc::new(Client::default()), Arc::new(Client::default()));
        let _long = silence.bear(long.clone(), clock.now().after(2 * WHILE));
        watched(&silence, async {
            tokio::time::sleep(SOON).await;
            let _short = silence.bear(short.clone(), clock.now().after(WHILE));
            tokio::time::sleep(WHILE + SOON).await;
            assert_eq!((long.told(), short.told()), (0, 1));
            tokio::time::sleep(WHILE).await;
            assert_eq!((long.told(), short.told()), (1, 1));
        })
        .await;
    }

    #[tokio::test(start_paused = true)]
    async fn those_who_are_due_together_are_told_together() {
        let (clock, silence) = start();
        let clients: Vec<_> = (0..100).map(|_| Arc::new(Client::default())).collect();
        let begin = clock.now();
        let until = |number: usize| begin.after(WHILE + GRAIN * number as u32 / 100);
        let _places: Vec<_> =
            clients.iter().enumerate().map(|(n, client)| silence.bear(client.clone(), until(n))).collect();
        watched(&silence, async {
            tokio::time::sleep(WHILE + SOON).await;
            assert!(clients.iter().all(|client| client.told() == 1));
        })
        .await;
    }
}
