//! Leader election: of several controllers, the one that holds the Lease works. The rules are those of client-go: a holder
//! renews its Lease; who sees no renewal for the Lease's whole duration, by its own clock, takes it; each change names
//! the version that it replaces, so that of two takers one fails.

use std::{future::Future, time::Duration};

use k8s_openapi::{
    api::coordination::v1::{Lease, LeaseSpec},
    apimachinery::pkg::apis::meta::v1::MicroTime,
    jiff::Timestamp,
};
use kube::{
    Api, Client,
    api::{ObjectMeta, PostParams},
};
use thiserror::Error;
use tokio::time::{Instant, sleep, timeout};

use crate::{backoff, error::Error};

/// How long a Lease holds that is not renewed.
const DURATION: Duration = Duration::from_secs(15);
/// A holder that could not renew for this long has lost: it stops before another one starts.
const RENEW_WITHIN: Duration = Duration::from_secs(10);
/// How often it is tried to renew or to take it.
const INTERVAL: Duration = Duration::from_secs(2);
/// How long giving it back may take.
const RELEASE_WITHIN: Duration = Duration::from_secs(3);

/// The Lease is another's.
#[derive(Debug, Error)]
#[error(
    "the lease {name} is lost: {why}. Another controller may work now, so this one ends; started again, it is a standby"
)]
pub struct Lost {
    name: String,
    why: String,
}

/// One candidate.
#[derive(Debug)]
pub struct Elector {
    api: Api<Lease>,
    name: String,
    identity: String,
    seen: Option<Seen>,
}

/// The Lease as it was last seen to change.
#[derive(Debug)]
struct Seen {
    lease: Lease,
    at: Instant,
}

impl Elector {
    /// A candidate by the name `identity` for the Lease `name`.
    pub fn new(client: Client, namespace: &str, name: &str, identity: &str) -> Self {
        let api = Api::namespaced(client, namespace);
        Self { api, name: name.to_owned(), identity: identity.to_owned(), seen: None }
    }

    /// Waits until the Lease is ours.
    pub async fn acquire(&mut self) {
        tracing::info!(lease = self.name, identity = self.identity, "waiting for the lease");
        loop {
            match self.attempt().await {
                Ok(true) => break,
                Ok(false) => {}
                Err(error) => tracing::warn!(%error, "cannot take the lease; trying again"),
            }
            sleep(backoff::about(INTERVAL)).await;
        }
        tracing::info!(lease = self.name, identity = self.identity, "the lease is ours");
    }

    /// Keeps it, while `work` goes on; then gives it back, so that nobody has to wait for its end.
    ///
    /// # Errors
    ///
    /// When it was lost before the work was over; the work is dropped where it stands.
    pub async fn hold<T>(&mut self, work: impl Future<Output = T>) -> Result<T, Lost> {
        let done = tokio::select! {
            biased;
            lost = self.renew() => return Err(lost),
            done = work => done,
        };
        match timeout(RELEASE_WITHIN, self.release()).await {
            Ok(Ok(())) => tracing::info!(lease = self.name, "the lease is given back"),
            Ok(Err(error)) => tracing::warn!(%error, "cannot give the lease back; it ends by itself"),
            Err(_) => tracing::warn!("cannot give the lease back in time; it ends by itself"),
        }
        Ok(done)
    }

    async fn renew(&mut self) -> Lost {
        let mut renewed = Instant::now();
        let mut why = "there was no time to renew it".to_owned();
        loop {
            sleep(INTERVAL).await;
            let left = RENEW_WITHIN.saturating_sub(renewed.elapsed());
            if left.is_zero() {
                let why = format!("it could not be renewed for {RENEW_WITHIN:?}: {why}");
                return Lost { name: self.name.clone(), why };
            }
            match timeout(left, self.attempt()).await {
                Ok(Ok(true)) => {
                    renewed = Instant::now();
                    continue;
                }
                Ok(Ok(false)) => {
                    let why = format!("it is held by {:?}", self.holder());
                    return Lost { name: self.name.clone(), why };
                }
                Ok(Err(error)) => why = error.to_string(),
                Err(_) => why = "no answer of the API server".to_owned(),
            }
            tracing::warn!(error = why, "cannot renew the lease; trying again");
        }
    }

