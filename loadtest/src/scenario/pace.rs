//! When calls begin: each as soon as the one before has ended, or at a fixed rate whatever the answers do.

use std::{
    io,
    os::fd::OwnedFd,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use rustix::time::{Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec};
use tokio::{
    io::{Interest, unix::AsyncFd},
    sync::Semaphore,
};

/// What was to begin earlier and has not for so long after the end does not begin any more.
const LATEST: Duration = Duration::from_secs(1);

/// One session's way to know when to begin.
#[derive(Clone, Debug)]
pub(super) enum Pace {
    /// Without a pause, until then.
    Closed(Instant),
    /// On a schedule that all sessions share.
    Open(Arc<Schedule>),
}

impl Pace {
    /// Waits for the next call's turn, and tells when it was to begin. `None` when there is none left.
    pub(super) async fn turn(&self) -> Option<Instant> {
        match self {
            Self::Closed(end) => Some(Instant::now()).filter(|now| now < end),
            Self::Open(schedule) => schedule.turn().await,
        }
    }
}

/// Times at which calls are to begin. A call that has to wait for a session is late, and its latency counts from when it was
/// to begin: else a server that stalls would be asked less, and seem faster than it is.
#[derive(Debug)]
pub(super) struct Schedule {
    start: Instant,
    interval: Duration,
    count: u64,
    next: AtomicU64,
    due: Semaphore,
}

impl Schedule {
    /// A call every so often, begun by `run`.
    pub(super) fn new(rate: f64, time: Duration) -> Self {
        let interval = Duration::from_secs_f64(1.0 / rate.clamp(0.001, 1e7));
        let count = (time.as_secs_f64() / interval.as_secs_f64()).round() as u64;
        Self { start: Instant::now(), interval, count, next: AtomicU64::new(0), due: Semaphore::new(0) }
    }

    fn at(&self, number: u64) -> Instant {
        self.start + Duration::from_nanos((self.interval.as_nanos() as u64).saturating_mul(number))
    }

    async fn turn(&self) -> Option<Instant> {
        // It is never closed.
        self.due.acquire().await.ok()?.forget();
        if Instant::now() > self.at(self.count) + LATEST {
            return None;
        }
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        (number < self.count).then(|| self.at(number))
    }

    /// Lets calls begin when they are due, and then all `sessions` see that there are no more.
    ///
    /// # Errors
    /// There is no timer.
    pub(super) async fn run(&self, sessions: usize) -> io::Result<()> {
        // The runtime's own timers are a millisecond coarse.
        let clock = rustix::time::timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK)?;
        #[expect(
            deprecated,
            reason = "its successor is unsafe, and a file that is owned is what it asks for"
        )]
        let clock = AsyncFd::with_interest(clock, Interest::READABLE)?;
        let mut released = 0;
        while released < self.count {
            let due = (self.start.elapsed().as_nanos() / self.interval.as_nanos().max(1)) as u64 + 1;
            let due = due.min(self.count);
            self.due.add_permits((due - released).min(1 << 20) as usize);
            released = due;
            if released < self.count {
                sleep_until(&clock, self.at(released)).await?;
            }
        }
        self.due.add_permits(sessions);
        Ok(())
    }

    /// Lets all sessions see that no more calls begin.
    pub(super) fn abandon(&self, sessions: usize) {
        self.next.fetch_add(self.count, Ordering::Relaxed);
        self.due.add_permits(sessions);
    }

    /// Calls that were to begin and never did, each with how late it was when the run had ended.
    pub(super) fn left(&self, ended: Instant) -> impl Iterator<Item = Duration> {
        let begun = self.next.load(Ordering::Relaxed).min(self.count);
        (begun..self.count).map(move |number| ended.saturating_duration_since(self.at(number)))
    }
}

async fn sleep_until(clock: &AsyncFd<OwnedFd>, instant: Instant) -> io::Result<()> {
    let pause = instant.saturating_duration_since(Instant::now());
    if pause.is_zero() {
        tokio::task::yield_now().await;
        return Ok(());
    }
    let value = Timespec { tv_sec: pause.as_secs().cast_signed(), tv_nsec: pause.subsec_nanos().into() };
    let once = Itimerspec { it_interval: Timespec { tv_sec: 0, tv_nsec: 0 }, it_value: value };
    rustix::time::timerfd_settime(clock.get_ref(), TimerfdTimerFlags::empty(), &once)?;
    let mut expirations = [0; 8];
    loop {
        let mut ready = clock.readable().await?;
        if ready.try_io(|clock| Ok(rustix::io::read(clock, &mut expirations)?)).is_ok() {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_begins_late_counts_from_when_it_was_due() {
        let schedule = Arc::new(Schedule::new(1000.0, Duration::from_millis(100)));
        let pace = Pace::Open(schedule.clone());
        let session = async {
            let mut turns = Vec::new();
            while let Some(due) = pace.turn().await {
                if turns.is_empty() {
                    // The server stalls, and the others wait.
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                turns.push(due.elapsed());
            }
            turns
        };
        let (ran, turns) = tokio::join!(schedule.run(1), session);
        ran.unwrap();
        assert_eq!(turns.len(), 100);
        // The calls that were due during the stall saw it, too.
        assert!(turns[0] >= Duration::from_millis(50) && turns[10] >= Duration::from_millis(38), "{turns:?}");
        assert_eq!(schedule.left(Instant::now()).count(), 0);
    }
}
