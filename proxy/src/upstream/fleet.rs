//! What the server speaks, found out once and kept, and the upstreams that follow from it.

use std::{future::Future, sync::Arc, time::Duration};

use bytes::Bytes;
use tokio::{sync::watch, time::timeout};
use waggle_protocol::{error::RpcError, mux::Sharing, version::MODERN};

use super::{
    Dialect, Era, Fate, Handshakes, Server, Target, Terms, Upstream,
    census::Census,
    supervisor::{describe, report},
};
use crate::config::ProcessMode;

/// The first pause before a server that could not be reached is tried again; it doubles up to
/// [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// How long a server may take for the answer that tells its era, before it is taken to be legacy: a server that
/// waits for `initialize` may say nothing at all to anything else.
const PROBE: Duration = Duration::from_secs(10);
/// How often what nobody uses is looked for, at the longest.
const SWEEP: Duration = Duration::from_secs(10);

/// What is known of the server.
#[derive(Clone, Debug)]
enum Standing {
    /// It is being found out.
    Unknown,
    Settled(Settled),
    /// It could not be found out; it is tried again.
    Failed(RpcError),
}

/// What the server speaks, and the upstream that all clients share, if there is one.
#[derive(Clone, Debug)]
pub(crate) struct Settled {
    pub(crate) dialect: Dialect,
    pub(super) shared: Option<Arc<Upstream>>,
}

/// It is not known yet what the server speaks.
#[derive(Clone, Debug)]
pub(crate) enum Unsettled {
    /// The server has not answered yet.
    Silent,
    /// It cannot be reached.
    Failed(RpcError),
}

/// See the module's documentation.
#[derive(Debug)]
pub(crate) struct Fleet {
    pub(crate) server: Arc<Server>,
    standing: watch::Sender<Standing>,
}

impl Fleet {
    /// Starts to find out what the server speaks.
    pub(crate) fn start(server: Arc<Server>) -> Arc<Self> {
        let fleet = Arc::new(Self { server, standing: watch::Sender::new(Standing::Unknown) });
        let server = &fleet.server;
        server.tracker.spawn(until_stopped(server.clone(), fleet.clone().keep_settled()));
        server.tracker.spawn(until_stopped(server.clone(), fleet.clone().sweep()));
        server.tracker.spawn(until_stopped(server.clone(), Census::keep(server.clone())));
        let watched = server.clone();
        server.tracker.spawn(until_stopped(server.clone(), async move { watched.silence.watch().await }));
        if let Some(launcher) = server.launcher() {
            let (renew, see_off) =
                (fleet.clone().renew(launcher.clone()), fleet.clone().see_off(launcher.clone()));
            server.tracker.spawn(until_stopped(server.clone(), renew));
            server.tracker.spawn(until_stopped(server.clone(), see_off));
        }
        fleet
    }

    /// What the server speaks, once that is known.
    pub(crate) async fn settled(&self) -> Result<Settled, Unsettled> {
        if let Standing::Settled(settled) = &*self.standing.borrow() {
            return Ok(settled.clone());
        }
        let mut standing = self.standing.subscribe();
        let known = async {
            loop {
                match &*standing.borrow_and_update() {
                    Standing::Settled(settled) => return Ok(settled.clone()),
                    Standing::Failed(error) => return Err(Unsettled::Failed(error.clone())),
                    Standing::Unknown => {}
                }
                // The sender lives as long as `self`: this only ever waits.
                let _ = standing.changed().await;
            }
        };
        // A server may be silent to the question, and still answer `initialize` after it.
        let handshake = self.server.config.now().times.handshake_timeout;
        timeout(PROBE.min(handshake) + handshake, known).await.unwrap_or(Err(Unsettled::Silent))
    }

    /// What the server speaks, as far as it is known now.
    pub(crate) fn dialect(&self) -> Option<Dialect> {
        match &*self.standing.borrow() {
            Standing::Settled(settled) => Some(settled.dialect),
            _ => None,
        }
    }

    /// The upstream that all clients share now, if there is one.
    fn shared(&self) -> Option<Arc<Upstream>> {
        match &*self.standing.borrow() {
            Standing::Settled(settled) => settled.shared.clone(),
            _ => None,
        }
    }

