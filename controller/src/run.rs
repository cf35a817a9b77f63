//! The whole process: waits for the lease, works, and stops without leaving anything half done.

use std::{sync::Arc, time::Duration};

use anyhow::Context as _;
use futures_util::future::join_all;
use kube::{Client, Config, client::ClientBuilder};
use tokio::{net::TcpListener, time::timeout};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    admin::{Admin, Readiness},
    cli::Options,
    context::Shared,
    image::{Resolver, Settings as Registries},
    lease::Elector,
    metrics::Metrics,
    observe::image::Images,
    requests::{Observe, Throttle},
    scope::Work,
    watch::Scope,
};

/// How long what is begun may take to its end, once the process is told to stop: less than a pod's grace period.
const GRACE: Duration = Duration::from_secs(15);
/// The proxies' admin port.
const ADMIN_PORT: u16 = 9090;

/// Works until `stop`.
///
/// # Errors
///
/// When it cannot start, or another controller has taken over.
pub async fn run(options: Options, config: Config, stop: CancellationToken) -> anyhow::Result<()> {
    let metrics = Arc::new(Metrics::default());
    let throttle = Arc::new(Throttle::default());
    let client = client(config, Observe { metrics: metrics.clone(), throttle: throttle.clone() })?;
    let listener = TcpListener::bind(options.admin_listen)
        .await
        .with_context(|| format!("cannot listen on {} (--admin-listen)", options.admin_listen))?;
    let readiness = Arc::new(Readiness::default());
    let tracker = TaskTracker::new();
    let ended = CancellationToken::new();
    let admin = Admin { readiness: readiness.clone(), metrics: metrics.clone() };
    tracker.spawn(admin.serve(listener, ended.clone()));

    let images = Images::new(client.clone(), resolver(&options)?, metrics.clone());
    let shared = Arc::new(Shared {
        client: client.clone(),
        settings: options.settings.clone(),
        images,
        metrics: metrics.clone(),
        throttle,
        identity: options.identity.clone(),
        resync: options.resync,
        admin_port: ADMIN_PORT,
    });
    let result = match &options.lease {
        None => {
            work(&options, shared, &readiness, &stop).await;
            Ok(())
        }
        Some(lease) => {
            let mut elector = Elector::new(client, &options.settings.namespace, lease, &options.identity);
            // A standby is ready: a rolling update waits for it, and it for its predecessor.
            readiness.set();
            match stop.run_until_cancelled(elector.acquire()).await {
                None => Ok(()),
                Some(()) => elector.hold(work(&options, shared, &readiness, &stop)).await,
            }
        }
    };
    readiness.unset("ending");
    metrics.leader.set(0);
    ended.cancel();
    tracker.close();
    tracker.wait().await;
    Ok(result?)
}

/// What asks registries.
fn resolver(options: &Options) -> anyhow::Result<Resolver> {
    let read =
        |path: &String| std::fs::read(path).with_context(|| format!("cannot read `{path}` (--registry-ca)"));
    let registries = Registries {
        insecure_registries: options.insecure_registries.clone(),
        ca_certificates: options.registry_ca.iter().map(read).collect::<Result<_, _>>()?,
        ..Registries::default()
    };
    Ok(Resolver::new(registries)?)
}

/// Works on all scopes.
async fn work(options: &Options, shared: Arc<Shared>, readiness: &Readiness, stop: &CancellationToken) {
    shared.metrics.leader.set(1);
    readiness.unset("waiting for the first lists of the watches");
    let scopes = match options.watch_namespaces.as_slice() {
        [] => vec![Scope::Cluster],
        names => names.iter().cloned().map(Scope::Namespace).collect(),
    };
    // What one scope may do at once; all together do no more than was said, but each does something.
    let share = u16::try_from(scopes.len()).map_or(1, |count| (options.concurrency / count).max(1));
    let mut all: Vec<_> = scopes.iter().map(|scope| Work::start(shared.clone(), scope)).collect();
    if stop.run_until_cancelled(join_all(all.iter_mut().map(Work::ready))).await.is_none() {
        return;
    }
    readiness.set();
    tracing::info!(scopes = all.len(), "working");
    let mut running = std::pin::pin!(join_all(all.into_iter().map(|work| work.run(share, stop.clone()))));
    tokio::select! {
        _ = &mut running => return,
        () = stop.cancelled() => {}
    }
    tracing::info!("ending: what is begun is finished");
    if timeout(GRACE, running).await.is_err() {
        tracing::warn!("ending although not everything is finished; the next controller goes on with it");
    }
}

fn client(mut config: Config, observe: Observe) -> anyhow::Result<Client> {
    // Tried again by us, with the server's place free meanwhile for another one.
    config.default_retry = false;
    // Watches say something at least each minute (bookmarks), and everything else is answered sooner.
    config.connect_timeout = Some(Duration::from_secs(10));
    let builder = ClientBuilder::try_from(config).context("cannot speak to the API server")?;
    Ok(builder.with_layer(&observe).build())
}
