//! Many sessions, opened together.

use std::{future::Future, sync::Arc};

use tokio::{sync::Semaphore, task::JoinSet};

use super::Context;
use crate::transport::{Client, Fault, Stream};

/// So many handshakes are under way at once.
const AT_ONCE: usize = 64;

/// Opens so many clients. Each has its place in the list, so that its number is known.
pub(super) async fn open(context: &Context, count: usize) -> Vec<Result<Client, Fault>> {
    let target = context.target.clone();
    each(context, count, move |_| {
        let target = target.clone();
        async move { Client::open(&target).await }
    })
    .await
}

/// Opens so many streams, each of a session of its own. What is to be asked before, is asked.
pub(super) async fn open_streams(
    context: &Context,
    count: usize,
    subscribe: bool,
) -> Vec<Result<Stream, Fault>> {
    let target = context.target.clone();
    each(context, count, move |_| {
        let target = target.clone();
        async move {
            let mut client = Client::open(&target).await?;
            if subscribe {
                super::caller::subscribe(&mut client).await?;
            }
            client.into_stream().await
        }
    })
    .await
}

/// Does something so often, some at once, each within the run's patience.
pub(super) async fn each<T: Send + 'static, F>(
    context: &Context,
    count: usize,
    mut work: impl FnMut(usize) -> F,
) -> Vec<Result<T, Fault>>
where
    F: Future<Output = Result<T, Fault>> + Send + 'static,
{
    let turns = Arc::new(Semaphore::new(AT_ONCE));
    let mut tasks = JoinSet::new();
    for number in 0..count {
        let (turns, context, work) = (turns.clone(), context.clone(), work(number));
        tasks.spawn(async move {
            let _turn = turns.acquire().await;
            (number, context.patiently(work).await)
        });
    }
    let mut results: Vec<_> = (0..count).map(|_| Err(Fault::Lost)).collect();
    while let Some(joined) = tasks.join_next().await {
        // A task does not panic; if it did, its place says that nothing came.
        if let Ok((number, result)) = joined {
            results[number] = result;
        }
    }
    results
}
