//! The resource that changes: a clock that ticks while somebody watches it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::json;
use tokio::time::{Instant, MissedTickBehavior, interval_at};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use super::peer::Peer;
use crate::utc;

/// The clock's address.
pub(super) const URI: &str = "demo://clock";

/// Time between two changes.
const PERIOD: Duration = Duration::from_secs(2);

/// The clock. Its timer runs only between [`Clock::watch`] and [`Clock::unwatch`].
#[derive(Default)]
pub(super) struct Clock {
    ticks: Arc<AtomicU64>,
    ticking: Option<DropGuard>,
}

impl Clock {
    /// What a reader of the resource sees.
    pub(super) fn text(&self) -> String {
        format!("{} (tick {})", utc::now(), self.ticks.load(Ordering::Relaxed))
    }

    /// Starts to tick, and to tell `peer` about each tick, until `stop`. Watching twice is watching once.
    pub(super) fn watch(&mut self, peer: &Peer, tasks: &TaskTracker, stop: &CancellationToken) {
        if self.ticking.is_some() {
            return;
        }
        let stop = stop.child_token();
        let (peer, ticks) = (peer.clone(), Arc::clone(&self.ticks));
        self.ticking = Some(stop.clone().drop_guard());
        tasks.spawn(async move { stop.run_until_cancelled(tick(peer, ticks)).await });
    }

    /// Stops to tick.
    pub(super) fn unwatch(&mut self) {
        self.ticking = None;
    }
}

async fn tick(peer: Peer, ticks: Arc<AtomicU64>) {
    let mut timer = interval_at(Instant::now() + PERIOD, PERIOD);
    // After a stall one update says it all.
    timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        timer.tick().await;
        ticks.fetch_add(1, Ordering::Relaxed);
        peer.notify("notifications/resources/updated", json!({ "uri": URI })).await;
    }
}
