//! Puts a changed configuration in force in a running proxy.
//!
//! Most of it needs no more than [`Live::replace`]: who applies a value reads it there. Here is what does need more,
//! because it was derived from the configuration or is sized by it.

mod file;
mod outcome;

use std::{convert::Infallible, future::pending, path::PathBuf, sync::Arc};

pub(crate) use outcome::Outcome;

use crate::{
    config::{Config, Live, Mistake, Reading, Sources},
    server::Router,
    slots::Slots,
    telemetry::{log::Filtering, metrics::Metrics},
    upstream::{Era, Fleet},
};

/// Keeps a running proxy at its configuration; see [`crate::Proxy::reloader`].
#[derive(Debug)]
pub struct Reloader {
    pub(crate) sources: Sources,
    /// Of the file as it was last read.
    pub(crate) digest: Option<String>,
    pub(crate) log: Option<Filtering>,
    pub(crate) fleet: Arc<Fleet>,
    pub(crate) router: Arc<Router>,
    /// Of clients.
    pub(crate) connections: Arc<Slots>,
}

impl Reloader {
    /// Lets the option `log` change what is logged.
    #[must_use]
    pub fn with_log(self, log: Filtering) -> Self {
        Self { log: Some(log), ..self }
    }

    /// The file that is followed, if one is named.
    pub fn file(&self) -> Option<PathBuf> {
        self.sources.file()
    }

    /// Reads everything again whenever the file has changed, and whenever `told` completes. A configuration with
    /// mistakes changes nothing. Never completes; drop it when the proxy is to stop.
    pub async fn follow(mut self, mut told: impl AsyncFnMut()) -> Infallible {
        let Some(path) = self.file() else { return pending().await };
        let mut seen = None;
        loop {
            let asked = tokio::select! {
                () = told() => true,
                () = file::changed(&path, &mut seen) => false,
            };
            let Reading { config, digest } = self.sources.read();
            if asked || digest.is_none() || digest != self.digest {
                self.digest.clone_from(&digest);
                match config {
                    Ok(config) => self.apply(config, digest),
                    Err(mistakes) => self.refuse(&mistakes),
                }
            }
        }
    }

    fn live(&self) -> &Live {
        &self.fleet.server.config
    }

    fn metrics(&self) -> &Metrics {
        &self.fleet.server.metrics
    }

    fn apply(&self, mut config: Config, digest: Option<String>) {
        let needs_restart = config.keep_from(&self.live().now());
        let (filter, connections) = (config.log_filter.clone(), config.limits.max_connections);
        // Before anybody wakes for the new configuration.
        self.connections.resize(connections);
        self.live().replace(config);
        if let Some(Err(error)) = self.log.as_ref().map(|log| log.set(&filter)) {
            tracing::error!(%error, "the log goes on as before");
        }
        self.router.reconfigure();
        self.fleet.server.resize();
        if self.fleet.dialect().is_some_and(|dialect| dialect.era() == Era::Legacy) {
            self.fleet.server.warm_up();
        }
        tracing::info!(sha256 = digest, "the configuration was reloaded");
        if !needs_restart.is_empty() {
            tracing::warn!(options = needs_restart.join(", "), "takes effect after a restart");
        }
        self.metrics().config_reloaded("applied");
        self.live().outcome.applied(digest, needs_restart);
    }

    fn refuse(&self, mistakes: &[Mistake]) {
        for mistake in mistakes {
            tracing::error!(%mistake, "the configuration has a mistake: the one before stays in force");
        }
        self.metrics().config_reloaded("refused");
        self.live().outcome.refused(mistakes);
    }
}
