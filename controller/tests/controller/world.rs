//! A controller at work on a fake API server.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};
use tokio::time::sleep;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use waggle_controller::{
    cli::Options,
    context::Shared,
    image::{Resolver, Settings},
    metrics::Metrics,
    observe::image::Images,
    requests::{Observe, Throttle},
    scope::Work,
    watch::Scope,
};

use crate::fake::Fake;

pub(crate) struct World {
    pub(crate) fake: Fake,
    pub(crate) metrics: Arc<Metrics>,
    stop: CancellationToken,
    tracker: TaskTracker,
}

impl World {
    /// A controller on an empty cluster.
    pub(crate) async fn new() -> Self {
        Self::with(Fake::default()).await
    }

    /// A controller on this cluster, all of which it knows.
    pub(crate) async fn with(fake: Fake) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let args = ["waggle-controller", "--proxy-image", "proxy:1"].map(Into::into);
        let options = Options::read(args, "waggle-system", Some("pod-1".to_owned())).unwrap();
        let (metrics, throttle) = (Arc::new(Metrics::default()), Arc::new(Throttle::default()));
        let observe = Observe { metrics: metrics.clone(), throttle: throttle.clone() };
        let client = kube::client::ClientBuilder::new(fake.clone(), "default").with_layer(&observe).build();
        let shared = Arc::new(Shared {
            images: Images::new(client.clone(), Resolver::new(Settings::default()).unwrap(), metrics.clone()),
            client,
            settings: options.settings,
            metrics: metrics.clone(),
            throttle,
            identity: options.identity,
            resync: options.resync,
            admin_port: 9,
        });
        let (stop, tracker) = (CancellationToken::new(), TaskTracker::new());
        let mut work = Work::start(shared, &Scope::Cluster);
        work.ready().await;
        tracker.spawn(work.run(4, stop.clone()));
        Self { fake, metrics, stop, tracker }
    }

    /// Lets so many seconds pass. The clock is stopped: it goes on when there is nothing to do.
    pub(crate) async fn pass(&self, seconds: u64) {
        sleep(Duration::from_secs(seconds)).await;
    }

    /// Creates a server.
    pub(crate) fn server(&self, name: &str, more: Value) {
        let mut spec = json!({"image": format!("{name}:1"), "command": [name]});
        for (field, value) in more.as_object().unwrap() {
            spec[field] = value.clone();
        }
        let server = json!({"apiVersion": "waggle.dev/v1alpha1", "kind": "MCPServer", "spec": spec});
        self.fake.put("mcpservers", name, server);
    }

    /// A condition of a server: its status, reason and message.
    pub(crate) fn condition(&self, server: &str, kind: &str) -> (String, String, String) {
        let server = self.fake.get("mcpservers", server).unwrap();
        let conditions = server["status"]["conditions"].as_array().unwrap();
        let condition = conditions.iter().find(|condition| condition["type"] == kind).unwrap();
        let text = |field: &str| condition[field].as_str().unwrap().to_owned();
        (text("status"), text("reason"), text("message"))
    }

    /// Stops the controller, and gives its cluster back.
    pub(crate) async fn stop(self) -> Fake {
        self.stop.cancel();
        self.tracker.close();
        self.tracker.wait().await;
        self.fake
    }
}
