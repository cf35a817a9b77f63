//! What a plan is made from, gathered: from the watches' stores, from the registry and from the pods.

pub mod apis;
mod fetch;
pub mod image;
pub mod poll;

use std::{collections::BTreeSet, time::Duration};

use k8s_openapi::jiff::{Timestamp, Unit};
use kube::runtime::reflector::ObjectRef;
use waggle_crds::McpServer;

use crate::{context::Context, memory::Key, observed::Observed};

/// Looks at a server's surroundings, and says when to look again at the image, if that failed. `name` is that of the server's
/// objects.
pub async fn observe(
    context: &Context,
    key: &Key,
    server: &McpServer,
    name: &str,
) -> (Observed, Option<Duration>) {
    let stores = &context.stores;
    let pods = stores.pods_of(&ObjectRef::new(&key.1).within(&key.0));
    let (image, again) = context.shared.images.observe(key, server).await;
    let deployment = stores.deployment(&key.0, name).map(|deployment| (*deployment).clone());
    let observed = Observed {
        // Kubernetes writes times in seconds: a finer one would never look like what was written.
        now: Timestamp::now().round(Unit::Second).unwrap_or_default(),
        apis: stores.apis(),
        image,
        foreign: BTreeSet::new(),
        server: context.poller.report(key, &pods, deployment.as_ref()),
        deployment,
        pods,
        // A Gateway is somebody else's, and no right to read it is asked for: the resource says which listener it is.
        gateway_tls: None,
    };
    (observed, again)
}
