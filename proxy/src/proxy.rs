//! A running proxy: what is started, in which order, and how it ends.

use std::{future::Future, io, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use tokio::{
    net::TcpListener,
    sync::mpsc,
    time::{Instant, timeout_at},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use waggle_protocol::{mux::Sharing, seal::Sealer};

use crate::{
    config::{Config, Live, ProcessMode, ServerVariable, Sources, UpstreamHeader},
    downstream::Endpoint,
    reload::Reloader,
    server::{Listener, Router, admin},
    slots::Slots,
    telemetry::metrics::Metrics,
    upstream::{
        Fleet, Handling, HttpServer, HttpSettings, Launcher, LauncherSettings, Program, Server, Target,
    },
};

/// Connections to the admin port: a few probes and scrapes.
const ADMIN_CONNECTIONS: usize = 64;
/// How often it is looked whether the last request has been answered during a shutdown.
const DRAIN_LOOK: Duration = Duration::from_millis(20);
/// The part of the grace period that is kept for ending server processes.
const FOR_PROCESSES: u32 = 4;

/// Why a proxy does not start, or does not go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {why}; choose another with --{option}")]
    Listen {
        /// The configured address.
        address: SocketAddr,
        /// The option that configures it.
        option: &'static str,
        /// The system's reason.
        why: io::Error,
    },
    /// The MCP server did not start, or ended before it had answered anything.
    #[error("{0}")]
    Server(String),
    /// What was said of the server cannot be used.
    #[error("{0}")]
    Upstream(String),
    /// There can be no socket for the launcher.
    #[error("cannot listen on {} for the launcher: {why}", .path.display())]
    Launcher {
        /// The path of `--launcher`.
        path: PathBuf,
        /// The system's reason.
        why: io::Error,
    },
    /// The operating system has no random bytes for the key that request states are sealed with.
    #[error("cannot make a key: {0}")]
    Random(getrandom::Error),
    /// The path of this program is not known, so that the demo server cannot be started.
    #[error("cannot find this program to run its demo server: {0}")]
    Demo(io::Error),
}

/// A proxy with open ports.
#[derive(Debug)]
pub struct Proxy {
    endpoint: Arc<Endpoint>,
    router: Arc<Router>,
    address: SocketAddr,
    admin: Option<SocketAddr>,
    listener: Arc<Listener>,
    /// Of connections to the MCP port.
    slots: Arc<Slots>,
    /// Of connections and listeners, apart from the tasks of server processes.
    connections: TaskTracker,
    failure: mpsc::Receiver<String>,
}

impl Proxy {
    /// Opens the ports and starts the server. Must be called on a tokio runtime.
    ///
    /// # Errors
    /// A port is taken, or what was said of the server behind `--upstream` cannot be used.
    pub async fn start(config: Config) -> Result<Self, Error> {
        let (public, address) = listen(config.listen, "listen").await?;
        let admin = match config.admin_listen {
            Some(address) => Some(listen(address, "admin-listen").await?),
            None => None,
        };
        let sharing = match config.process_mode {
            // A server that opens with `initialize` has one client: with a process each, nothing is lost.
            ProcessMode::Auto | ProcessMode::Session => Sharing::Exclusive,
            ProcessMode::Shared => Sharing::Shared,
        };
        let metrics = Arc::new(Metrics::default());
        let slots = Arc::new(Slots::new(config.limits.max_connections));
        let config = Live::new(config);
        let sealer = sealer().map_err(Error::Random)?;
        let (tracker, stop) = (TaskTracker::new(), CancellationToken::new());
        let target = target(&config, sharing, &metrics, &tracker, &stop)?;
        let (server, failure) =
            Server::new(config.clone(), sharing, target, sealer, metrics.clone(), tracker.clone(), stop);
        let drained = CancellationToken::new();
        let endpoint = Arc::new(Endpoint::new(Fleet::start(server), drained.clone()));
        tracker.spawn(endpoint.sessions.clone().sweep());
        tracker.spawn(endpoint.sessions.clone().end_when_outdated());

        let connections = TaskTracker::new();
        let listener = Arc::new(Listener {
            config: config.clone(),
            metrics,
            tracker: connections.clone(),
            closing: CancellationToken::new(),
            drained,
        });
        let router = Arc::new(Router::new(endpoint.clone()));
        let serving = router.clone();
        let answer = move |request| serving.clone().answer(request);
        connections.spawn(listener.clone().run(public, slots.clone(), answer));
        let admin_address = admin.as_ref().map_or("off".to_owned(), |(_, address)| address.to_string());
        tracing::info!(mcp = %address, admin = admin_address, "listening");
        let admin = admin.map(|(socket, address)| {
            let endpoint = endpoint.clone();
            let answer = move |request| admin::answer(endpoint.clone(), request);
            let slots = Arc::new(Slots::new(ADMIN_CONNECTIONS));
            connections.spawn(listener.clone().run(socket, slots, answer));
            address
        });
        Ok(Self { endpoint, router, address, admin, listener, slots, connections, failure })
    }

    /// What keeps the proxy at a configuration that may change: `sources` are those that it was started with, and
    /// `digest` that of the file as it was read then.
    pub fn reloader(&self, sources: Sources, digest: Option<String>) -> Reloader {
        self.endpoint.server.config.outcome.applied(digest.clone(), Vec::new());
        Reloader {
            sources,
            digest,
            log: None,
            fleet: self.endpoint.fleet.clone(),
            router: self.router.clone(),
            connections: self.slots.clone(),
        }
    }

    /// Where the MCP endpoint listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where the admin port listens.
    pub fn admin_address(&self) -> Option<SocketAddr> {
        self.admin
    }

    /// The base of all URLs that clients are given: the public one, or the listening address.
    pub fn base_url(&self) -> String {
        match &self.endpoint.server.config.now().public_url {
            Some(url) => url.as_str().to_owned(),
            None => format!("http://{}", reachable(self.address)),
        }
    }

    /// What stands behind the proxy, in a few words for people, once the server has answered: its name and version,
    /// the revision that it speaks and the transport.
    pub fn found(&self) -> impl Future<Output = String> + use<> {
        let fleet = self.endpoint.fleet.clone();
        async move { fleet.description().await }
    }

    /// Serves until `shutdown` completes, then drains; or until the server proves unable to start.
    ///
    /// # Errors
    /// The server's first process failed before it answered `initialize`.
    pub async fn run(mut self, shutdown: impl Future<Output = ()>) -> Result<(), Error> {
        let failed = tokio::select! {
            biased;
            () = shutdown => None,
            failure = self.failure.recv() => failure,
        };
        self.drain().await;
        failed.map_or(Ok(()), |reason| Err(Error::Server(reason)))
    }

    /// Unready, nothing new; then requests are finished, streams ended with a hint when to come back, and
    /// processes stopped: all within the grace period.
    async fn drain(&self) {
        let server = &self.endpoint.server;
        let grace = server.config.now().times.grace;
        let end = Instant::now() + grace;
        let requests_end = end - grace / FOR_PROCESSES;
        self.endpoint.drain();
        tracing::info!(grace_seconds = grace.as_secs_f32(), "shutting down");
        self.listener.closing.cancel();
        self.endpoint.fleet.end_listens();
        let answered = async {
            // Without a launcher, none comes any more: a pod's containers end before its sidecar.
            while server.is_busy() && !server.waits_for_launcher() {
                tokio::time::sleep(DRAIN_LOOK).await;
            }
        };
        let answered = timeout_at(requests_end, answered).await;
        let requests = server.metrics.in_flight.get();
        if requests > 0 {
            match answered {
                Ok(()) => {
                    tracing::warn!(requests, "requests are cut off: there is no launcher to serve them")
                }
                Err(_) => tracing::warn!(requests, "requests are cut off by the end of the grace period"),
            }
            self.endpoint.give_up_requests();
        }
        self.endpoint.sessions.close_streams();
        self.listener.drained.cancel();
        self.endpoint.sessions.end_all();
        self.endpoint.fleet.give_up_parked();
        server.stop.cancel();
        server.tracker.close();
        self.connections.close();
        let ended = async {
            server.shut_down().await;
            server.tracker.wait().await;
            self.connections.wait().await;
        };
        if timeout_at(end, ended).await.is_err() {
            tracing::warn!("the grace period is over: what is left is cut off");
        }
    }
}

async fn listen(address: SocketAddr, option: &'static str) -> Result<(TcpListener, SocketAddr), Error> {
    let failed = |why| Error::Listen { address, option, why };
    let socket = TcpListener::bind(address).await.map_err(failed)?;
    let bound = socket.local_addr().map_err(failed)?;
    Ok((socket, bound))
}

/// A sealer of this process alone.
fn sealer() -> Result<Sealer, getrandom::Error> {
    let (mut key, mut node) = ([0; 32], [0; 16]);
    getrandom::fill(&mut key)?;
    getrandom::fill(&mut node)?;
    Ok(Sealer::new(key, node))
}

/// The server: a program, which may be the built-in demo, or one in another container, or a URL.
fn target(
    live: &Arc<Live>,
    sharing: Sharing,
    metrics: &Arc<Metrics>,
    tracker: &TaskTracker,
    stop: &CancellationToken,
) -> Result<Target, Error> {
    let config = live.now();
    let setup = |why: &dyn std::fmt::Display| Error::Upstream(why.to_string());
    if let Some(url) = &config.upstream {
        let headers: Result<Vec<_>, _> = config.upstream_headers.iter().map(UpstreamHeader::read).collect();
        let ca = config.upstream_ca.as_ref().map(std::fs::read).transpose();
        let settings = HttpSettings {
            url: url.uri().clone(),
            headers: headers.map_err(|why| setup(&why))?,
            ca: ca.map_err(|why| setup(&format_args!("cannot read the file of --upstream-ca: {why}")))?,
            config: live.clone(),
        };
        let server = HttpServer::new(settings, metrics.clone()).map_err(|why| setup(&why))?;
        return Ok(Target::Http(Arc::new(server)));
    }
    let environment: Result<Vec<_>, _> = config.server_env.iter().map(ServerVariable::read).collect();
    let environment = environment.map_err(|why| setup(&why))?;
    let handling = Handling::new(sharing == Sharing::Shared, config.times.grace);
    if let Some(path) = &config.launcher {
        let settings = LauncherSettings {
            socket: path.clone(),
            environment,
            handling,
            start_timeout: config.times.handshake_timeout,
            max_processes: config.limits.max_processes,
        };
        let launcher = Launcher::listen(settings, tracker, stop);
        let launcher = launcher.map_err(|why| Error::Launcher { path: path.clone(), why })?;
        return Ok(Target::Launcher(launcher));
    }
    let command = match &config.command {
        Some(command) => command.clone(),
        None => demo_command()?,
    };
    Ok(Target::Program(Program::new(&command, environment, handling)))
}

fn demo_command() -> Result<Vec<String>, Error> {
    let program = std::env::current_exe().map_err(Error::Demo)?;
    Ok(vec![program.to_string_lossy().into_owned(), "demo".to_owned()])
}

/// An address that a client on this machine can dial: `0.0.0.0` names all interfaces, not one of them.
fn reachable(address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V4(v4) if v4.ip().is_unspecified() => SocketAddr::from(([127, 0, 0, 1], v4.port())),
        SocketAddr::V6(v6) if v6.ip().is_unspecified() => {
            SocketAddr::from((std::net::Ipv6Addr::LOCALHOST, v6.port()))
        }
        other => other,
    }
}
