//! Every request to the API server, seen on its way: counted, and its `Retry-After` heard.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use http::{Request, Response, header::RETRY_AFTER};
use kube::client::Body;
use parking_lot::Mutex;
use tokio::time::Instant;
use tower_layer::Layer;
use tower_service::Service;

use crate::metrics::Metrics;

/// The longest time that an answer may put us off.
const LONGEST: Duration = Duration::from_secs(300);

/// Until when the API server does not want to hear of us.
#[derive(Debug, Default)]
pub struct Throttle(Mutex<Option<Instant>>);

impl Throttle {
    /// How long it is until then.
    pub fn left(&self) -> Duration {
        self.0.lock().map_or(Duration::ZERO, |until| until.saturating_duration_since(Instant::now()))
    }

    fn hear(&self, seconds: u64) {
        let until = Instant::now() + Duration::from_secs(seconds).min(LONGEST);
        let mut known = self.0.lock();
        *known = Some(known.map_or(until, |known| known.max(until)));
    }
}

/// Puts [`Observed`] around a client's transport.
#[derive(Clone, Debug)]
pub struct Observe {
    /// Where requests are counted.
    pub metrics: Arc<Metrics>,
    /// What the API server asks of us.
    pub throttle: Arc<Throttle>,
}

impl<S> Layer<S> for Observe {
    type Service = Observed<S>;

    fn layer(&self, inner: S) -> Observed<S> {
        Observed { inner, by: self.clone() }
    }
}

/// A transport whose requests are seen.
#[derive(Clone, Debug)]
pub struct Observed<S> {
    inner: S,
    by: Observe,
}

impl<S, B> Service<Request<Body>> for Observed<S>
where
    S: Service<Request<Body>, Response = Response<B>>,
    S::Future: Send + 'static,
{
    type Response = Response<B>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<B>, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        // kube names what it does.
        let verb = request.extensions().get::<&'static str>().copied().unwrap_or("other");
        let resource = resource(request.uri().path());
        let by = self.by.clone();
        let answer = self.inner.call(request);
        Box::pin(async move {
            let answer = answer.await;
            let code = answer.as_ref().map_or(0, |response| response.status().as_u16());
            by.metrics.requested(verb, resource, code);
            if let Ok(response) = &answer
                && matches!(code, 429 | 503)
                && let Some(after) = response.headers().get(RETRY_AFTER)
                && let Some(seconds) = after.to_str().ok().and_then(|text| text.parse().ok())
            {
                by.throttle.hear(seconds);
            }
            answer
        })
    }
}

/// The plural of what a path is about, with its subresource: a closed set.
fn resource(path: &str) -> String {
    let mut parts = path.split('/').filter(|part| !part.is_empty());
    // `/api/VERSION` or `/apis/GROUP/VERSION`.
    let skipped = match parts.next() {
        Some("api") => 0,
        Some("apis") => 1,
        _ => return "other".to_owned(),
    };
    let mut parts = parts.skip(skipped + 1).peekable();
    let Some(first) = parts.next() else { return "discovery".to_owned() };
    let plural = match first {
        // `namespaces/NAME/PLURAL`, unless it is about the namespace.
        "namespaces" => parts.nth(1).unwrap_or("namespaces"),
        plural => plural,
    };
    match parts.nth(1) {
        Some(subresource) => format!("{plural}/{subresource}"),
        None => plural.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_about_something() {
        for (path, expected) in [
            ("/api/v1/pods", "pods"),
            ("/api/v1/namespaces/a/pods", "pods"),
            ("/api/v1/namespaces/a/services/mcp-x", "services"),
            ("/apis/apps/v1/namespaces/a/deployments/mcp-x", "deployments"),
            ("/apis/waggle.dev/v1alpha1/namespaces/a/mcpservers/x/status", "mcpservers/status"),
            ("/apis/waggle.dev/v1alpha1/mcpservers", "mcpservers"),
            ("/apis/gateway.networking.k8s.io/v1", "discovery"),
            ("/api/v1/namespaces/a", "namespaces"),
            ("/version", "other"),
            ("", "other"),
        ] {
            assert_eq!(resource(path), expected, "{path}");
        }
    }
}
