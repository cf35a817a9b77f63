//! The work on all servers of one scope: a namespace, or the cluster.

use std::{convert::Infallible, sync::Arc, time::Duration};

use futures_util::{FutureExt as _, StreamExt as _, stream};
use kube::runtime::{
    applier,
    controller::{Config, Error as ControllerError},
    reflector::{ObjectRef, Store},
};
use tokio::sync::mpsc;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    context::{Context, Shared},
    memory::Memory,
    observe::{apis::Optionally, poll::Poller},
    observed::Part,
    reconcile::{again, forget, reconcile},
    stores::{Optional, Stores},
    watch::{Followed, OURS, Scope, Server, Trigger, follow},
};

/// Changes that wait to be taken note of. Those who announce more wait.
const ANNOUNCED: usize = 256;
/// Changes within this time are looked at together; one that follows another puts both off.
const DEBOUNCE: Duration = Duration::from_millis(50);

/// The work on one scope.
pub struct Work {
    context: Arc<Context>,
    changes: mpsc::Receiver<ObjectRef<Server>>,
    /// The first look at the optional APIs is over.
    asked: [CancellationToken; 2],
    tracker: TaskTracker,
    ending: CancellationToken,
}

impl Work {
    /// Starts to watch.
    pub fn start(shared: Arc<Shared>, scope: &Scope) -> Self {
        let tracker = TaskTracker::new();
        let ending = CancellationToken::new();
        let (trigger, changes) = mpsc::channel(ANNOUNCED);
        let watches =
            Watches { shared: &shared, scope, tracker: &tracker, ending: &ending, trigger: &trigger };
        let stores = Stores {
            servers: watches.start(None),
            pods: watches.start(Some(OURS)),
            service_accounts: watches.start(Some(OURS)),
            config_maps: watches.start(Some(OURS)),
            deployments: watches.start(Some(OURS)),
            services: watches.start(Some(OURS)),
            ingresses: watches.start(Some(OURS)),
            disruption_budgets: watches.start(Some(OURS)),
            network_policies: watches.start(Some(OURS)),
            http_routes: Optional::default(),
            backend_traffic_policies: Optional::default(),
        };
        let poller = Poller::new(shared.admin_port, trigger.clone(), tracker.clone(), shared.metrics.clone());
        let context = Arc::new(Context { shared: shared.clone(), stores, memory: Memory::default(), poller });
        let asked = [Part::HttpRoute, Part::BackendTrafficPolicy].map(|part| {
            let asked = CancellationToken::new();
            let api = Optionally {
                context: context.clone(),
                part,
                scope: scope.clone(),
                tracker: tracker.clone(),
                trigger: trigger.clone(),
                asked: asked.clone(),
            };
            tracker.spawn(ending.clone().run_until_cancelled_owned(api.follow()));
            asked
        });
        Self { context, changes, asked, tracker, ending }
    }

    /// What the work is done with.
    pub fn context(&self) -> &Arc<Context> {
        &self.context
    }

    /// Waits until all there is in the cluster is known. What changes meanwhile is looked at anyway: everything is.
    pub async fn ready(&mut self) {
        let stores = &self.context.stores;
        let asked = &self.asked;
        let filled = async {
            tokio::join!(
                filled(&stores.servers),
                filled(&stores.pods),
                filled(&stores.service_accounts),
                filled(&stores.config_maps),
                filled(&stores.deployments),
                filled(&stores.services),
                filled(&stores.ingresses),
                filled(&stores.disruption_budgets),
                filled(&stores.network_policies),
            );
            for asked in asked {
                asked.cancelled().await;
            }
        };
        tokio::pin!(filled);
        loop {
            tokio::select! {
                () = &mut filled => return,
                Some(_) = self.changes.recv() => {}
            }
        }
    }

    /// Looks at every server, then at each that something happens to, until `stop`; what is begun then is finished.
    pub async fn run(self, concurrency: u16, stop: CancellationToken) {
        let Self { context, mut changes, tracker, ending, .. } = self;
        let all: Vec<_> =
            context.stores.servers.state().iter().map(|server| ObjectRef::from_obj(&**server)).collect();
        let queue = stream::iter(all)
            .chain(stream::poll_fn(move |cx| changes.poll_recv(cx)))
            .map(Ok::<_, Infallible>)
            .take_until(stop.cancelled_owned());
        let config = Config::default().debounce(DEBOUNCE).concurrency(concurrency);
        let looks = applier(
            |server, context| reconcile(server, context).boxed(),
            again,
            context.clone(),
            context.stores.servers.clone(),
            queue,
            config,
        );
        looks
            .for_each(async |looked| {
                if let Err(ControllerError::ObjectNotFound(server)) = looked {
                    forget(&(server.namespace.unwrap_or_default(), server.name), &context);
                }
                let metrics = &context.shared.metrics;
                metrics.servers.set(context.stores.servers.len() as i64);
                metrics.failing.set(context.memory.failing() as i64);
            })
            .await;
        ending.cancel();
        tracker.close();
        tracker.wait().await;
    }
}

async fn filled<K>(store: &Store<K>)
where
    K: kube::Resource<DynamicType = ()> + Clone + 'static,
{
    // Its writer lives as long as the watch, and that as long as the process works.
    let _ = store.wait_until_ready().await;
}

/// What all watches of a scope have in common.
struct Watches<'a> {
    shared: &'a Shared,
    scope: &'a Scope,
    tracker: &'a TaskTracker,
    ending: &'a CancellationToken,
    trigger: &'a Trigger,
}

impl Watches<'_> {
    fn start<K>(&self, selector: Option<&str>) -> Store<K>
    where
        K: kube::Resource<Scope = k8s_openapi::NamespaceResourceScope, DynamicType = ()>
            + Clone
            + std::fmt::Debug
            + serde::de::DeserializeOwned
            + Followed
            + Send
            + Sync
            + 'static,
    {
        let api = self.scope.api(&self.shared.client);
        let (store, work) = follow::<K>(api, (), selector, self.trigger.clone());
        self.tracker.spawn(self.ending.clone().run_until_cancelled_owned(work));
        store
    }
}
