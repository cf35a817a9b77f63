//! What the coming and going of the server's container means to the fleet.

use std::{sync::Arc, time::Duration};

use tokio::time::{sleep, timeout};

use super::Launcher;
use crate::upstream::Fleet;

/// How often it is looked whether the last request has been answered.
const LOOK: Duration = Duration::from_millis(20);
/// How long requests are begun yet while others are not answered: load balancers take a moment to notice.
const NOTICE: Duration = Duration::from_secs(1);
/// Within what time a request that was let in before is counted as one that is not answered: its body is read meanwhile.
const LET_IN: Duration = Duration::from_millis(100);

impl Fleet {
    /// A container that has been started again has no spares, and may hold another server.
    pub(in crate::upstream) async fn renew(self: Arc<Self>, launcher: Arc<Launcher>) {
        launcher.connected().await;
        loop {
            launcher.gone().await;
            self.server.forget_ended_spares();
            launcher.connected().await;
            self.server.doubt.notify_one();
        }
    }

    /// A container that is being stopped waits until its requests are answered. Under steady load that moment would never
    /// come, and what is begun as it goes would be cut off: so nothing is begun at last.
    pub(in crate::upstream) async fn see_off(self: Arc<Self>, launcher: Arc<Launcher>) {
        loop {
            launcher.leaving().await;
            tracing::info!("the launcher is shutting down");
            self.end_listens();
            let _ = timeout(NOTICE, self.all_answered()).await;
            launcher.begin_nothing_new();
            sleep(LET_IN).await;
            self.all_answered().await;
            launcher.see_off();
            launcher.gone().await;
        }
    }

    async fn all_answered(&self) {
        while self.server.metrics.in_flight.get() > 0 {
            sleep(LOOK).await;
        }
    }
}
