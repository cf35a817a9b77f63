//! A future that seldom has anything to say, among others that are polled all the time.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

use parking_lot::Mutex;

/// Polls its future first of all, and from then on only when that has asked for it: not each time when its task is polled
/// for something else. A cancellation or a timer costs a connection next to nothing then.
#[pin_project::pin_project]
#[derive(Debug)]
pub(crate) struct WhenWoken<F> {
    #[pin]
    future: F,
    signal: Arc<Signal>,
    /// Whom the signal wakes.
    task: Option<Waker>,
}

/// The future's waker.
#[derive(Debug)]
struct Signal {
    woken: AtomicBool,
    task: Mutex<Option<Waker>>,
}

impl<F> WhenWoken<F> {
    pub(crate) fn new(future: F) -> Self {
        let signal = Signal { woken: AtomicBool::new(true), task: Mutex::new(None) };
        Self { future, signal: Arc::new(signal), task: None }
    }

    /// The future, to read from it.
    pub(crate) fn get(&self) -> &F {
        &self.future
    }

    /// The future, to change it. It is polled anew.
    pub(crate) fn change(self: Pin<&mut Self>) -> Pin<&mut F> {
        let this = self.project();
        this.signal.woken.store(true, Ordering::Release);
        this.future
    }
}

impl<F: Future> Future for WhenWoken<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        if !this.task.as_ref().is_some_and(|task| task.will_wake(cx.waker())) {
            // Before the look at `woken`: who sets that afterwards finds the new waker.
            *this.signal.task.lock() = Some(cx.waker().clone());
            *this.task = Some(cx.waker().clone());
        }
        if !this.signal.woken.load(Ordering::Relaxed) {
            return Poll::Pending;
        }
        // Sees what was done before the last of the wakes that this takes back.
        this.signal.woken.swap(false, Ordering::AcqRel);
        let waker = Waker::from(this.signal.clone());
        this.future.poll(&mut Context::from_waker(&waker))
    }
}

impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.woken.store(true, Ordering::Release);
        let task = self.task.lock().clone();
        if let Some(task) = task {
            task.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{future::poll_fn, pin::pin, sync::atomic::AtomicUsize, time::Duration};

    use tokio::{sync::Notify, time::sleep};
    use tokio_util::sync::CancellationToken;

    use super::*;

    /// A task that counts how often it is woken.
    #[derive(Debug, Default)]
    struct Task(AtomicUsize);

    impl Wake for Task {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A future that counts how often it is polled, around another one.
    async fn counted(polls: &AtomicUsize, inner: impl Future<Output = ()>) {
        let mut inner = pin!(inner);
        poll_fn(|cx| {
            polls.fetch_add(1, Ordering::Relaxed);
            inner.as_mut().poll(cx)
        })
        .await
    }

    #[test]
    fn it_is_polled_once_and_then_when_it_is_woken_and_wakes_whoever_polled_it_last() {
        let (polls, token) = (AtomicUsize::new(0), CancellationToken::new());
        let tasks = [(); 2].map(|()| Arc::new(Task::default()));
        let wakers = tasks.clone().map(Waker::from);
        let mut future = pin!(WhenWoken::new(counted(&polls, token.cancelled())));
        for waker in wakers.iter().cycle().take(10) {
            assert!(future.as_mut().poll(&mut Context::from_waker(waker)).is_pending());
        }
        assert_eq!(polls.load(Ordering::Relaxed), 1);
        token.cancel();
        assert_eq!(tasks.map(|task| task.0.load(Ordering::Relaxed)), [0, 1]);
        assert!(future.as_mut().poll(&mut Context::from_waker(&wakers[0])).is_ready());
        assert_eq!(polls.load(Ordering::Relaxed), 2);
    }

    #[test]
    fn what_was_woken_for_nothing_is_asked_again() {
        let (polls, ready) = (AtomicUsize::new(0), AtomicBool::new(false));
        let inner_waker = Mutex::new(None);
        let inner = poll_fn(|cx: &mut Context<'_>| {
            *inner_waker.lock() = Some(cx.waker().clone());
            if ready.load(Ordering::Relaxed) { Poll::Ready(()) } else { Poll::Pending }
        });
        let mut future = pin!(WhenWoken::new(counted(&polls, inner)));
        let cx = &mut Context::from_waker(Waker::noop());
        for expected in 1..4 {
            assert!(future.as_mut().poll(cx).is_pending());
            assert!(future.as_mut().poll(cx).is_pending());
            assert_eq!(polls.load(Ordering::Relaxed), expected);
            inner_waker.lock().clone().unwrap().wake();
        }
        ready.store(true, Ordering::Relaxed);
        assert!(future.as_mut().poll(cx).is_ready());
    }

    #[tokio::test(start_paused = true)]
    async fn a_timer_that_is_set_anew_fires_again() {
        let mut timer = pin!(WhenWoken::new(sleep(Duration::from_secs(1))));
        for _ in 0..3 {
            let start = tokio::time::Instant::now();
            timer.as_mut().await;
            assert_eq!(start.elapsed(), Duration::from_secs(1));
            assert!(timer.get().is_elapsed());
            let next = timer.get().deadline() + Duration::from_secs(1);
            timer.as_mut().change().reset(next);
        }
    }

    #[tokio::test]
    async fn nothing_is_lost_when_it_is_woken_from_another_thread() {
        for _ in 0..1000 {
            let notify = Arc::new(Notify::new());
            let other = notify.clone();
            let future = WhenWoken::new(async move { notify.notified().await });
            let thread = std::thread::spawn(move || other.notify_one());
            tokio::time::timeout(Duration::from_secs(60), future).await.unwrap();
            thread.join().unwrap();
        }
    }
}
