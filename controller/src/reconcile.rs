//! One look at one server: observe, plan, apply, tell.

use std::{borrow::Cow, collections::BTreeMap, sync::Arc, time::Duration};

use kube::{Resource as _, ResourceExt as _, runtime::controller::Action};
use tokio::time::Instant;
use waggle_crds::McpServer;

use crate::{
    apply::{Apply, write_status},
    backoff,
    context::Context,
    error::{Error, Refusal, Remedy},
    events,
    memory::Key,
    metrics::Outcome,
    observe::observe,
    plan::plan,
    refusal,
    unreadable::tell_unreadable,
    watch::Server,
};

/// The first pause after somebody else was faster, and the longest.
const CONFLICT: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(30));

/// How often it is looked whether somebody else has freed a name or given a right.
const HINDERED: Duration = Duration::from_secs(15);

/// Looks at a server, and says when to do it again if nothing happens.
///
/// # Errors
///
/// When a request failed that may work later; see [`again`].
pub async fn reconcile(server: Arc<Server>, context: Arc<Context>) -> Result<Action, Error> {
    // Its objects go by their owner references, and who deletes a resource waits for nobody.
    if server.meta().deletion_timestamp.is_some() {
        return Ok(Action::await_change());
    }
    // Other changes bring a server here before its time.
    let put_off = context.shared.throttle.left();
    if !put_off.is_zero() {
        return Ok(Action::requeue(put_off + backoff::pause(4)));
    }
    let metrics = &context.shared.metrics;
    let key = key(&server);
    let started = Instant::now();
    metrics.running.inc();
    let looked = match &server.0 {
        Ok(readable) => look(&key, readable, &server, &context).await,
        Err(error) => tell_unreadable(&key, &server, error, &context).await,
    };
    metrics.running.dec();
    let outcome = match &looked {
        Ok((outcome, _)) => *outcome,
        Err(error) if error.remedy() == Remedy::LookAgain => Outcome::Conflict,
        Err(_) => Outcome::Failed,
    };
    metrics.reconciled(outcome, started.elapsed());
    if looked.is_ok() {
        context.memory.succeeded(&key);
    }
    looked.map(|(_, after)| Action::requeue(after))
}

async fn look(
    key: &Key,
    server: &McpServer,
    of: &Server,
    context: &Context,
) -> Result<(Outcome, Duration), Error> {
    let shared = &context.shared;
    let server = newest(key, server, context);
    let uid = server.uid().unwrap_or_default();
    let name = format!("mcp-{}", key.1);
    let (mut observed, image_again) = observe(context, key, &server, &name).await;
    let mut planned = plan(&server, &observed, &shared.settings);
    let mut apply = Apply {
        client: &shared.client,
        stores: &context.stores,
        memory: &context.memory,
        metrics: &shared.metrics,
        key,
        uid: &uid,
        name: &name,
        done: BTreeMap::new(),
        refusals: BTreeMap::new(),
    };
    // Whose a name is shows only when it is asked for; what depends on it is planned anew.
    while let Some(part) = apply.apply(&planned, &observed.foreign).await? {
        observed.foreign.insert(part);
        planned = plan(&server, &observed, &shared.settings);
    }
    let refusals = apply.refusals;
    if let Some(refused) = refusals.values().next() {
        refusal::tell(&mut planned.status, server.status.as_ref(), refused, observed.now);
        planned.notices.push(refusal::notice(refused));
    }
    let before = server.status.as_ref();
    write_status(shared, &context.memory, key, server.meta(), before, planned.status).await?;
    events::tell(&shared.client, &shared.identity, &context.memory, key, of, &planned.notices).await;
    let outcome = if refusals.is_empty() { Outcome::Done } else { Outcome::Refused };
    // What somebody else has to change, and no watch tells.
    let hindered = !observed.foreign.is_empty() || refusals.values().any(Refusal::is_of_rights);
    let hindrance_again = hindered.then(|| backoff::about(HINDERED));
    let again = [image_again, hindrance_again, context.poller.next(key), Some(backoff::about(shared.resync))];
    Ok((outcome, again.into_iter().flatten().min().unwrap_or(shared.resync)))
}

/// The resource with the status that we have written, if the watch has not told of it yet.
fn newest<'a>(key: &Key, server: &'a McpServer, context: &Context) -> Cow<'a, McpServer> {
    let version = server.resource_version().unwrap_or_default();
    match context.memory.status_after(key, &version) {
        Some(status) => Cow::Owned(McpServer { status: Some(status), ..server.clone() }),
        None => Cow::Borrowed(server),
    }
}

/// When to try again after a failure.
pub fn again(server: Arc<Server>, error: &Error, context: Arc<Context>) -> Action {
    let key = key(&server);
    let failures = context.memory.failed(&key);
    let pause = match error.remedy() {
        Remedy::Nothing => {
            tracing::debug!(namespace = key.0, server = key.1, %error, "the namespace is going away");
            return Action::await_change();
        }
        Remedy::LookAgain => backoff::between(failures, CONFLICT.0, CONFLICT.1),
        Remedy::Tell(_) => backoff::pause(failures),
        Remedy::Later(after) => {
            let asked = after.unwrap_or_default().max(context.shared.throttle.left());
            // All who were put off come back, but not at once.
            if asked.is_zero() { backoff::pause(failures) } else { asked + backoff::pause(failures.min(4)) }
        }
    };
    tracing::warn!(namespace = key.0, server = key.1, %error, failures, ?pause, "trying again");
    Action::requeue(pause)
}

/// Forgets a server that is gone.
pub fn forget(key: &Key, context: &Context) {
    context.memory.forget(key);
    context.poller.forget(key);
}

fn key(server: &Server) -> Key {
    (server.namespace().unwrap_or_default(), server.name_any())
}
