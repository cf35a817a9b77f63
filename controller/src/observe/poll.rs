//! What the proxies say of their servers, asked in the background: nobody who plans waits for a pod.

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use k8s_openapi::api::{apps::v1::Deployment, core::v1::Pod};
use kube::{ResourceExt as _, runtime::reflector::ObjectRef};
use parking_lot::Mutex;
use tokio::{sync::Semaphore, time::Instant};
use tokio_util::task::TaskTracker;

use super::fetch;
use crate::{
    backoff,
    memory::Key,
    metrics::{Answer, Metrics},
    observed::ServerReport,
    watch::Trigger,
};

/// How often a proxy is asked again: its list of tools may have changed, which no watch tells.
const INTERVAL: Duration = Duration::from_secs(60);
/// The first pause after a question that was not answered, or not by a ready pod, or without the number of tools.
const FIRST_PAUSE: Duration = Duration::from_secs(2);
/// Proxies that are asked at once.
const AT_ONCE: usize = 16;

/// Asks, and keeps the answers.
#[derive(Debug)]
pub struct Poller {
    port: u16,
    trigger: Trigger,
    tracker: TaskTracker,
    metrics: Arc<Metrics>,
    permits: Semaphore,
    known: Mutex<HashMap<Key, Known>>,
}

#[derive(Debug)]
struct Known {
    /// The pod that was asked, and how it did then.
    pod: (String, u64),
    report: Option<ServerReport>,
    is_ready: bool,
    /// Questions without the whole answer of a ready pod.
    failures: u32,
    due: Instant,
    is_asking: bool,
}

impl Poller {
    /// `port` is that of the proxies' admin server; answers that change something are announced to `trigger`.
    pub fn new(port: u16, trigger: Trigger, tracker: TaskTracker, metrics: Arc<Metrics>) -> Arc<Self> {
        let permits = Semaphore::new(AT_ONCE);
        Arc::new(Self { port, trigger, tracker, metrics, permits, known: Mutex::default() })
    }

    /// What the best of a server's pods, which `deployment` has made, has said last. If that is old, it is asked again
    /// meanwhile.
    pub fn report(
        self: &Arc<Self>,
        key: &Key,
        pods: &[Pod],
        deployment: Option<&Deployment>,
    ) -> Option<ServerReport> {
        let mut known = self.known.lock();
        let Some((pod, address)) = best(pods, deployment) else {
            known.remove(key);
            return None;
        };
        let uid = pod.uid().unwrap_or_default();
        let state = state(pod);
        let now = Instant::now();
        let fresh = || Known {
            pod: (uid.clone(), state),
            report: None,
            is_ready: is_ready(pod),
            failures: 0,
            due: now,
            is_asking: false,
        };
        let entry = known.entry(key.clone()).or_insert_with(fresh);
        if entry.pod.0 != uid {
            // An answer that is still on its way is one of the old pod, and is known by that.
            *entry = fresh();
        } else if entry.pod.1 != state {
            entry.pod.1 = state;
            entry.is_ready = is_ready(pod);
            entry.failures = 0;
            entry.due = now;
        }
        if entry.due <= now && !entry.is_asking {
            entry.is_asking = true;
            let (this, key) = (self.clone(), key.clone());
            let address = SocketAddr::new(address, self.port);
            self.tracker.spawn(async move { this.ask(key, uid, address).await });
        }
        entry.report.clone()
    }

    /// When a server should be looked at again for its status; `None` if it has no pod that could be asked.
    pub fn next(&self, key: &Key) -> Option<Duration> {
        let known = self.known.lock();
        let entry = known.get(key)?;
        let pause = entry.due.saturating_duration_since(Instant::now());
        Some(if pause.is_zero() { backoff::about(INTERVAL) } else { pause })
    }

    /// Forgets a server.
    pub fn forget(&self, key: &Key) {
        self.known.lock().remove(key);
    }

    async fn ask(&self, key: Key, uid: String, address: SocketAddr) {
        let Ok(permit) = self.permits.acquire().await else { return };
        let started = Instant::now();
        let answer = fetch::status(address).await;
        drop(permit);
        let outcome = if answer.is_ok() { Answer::Known } else { Answer::Failed };
        self.metrics.polled(outcome, started.elapsed());
        if let Err(error) = &answer {
            tracing::debug!(namespace = key.0, server = key.1, %address, %error, "a proxy does not tell its status");
        }
        if self.keep(&key, &uid, answer.ok()) {
            let server = ObjectRef::new(&key.1).within(&key.0);
            // Nobody is left to tell while the process ends.
            let _ = self.trigger.send(server).await;
        }
    }

