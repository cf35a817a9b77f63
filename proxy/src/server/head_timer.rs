//! The time that a client has for the head of a request.
//!
//! hyper asks for a new sleep for each request, and each would be put into the runtime's timers and taken out again. A
//! connection has one timer here, which stays set while requests come and go: only when it is over is it looked at
//! whether the head that is waited for now is late.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker, ready},
    time::Duration,
};

use hyper::rt::{Sleep, Timer};
use parking_lot::Mutex;
use tokio::time::{Instant, sleep_until};

/// The timer of one connection.
#[derive(Clone, Debug, Default)]
pub(super) struct HeadTimer(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// Set for a head at the latest, the one that is waited for or one before it.
    sleep: Option<Pin<Box<tokio::time::Sleep>>>,
    /// Whom it wakes.
    woken: Option<Waker>,
}

impl Timer for HeadTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.sleep_until(std::time::Instant::now() + duration)
    }

    fn sleep_until(&self, deadline: std::time::Instant) -> Pin<Box<dyn Sleep>> {
        Box::pin(Until { timer: self.clone(), deadline: deadline.into() })
    }
}

/// The wait for one head.
struct Until {
    timer: HeadTimer,
    deadline: Instant,
}

impl Sleep for Until {}

impl Future for Until {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.timer.0.lock().poll_until(self.deadline, cx)
    }
}

impl State {
    fn poll_until(&mut self, deadline: Instant, cx: &mut Context<'_>) -> Poll<()> {
        let Self { sleep, woken } = self;
        let sleep = sleep.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        loop {
            if sleep.is_elapsed() && Instant::now() >= deadline {
                return Poll::Ready(());
            }
            if sleep.is_elapsed() || sleep.deadline() > deadline {
                sleep.as_mut().reset(deadline);
                *woken = None;
            }
            if woken.as_ref().is_some_and(|woken| woken.will_wake(cx.waker())) {
                return Poll::Pending;
            }
            *woken = Some(cx.waker().clone());
            ready!(sleep.as_mut().poll(cx));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(10);

    fn until(timer: &HeadTimer, after: Duration) -> Pin<Box<dyn Sleep>> {
        timer.sleep_until((Instant::now() + after).into_std())
    }

    /// When the sleep is over, from now on.
    async fn over(sleep: Pin<Box<dyn Sleep>>) -> Duration {
        let start = Instant::now();
        sleep.await;
        start.elapsed()
    }

    /// The sleep is waited for, and is not over before `meanwhile` is.
    async fn not_late(sleep: &mut Pin<Box<dyn Sleep>>, meanwhile: impl Future<Output = ()>) {
        tokio::select! {
            biased;
            () = sleep => panic!("it is not late"),
            () = meanwhile => {}
        }
    }

    fn about(taken: Duration, expected: Duration) -> bool {
        taken >= expected && taken < expected + Duration::from_millis(10)
    }

    #[tokio::test(start_paused = true)]
    async fn each_head_has_all_of_its_time() {
        let timer = HeadTimer::default();
        for _ in 0..5 {
            // The head comes in time: the wait for it is dropped.
            let mut first = until(&timer, LIMIT);
            not_late(&mut first, tokio::time::sleep(LIMIT * 2 / 3)).await;
        }
        assert!(about(over(until(&timer, LIMIT)).await, LIMIT));
        // Over once more, for the next.
        assert!(about(over(until(&timer, LIMIT)).await, LIMIT));
    }

    #[tokio::test(start_paused = true)]
    async fn a_shorter_time_is_not_missed() {
        let timer = HeadTimer::default();
        let mut long = until(&timer, LIMIT);
        not_late(&mut long, tokio::task::yield_now()).await;
        assert!(about(over(until(&timer, LIMIT / 10)).await, LIMIT / 10));
        assert!(about(over(long).await, LIMIT * 9 / 10));
    }

    #[tokio::test(start_paused = true)]
    async fn wakes_whoever_waits_last() {
        let timer = HeadTimer::default();
        let mut sleep = until(&timer, LIMIT);
        not_late(&mut sleep, tokio::task::yield_now()).await;
        // In a task of its own, which the first poll knew nothing of.
        let elsewhere = tokio_util::task::TaskTracker::new().spawn(over(sleep));
        assert!(about(elsewhere.await.unwrap(), LIMIT));
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_over_already_is_over_at_once() {
        let timer = HeadTimer::default();
        tokio::time::sleep(LIMIT).await;
        assert!(
            over(timer.sleep_until((Instant::now() - LIMIT).into_std())).await < Duration::from_millis(10)
        );
    }
}
