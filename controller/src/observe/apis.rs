//! APIs that a cluster may or may not have, and that may come later.

use std::{sync::Arc, time::Duration};

use kube::{
    Client, discovery,
    runtime::reflector::{ObjectRef, Store},
};
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};

use crate::{
    context::Context,
    error,
    observed::Part,
    parts,
    stores::Optional,
    watch::{OURS, Scope, Trigger, follow},
};

/// How soon a new API is noticed at the latest.
const INTERVAL: Duration = Duration::from_secs(30);
/// How long the first list of an optional kind may hold up everything else.
const PATIENCE: Duration = Duration::from_secs(5);

/// Whether the cluster has the API of a part.
async fn exists(client: &Client, part: Part) -> Result<bool, kube::Error> {
    let resource = parts::resource(part);
    let version = kube::core::GroupVersion::gv(&resource.group, &resource.version);
    match discovery::pinned_group(client, &version).await {
        Ok(group) => Ok(group
            .versioned_resources(&resource.version)
            .iter()
            .any(|(known, _)| known.kind == resource.kind)),
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(false),
        Err(error) => Err(error),
    }
}

/// One optional API in one scope.
pub struct Optionally {
    /// Whose stores are filled.
    pub context: Arc<Context>,
    /// Which API.
    pub part: Part,
    /// Where its objects are looked for.
    pub scope: Scope,
    /// Where their watch runs.
    pub tracker: TaskTracker,
    /// Where changes are announced.
    pub trigger: Trigger,
    /// Cancelled when it is known whether the API is there.
    pub asked: CancellationToken,
}

impl Optionally {
    /// Fills the store while the API is there, for ever.
    pub async fn follow(self) {
        let mut watch: Option<DropGuard> = None;
        loop {
            let was = watch.is_some();
            match exists(&self.context.shared.client, self.part).await {
                Ok(true) if !was => watch = Some(self.start().await),
                Ok(true) => {}
                Ok(false) => {
                    watch = None;
                    *self.store().write() = None;
                }
                Err(error) => {
                    let error = error::sentence(&error);
                    tracing::debug!(error, part = ?self.part, "cannot find out whether an API is there");
                }
            }
            if self.asked.is_cancelled() && was != watch.is_some() {
                self.announce().await;
            }
            self.asked.cancel();
            tokio::time::sleep(INTERVAL).await;
        }
    }

    fn store(&self) -> &Optional {
        let stores = &self.context.stores;
        match self.part {
            Part::BackendTrafficPolicy => &stores.backend_traffic_policies,
            _ => &stores.http_routes,
        }
    }

    /// Starts the watch, and waits for its first list within bounds. It ends with the guard.
    async fn start(&self) -> DropGuard {
        let resource = parts::resource(self.part);
        let api = self.scope.dynamic(&self.context.shared.client, &resource);
        let (objects, work) = follow(api, resource, Some(OURS), self.trigger.clone());
        let ending = CancellationToken::new();
        self.tracker.spawn(ending.clone().run_until_cancelled_owned(work));
        if !is_filled(&objects).await {
            tracing::warn!(part = ?self.part, "there is no list of an optional kind of object yet");
        }
        *self.store().write() = Some(objects);
        ending.drop_guard()
    }

    /// Has every server looked at that the API matters to.
    async fn announce(&self) {
        tracing::info!(part = ?self.part, "an optional API has come or gone");
        for server in self.context.stores.servers.state() {
            if server.0.as_ref().is_ok_and(|server| server.spec.http_route.is_some()) {
                // Nobody is left to tell while the process ends.
                let _ = self.trigger.send(ObjectRef::from_obj(&*server)).await;
            }
        }
    }
}

async fn is_filled<K>(store: &Store<K>) -> bool
where
    K: kube::Resource + Clone + 'static,
    K::DynamicType: Eq + std::hash::Hash + Clone,
{
    tokio::time::timeout(PATIENCE, store.wait_until_ready()).await.is_ok_and(|ready| ready.is_ok())
}