    /// Keeps an answer; whether the server must be looked at because of it.
    fn keep(&self, key: &Key, uid: &str, answer: Option<ServerReport>) -> bool {
        let mut known = self.known.lock();
        let Some(entry) = known.get_mut(key).filter(|entry| entry.pod.0 == uid) else { return false };
        entry.is_asking = false;
        let now = Instant::now();
        // The last answer of this pod stays when there is no new one: that it is ready is told by its probe.
        let changed = answer.is_some() && entry.report != answer;
        // It is ready once its server has answered the handshake; the tools are listed after that.
        let is_settled = entry.is_ready && answer.as_ref().is_some_and(|answer| answer.tools.is_some());
        entry.report = answer.or(entry.report.take());
        if is_settled {
            entry.failures = 0;
            entry.due = now + backoff::about(INTERVAL);
            return changed;
        }
        // Why it is not ready may show soon. The server comes back into the queue, so that it is asked again when that is due.
        entry.failures = entry.failures.saturating_add(1);
        entry.due = now + backoff::between(entry.failures, FIRST_PAUSE, INTERVAL);
        true
    }
}

/// The pod to ask: a ready one before others, since another one's server may not have started; of them one that is made as
/// the deployment says now, since times of creation are whole seconds; and the newest.
fn best<'a>(pods: &'a [Pod], deployment: Option<&Deployment>) -> Option<(&'a Pod, IpAddr)> {
    let with_address =
        pods.iter().filter(|pod| pod.metadata.deletion_timestamp.is_none()).filter_map(|pod| {
            let address = pod.status.as_ref()?.pod_ip.as_ref()?.parse().ok()?;
            Some((pod, address))
        });
    with_address.max_by_key(|(pod, _)| {
        let created = pod.metadata.creation_timestamp.as_ref().map(|time| time.0);
        (is_ready(pod), is_current(pod, deployment), created, pod.name_any())
    })
}

/// Whether the pod bears what the deployment's template says now: among it is what it was started with.
fn is_current(pod: &Pod, deployment: Option<&Deployment>) -> bool {
    let template = deployment.and_then(|deployment| deployment.spec.as_ref()?.template.metadata.as_ref());
    let annotations = template.and_then(|template| template.annotations.as_ref());
    annotations.into_iter().flatten().all(|(name, value)| pod.annotations().get(name) == Some(value))
}

fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.iter().flat_map(|status| status.conditions.iter().flatten());
    conditions.into_iter().any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

/// Changes when there is reason to ask again: it has become ready or not, or a container has started again.
fn state(pod: &Pod) -> u64 {
    let mut hasher = DefaultHasher::new();
    is_ready(pod).hash(&mut hasher);
    for status in pod.status.iter().flat_map(|status| {
        let containers = status.container_statuses.iter().flatten();
        containers.chain(status.init_container_statuses.iter().flatten())
    }) {
        (&status.name, status.restart_count, status.ready).hash(&mut hasher);
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(name: &str, hash: &str, ready: bool) -> Pod {
        serde_json::from_value(json!({
            "metadata": {
                "name": name,
                "creationTimestamp": "2026-01-01T00:00:00Z",
                "annotations": { "hash": hash, "other": "x" },
            },
            "status": {
                "podIP": "192.0.2.1",
                "conditions": [{ "type": "Ready", "status": if ready { "True" } else { "False" } }],
            },
        }))
        .unwrap()
    }

    fn asked(pods: &[Pod], hash: &str) -> String {
        let deployment: Deployment = serde_json::from_value(json!({
            "metadata": {},
            "spec": { "selector": {}, "template": { "metadata": { "annotations": { "hash": hash } } } },
        }))
        .unwrap();
        best(pods, Some(&deployment)).unwrap().0.name_any()
    }

    #[test]
    fn of_pods_made_in_one_second_the_one_that_is_made_as_it_should_be_now_is_asked() {
        let pods = [pod("b-old", "1", false), pod("a-new", "2", false)];
        assert_eq!(asked(&pods, "2"), "a-new");
        assert_eq!(asked(&pods, "1"), "b-old");
        assert_eq!(best(&pods, None).unwrap().0.name_any(), "b-old");
    }

    #[test]
    fn a_ready_pod_is_asked_before_any_other() {
        let pods = [pod("a-old", "1", true), pod("b-new", "2", false)];
        assert_eq!(asked(&pods, "2"), "a-old");
    }
}
