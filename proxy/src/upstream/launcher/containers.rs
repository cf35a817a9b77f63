//! What the coming and going of the server's container means to the fleet.

use std::{sync::Arc, time::Duration};

use tokio::time::{sleep, timeout};

use super::Launcher;
use crate::upstream::Fleet;

/// How often it is looked whether the last request has been answered.
const LOOK: Duration = Duration::from_millis(20);
/// How long requests are begun yet while others are not answered: load balancers take a moment to notice.
const NOTICE: Duration = Duration::from_secs(1);

impl Fleet {
    /// A container that has been started again has no spares, and may hold another server.
    pub(in crate::upstream) async fn renew(self: Arc<Self>, launcher: Arc<Launcher>) {
        let mut connection = launcher.connection().await;
        loop {
            launcher.gone(&connection).await;
            self.server.forget_ended_spares();
            connection = launcher.connection().await;
            self.server.doubt.notify_one();
        }
    }

    /// A container that is being stopped waits until its requests are answered. Under steady load that moment would never
    /// come, and what is begun as it goes would be cut off: so nothing is begun at last, until the next container is there.
    pub(in crate::upstream) async fn see_off(self: Arc<Self>, launcher: Arc<Launcher>) {
        let gate = &self.server.gate;
        loop {
            let connection = launcher.leaving().await;
            tracing::info!("the launcher is shutting down");
            self.end_listens();
            let _ = timeout(NOTICE, self.all_answered()).await;
            gate.shut();
            gate.emptied().await;
            // Of those who have come back to listen.
            self.end_listens();
            self.all_answered().await;
            connection.see_off();
            launcher.gone(&connection).await;
            launcher.connection().await;
            gate.open();
        }
    }

    async fn all_answered(&self) {
        while self.server.is_busy() {
            sleep(LOOK).await;
        }
    }
}