    /// Takes or renews it, if that is allowed; whether it is ours then.
    async fn attempt(&mut self) -> Result<bool, Error> {
        let found = self.api.get_opt(&self.name).await.map_err(|error| self.error("get", error))?;
        let Some(found) = found else {
            let lease =
                self.lease(ObjectMeta { name: Some(self.name.clone()), ..ObjectMeta::default() }, None);
            return self.written("create", self.api.create(&PostParams::default(), &lease).await);
        };
        let now = Instant::now();
        let at = match &self.seen {
            // It counts from when we saw it change: the clock of the holder is not ours.
            Some(seen) if seen.lease.spec == found.spec => seen.at,
            _ => now,
        };
        let seen = self.seen.insert(Seen { lease: found, at });
        let spec = seen.lease.spec.as_ref();
        let holder = spec.and_then(|spec| spec.holder_identity.as_deref()).unwrap_or_default();
        let is_ours = holder == self.identity;
        if !is_ours && !holder.is_empty() && now < at + held_for(spec) {
            return Ok(false);
        }
        let previous = seen.lease.clone();
        let lease = self.lease(previous.metadata.clone(), previous.spec.as_ref());
        // The metadata holds the version that is replaced.
        self.written("update", self.api.replace(&self.name, &PostParams::default(), &lease).await)
    }

    /// What an attempt to write came to. Who was slower has not got it, which is no failure.
    fn written(&mut self, verb: &'static str, answer: kube::Result<Lease>) -> Result<bool, Error> {
        match answer {
            Ok(lease) => {
                self.seen = Some(Seen { lease, at: Instant::now() });
                Ok(true)
            }
            Err(kube::Error::Api(status)) if status.code == 409 && self.holder() != self.identity => {
                Ok(false)
            }
            Err(error) => Err(self.error(verb, error)),
        }
    }

    fn lease(&self, metadata: ObjectMeta, before: Option<&LeaseSpec>) -> Lease {
        let now = MicroTime(Timestamp::now());
        let was_ours =
            before.is_some_and(|spec| spec.holder_identity.as_deref() == Some(self.identity.as_str()));
        let transitions = before.and_then(|spec| spec.lease_transitions);
        let spec = LeaseSpec {
            holder_identity: Some(self.identity.clone()),
            lease_duration_seconds: i32::try_from(DURATION.as_secs()).ok(),
            acquire_time: if was_ours {
                before.and_then(|spec| spec.acquire_time.clone())
            } else {
                Some(now.clone())
            },
            renew_time: Some(now),
            lease_transitions: match transitions {
                Some(count) if !was_ours => Some(count.saturating_add(1)),
                Some(count) => Some(count),
                None => Some(0),
            },
            ..before.cloned().unwrap_or_default()
        };
        Lease { metadata, spec: Some(spec) }
    }

    async fn release(&mut self) -> Result<(), Error> {
        let Some(seen) = &self.seen else { return Ok(()) };
        let mut lease = seen.lease.clone();
        if let Some(spec) = &mut lease.spec {
            spec.holder_identity = None;
            spec.lease_duration_seconds = Some(1);
        }
        let answer = self.api.replace(&self.name, &PostParams::default(), &lease).await;
        answer.map(drop).map_err(|error| self.error("update", error))
    }

    fn holder(&self) -> &str {
        let spec = self.seen.as_ref().and_then(|seen| seen.lease.spec.as_ref());
        spec.and_then(|spec| spec.holder_identity.as_deref()).unwrap_or_default()
    }

    fn error(&self, verb: &'static str, error: kube::Error) -> Error {
        Error::new(verb, "coordination.k8s.io/leases", &self.name, error)
    }
}

/// How long a holder may be silent.
fn held_for(spec: Option<&LeaseSpec>) -> Duration {
    let seconds =
        spec.and_then(|spec| spec.lease_duration_seconds).and_then(|seconds| u64::try_from(seconds).ok());
    seconds.map_or(DURATION, Duration::from_secs)
}