    /// Whether requests reach a server: its process runs, or starts when one is needed.
    pub(crate) fn is_serving(&self) -> bool {
        match &*self.standing.borrow() {
            Standing::Settled(settled) => settled.shared.as_ref().is_none_or(|shared| shared.is_serving()),
            _ => false,
        }
    }

    /// What was found, in a few words for people: `weather 1.2 (2026-07-28, stdio)`. Waits until it is known.
    pub(crate) async fn description(&self) -> String {
        let dialect = loop {
            match self.settled().await {
                Ok(settled) => break settled.dialect,
                Err(_) => tokio::time::sleep(LONGEST_PAUSE).await,
            }
        };
        let handshake = self.server.handshakes.answer(&Handshakes::own_params()).await;
        let info = &handshake.result()["serverInfo"];
        let text = |key: &str| info[key].as_str().unwrap_or("?").to_owned();
        let revision = match dialect.era() {
            Era::Modern => MODERN,
            Era::Legacy => handshake.version().as_str(),
        };
        format!("{} {} ({revision}, {})", text("name"), text("version"), self.server.transport(dialect))
    }

    /// Keeps a verdict for as long as it holds.
    async fn keep_settled(self: Arc<Self>) {
        let mut pause = FIRST_PAUSE;
        let mut patience = PROBE.min(self.server.config.now().times.handshake_timeout);
        let mut last: Option<Settled> = None;
        loop {
            let doubt = self.server.doubt.notified();
            if let Some(launcher) = self.server.launcher() {
                launcher.connected().await;
            }
            match self.probe(patience).await {
                Ok(new) => {
                    tracing::info!(era = new.dialect.era().as_str(), "the server has answered");
                    pause = FIRST_PAUSE;
                    let settled = self.succeed(last, new);
                    self.standing.send_replace(Standing::Settled(settled.clone()));
                    last = Some(settled);
                    // Until it is known better, what was known goes on.
                    doubt.await;
                }
                Err(_) if self.server.waits_for_launcher() => self.expect(),
                Err(error) => {
                    if self.server.is_remote() {
                        report(&self.server, &error);
                    }
                    // It may only have been slow to start.
                    let handshake = self.server.config.now().times.handshake_timeout;
                    if patience == handshake {
                        self.server.start_failed(&describe(&error));
                    }
                    patience = handshake;
                    self.standing.send_replace(Standing::Failed(error));
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
    }

    /// What can be told once a launcher is there is waited for.
    fn expect(&self) {
        self.standing.send_if_modified(|standing| {
            let failed = matches!(standing, Standing::Failed(_));
            if failed {
                *standing = Standing::Unknown;
            }
            failed
        });
    }

    /// What is known from now on. Where nothing has changed, clients keep the upstream that they have.
    fn succeed(&self, last: Option<Settled>, new: Settled) -> Settled {
        let Some(last) = last else { return new };
        if last.dialect != new.dialect {
            tracing::warn!("the server speaks otherwise than before: all sessions end");
            let error = self.server.failure("speaks another revision than before; start anew");
            if let Some(shared) = &last.shared {
                shared.retire(&error);
            }
            self.server.pool.retire(&error);
            self.server.changed.notify_one();
            return new;
        }
        if let (Some(kept), Some(new)) = (&last.shared, &new.shared) {
            new.end();
            let _ = kept.ensure_started();
            self.server.census.ask(&Arc::downgrade(kept));
        }
        last
    }

    /// Finds out what the server speaks.
    async fn probe(&self, patience: Duration) -> Result<Settled, RpcError> {
        let candidates = self.server.candidates();
        let (mut failure, mut silent) = (None, false);
        for (position, dialect) in candidates.iter().enumerate() {
            let last = position + 1 == candidates.len();
            let terms = match dialect.era() {
                Era::Modern => Terms::modern(),
                Era::Legacy => self.first_terms(*dialect),
            };
            // The only possibility is not given up at the start: its process is started again until it answers. Who
            // was silent before may have been slow. A launched server that fails says why to those who wait.
            let local = matches!(self.server.target, Target::Program(_));
            let persists = last && !silent && local && self.server.handshakes.known().is_none();
            let upstream = Upstream::new(&self.server, if persists { terms } else { terms.tentatively() });
            // With room for one process only, the one before it must be gone.
            let seat = match self.server.seat() {
                Ok(seat) => seat,
                Err(_) => self.server.next_seat().await,
            };
            upstream.start_in(seat);
            // Otherwise the time for a handshake is the bound.
            let patience = (!last && !self.server.is_remote()).then_some(patience);
            match outcome(&upstream, patience).await {
                Ok(()) => return Ok(self.settle(*dialect, upstream).await),
                Err(fate) => {
                    upstream.end();
                    match fate {
                        // Whatever it speaks, it cannot be asked now.
                        Some(Fate::Failed(error)) if self.server.is_remote() => return Err(error),
                        Some(Fate::Failed(error) | Fate::Refused(error)) => failure = Some(error),
                        _ => silent = true,
                    }
                }
            }
        }
        Err(failure.unwrap_or_else(|| self.server.failure("has not answered in time")))
    }

    /// The first connection to a legacy server tells what it is. Shared, it goes on to serve; else it has done
    /// its work.
    fn first_terms(&self, dialect: Dialect) -> Terms {
        match self.server.sharing {
            Sharing::Shared => Terms::shared(dialect),
            Sharing::Exclusive => Terms::exclusive(dialect, Handshakes::own_params()),
        }
    }

    async fn settle(&self, dialect: Dialect, upstream: Arc<Upstream>) -> Settled {
        let shared = match (dialect.era(), self.server.sharing) {
            (Era::Legacy, Sharing::Exclusive) => {
                Census::conclude(upstream).await;
                self.server.warm_up();
                None
            }
            _ => Some(upstream),
        };
        Settled { dialect, shared }
    }

    /// The upstream of a session that was opened with these raw params, and whether it is the session's own.
    pub(crate) fn for_session(&self, settled: &Settled, initialize: &Bytes) -> (Arc<Upstream>, bool) {
        let own = self.server.config.now().process_mode == ProcessMode::Session && !self.server.is_remote();
        match &settled.shared {
            Some(shared) if !own || self.server.sharing == Sharing::Shared => (shared.clone(), false),
            _ => {
                let terms = Terms::exclusive(settled.dialect, initialize.clone());
                (Upstream::new(&self.server, terms), true)
            }
        }
    }

    /// Ends what modern clients listen to, with its final result; and what the proxy itself waits for.
    pub(crate) fn end_listens(&self) {
        self.server.census.end();
        for upstream in self.server.pool.commons().into_iter().chain(self.shared()) {
            upstream.end_listens();
        }
    }

    /// Answers what still waits for a server: it will not be waited for.
    pub(crate) fn give_up_requests(&self, error: &RpcError) {
        for upstream in self.server.pool.all().into_iter().chain(self.shared()) {
            upstream.leave(error);
        }
    }

    /// Gives up the calls that wait for their clients.
    pub(crate) fn give_up_parked(&self) {
        for parked in self.server.parking.take_all() {
            parked.upstream.unpark(&parked);
        }
    }

    async fn sweep(self: Arc<Self>) {
        let server = &self.server;
        loop {
            let replaced = server.config.replaced();
            let patience = server.config.now().times.input_timeout;
            tokio::select! {
                () = tokio::time::sleep(SWEEP.min(patience / 4).max(Duration::from_millis(10))) => {}
                () = replaced => {}
            }
            for parked in server.parking.overdue(server.clock.now()) {
                parked.upstream.unpark(&parked);
            }
            server.pool.sweep();
        }
    }
}

/// Waits for the outcome of the first connection; an error without a fate is silence.
async fn outcome(upstream: &Upstream, patience: Option<Duration>) -> Result<(), Option<Fate>> {
    let mut fate = upstream.fate();
    let known = async {
        loop {
            match &*fate.borrow_and_update() {
                Fate::Up => return Ok(()),
                Fate::Trying => {}
                failed => return Err(Some(failed.clone())),
            }
            let _ = fate.changed().await;
        }
    };
    match patience {
        Some(patience) => timeout(patience, known).await.unwrap_or(Err(None)),
        None => known.await,
    }
}

async fn until_stopped(server: Arc<Server>, task: impl Future<Output = ()>) {
    tokio::select! {
        biased;
        () = server.stop.cancelled() => {}
        () = task => {}
    }
}
