//! What everybody who works on servers needs.

use std::{sync::Arc, time::Duration};

use kube::Client;

use crate::{
    memory::Memory,
    metrics::Metrics,
    observe::{image::Images, poll::Poller},
    requests::Throttle,
    settings::Settings,
    stores::Stores,
};

/// What there is once in the process.
#[derive(Clone)]
pub struct Shared {
    /// To the API server.
    pub client: Client,
    /// What holds for all servers.
    pub settings: Settings,
    /// What images run.
    pub images: Images,
    /// Where everything is counted.
    pub metrics: Arc<Metrics>,
    /// What the API server asks of us.
    pub throttle: Arc<Throttle>,
    /// Our name among our peers.
    pub identity: String,
    /// How often a server is looked at when nothing happens.
    pub resync: Duration,
    /// Where the proxies' admin port is.
    pub admin_port: u16,
}

/// What there is for each watched scope.
pub struct Context {
    /// See [`Shared`].
    pub shared: Arc<Shared>,
    /// What there is in the cluster.
    pub stores: Stores,
    /// What is known from before.
    pub memory: Memory,
    /// What the proxies say.
    pub poller: Arc<Poller>,
}
