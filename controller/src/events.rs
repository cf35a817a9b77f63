//! What a person must know and the status does not keep, as Kubernetes events.

use std::time::Duration;

use kube::{
    Client, Resource as _, ResourceExt as _,
    runtime::events::{Event, EventType, Recorder, Reporter},
};

use crate::{
    apply::MANAGER,
    error,
    memory::{Key, Memory},
    plan::Notice,
    text::shortened,
    watch::Server,
};

/// The API server takes no longer note.
const LONGEST: usize = 1024;
/// An event is not worth waiting for.
const PATIENCE: Duration = Duration::from_secs(5);

/// Tells each notice that is news. Failing to do so is no failure of the server.
pub async fn tell(
    client: &Client,
    instance: &str,
    memory: &Memory,
    key: &Key,
    server: &Server,
    notices: &[Notice],
) {
    let uid = server.uid().unwrap_or_default();
    for notice in notices.iter().filter(|notice| memory.is_news(key, &uid, notice)) {
        // A new recorder each time: it would count another message of the same reason as the old message again.
        let reporter = Reporter { controller: MANAGER.to_owned(), instance: Some(instance.to_owned()) };
        let recorder = Recorder::new(client.clone(), reporter);
        let event = Event {
            type_: if notice.warning { EventType::Warning } else { EventType::Normal },
            reason: notice.reason.to_owned(),
            note: Some(shortened(&notice.message, LONGEST).to_owned()),
            action: "Reconcile".to_owned(),
            secondary: None,
        };
        match tokio::time::timeout(PATIENCE, recorder.publish(&event, &server.object_ref(&()))).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                let error = error::sentence(&error);
                tracing::warn!(
                    error,
                    verb = "create",
                    resource = "events.k8s.io/events",
                    "cannot tell an event"
                );
            }
            Err(_) => tracing::warn!("an event was not taken in time"),
        }
    }
}
