//! How images are looked up.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

/// The time now.
pub type Clock = Arc<dyn Fn() -> Instant + Send + Sync>;

/// How a [`super::Resolver`] works.
#[derive(Clone)]
pub struct Settings {
    /// Registries that may do without TLS, as `host` or `host:port`. Those on the loopback always may.
    pub insecure_registries: Vec<String>,
    /// CA certificates to trust beside the system's, each PEM with one or more.
    pub ca_certificates: Vec<Vec<u8>>,
    /// How long a tag is taken to stand for the same image.
    pub tag_ttl: Duration,
    /// How long one lookup may take, with all its requests.
    pub time_limit: Duration,
    /// How many answers are kept.
    pub capacity: usize,
    /// The clock that answers age by.
    pub clock: Clock,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            insecure_registries: Vec::new(),
            ca_certificates: Vec::new(),
            tag_ttl: Duration::from_secs(600),
            time_limit: Duration::from_secs(15),
            capacity: 1024,
            clock: Arc::new(Instant::now),
        }
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("insecure_registries", &self.insecure_registries)
            .field("ca_certificates", &self.ca_certificates.len())
            .field("tag_ttl", &self.tag_ttl)
            .field("time_limit", &self.time_limit)
            .field("capacity", &self.capacity)
            .finish_non_exhaustive()
    }
}

/// The settings cannot be used.
#[derive(Debug, thiserror::Error)]
#[error(
    "no TLS to registries: {0}: the CA certificates must be PEM, and there must be some, of the system or given"
)]
pub struct SettingsError(String);

impl SettingsError {
    pub(super) fn new(why: &str) -> Self {
        Self(why.to_owned())
    }
}
