//! Counts who is let in, so that whoever shuts the gate knows when the last one is through.

use std::{
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    time::Duration,
};

use tokio::time::sleep;

/// How often a shut gate is looked at.
const LOOK: Duration = Duration::from_millis(5);

/// Open at first. Who is counted is counted before the gate is looked at, so that nobody slips in as it is being shut.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    inside: AtomicUsize,
    shut: AtomicBool,
}

/// Somebody who was let in, until this is dropped.
#[derive(Debug)]
pub(crate) struct Inside<'a>(&'a Gate);

impl Gate {
    /// Lets somebody in, unless the gate is shut.
    pub(crate) fn enter(&self) -> Option<Inside<'_>> {
        self.inside.fetch_add(1, Ordering::SeqCst);
        let inside = Inside(self);
        (!self.shut.load(Ordering::SeqCst)).then_some(inside)
    }

    /// Lets nobody in any more.
    pub(crate) fn shut(&self) {
        self.shut.store(true, Ordering::SeqCst);
    }

    /// Lets everybody in again.
    pub(crate) fn open(&self) {
        self.shut.store(false, Ordering::SeqCst);
    }

    /// Whether nobody is let in.
    pub(crate) fn is_shut(&self) -> bool {
        self.shut.load(Ordering::SeqCst)
    }

    /// Whether somebody is inside.
    pub(crate) fn is_occupied(&self) -> bool {
        self.inside.load(Ordering::SeqCst) > 0
    }

    /// Waits until all who were let in are through.
    pub(crate) async fn emptied(&self) {
        while self.is_occupied() {
            sleep(LOOK).await;
        }
    }
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.0.inside.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use super::*;

    #[tokio::test]
    async fn a_shut_gate_waits_for_those_that_it_has_let_in() {
        let gate = Gate::default();
        let (one, two) = (gate.enter().unwrap(), gate.enter().unwrap());
        assert!(!gate.is_shut());
        gate.shut();
        assert!(gate.is_shut() && gate.enter().is_none());
        let mut emptied = std::pin::pin!(gate.emptied());
        for inside in [one, two] {
            tokio::select! {
                biased;
                () = &mut emptied => panic!("somebody is inside"),
                () = tokio::task::yield_now() => drop(inside),
            }
        }
        emptied.await;
        gate.open();
        assert!(!gate.is_shut() && gate.enter().is_some());
    }

    /// What shutting it means: after it, nobody is inside who was not there before.
    #[test]
    fn nobody_slips_in_while_it_is_being_shut() {
        const THREADS: usize = 4;
        for _ in 0..200 {
            let (gate, start) = (Gate::default(), Barrier::new(THREADS + 1));
            let served = AtomicBool::new(true);
            std::thread::scope(|scope| {
                for _ in 0..THREADS {
                    scope.spawn(|| {
                        start.wait();
                        while let Some(_inside) = gate.enter() {
                            assert!(served.load(Ordering::SeqCst), "let in, and cut off");
                        }
                    });
                }
                start.wait();
                gate.shut();
                while gate.is_occupied() {
                    std::hint::spin_loop();
                }
                served.store(false, Ordering::SeqCst);
            });
        }
    }
}
