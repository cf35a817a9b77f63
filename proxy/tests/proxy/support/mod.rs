//! A proxy in front of the fake server, and clients that see every byte.

mod client;
mod events;
mod http;
mod modern;
mod processes;
mod program;
mod scripted;
mod shell;

use std::future::Future;
use std::time::Duration;

pub(crate) use client::{Session, call, initialize, message, script};
pub(crate) use events::{Event, Events};
pub(crate) use http::{Connection, Request, Response};
pub(crate) use modern::{MODERN, Modern, answering, filled, form, retry, subscription};
pub(crate) use processes::{is_alive, marked};
pub(crate) use program::{Options, Waggle};
pub(crate) use scripted::{Reply, Scripted};
pub(crate) use shell::run;

/// Far beyond what anything here takes: a test that waits for what never comes must end.
const FOREVER: Duration = Duration::from_secs(20);

/// What the future yields; fails the test if that takes for ever.
#[track_caller]
pub(crate) fn within<T>(what: &str, future: impl Future<Output = T>) -> impl Future<Output = T> {
    let place = std::panic::Location::caller();
    async move {
        match tokio::time::timeout(FOREVER, future).await {
            Ok(value) => value,
            Err(_) => panic!("{place}: waited for ever: {what}"),
        }
    }
}

/// Asks again until the condition holds: for state that nobody announces.
#[track_caller]
pub(crate) fn eventually<F: Future<Output = bool>>(
    what: &str,
    mut holds: impl FnMut() -> F,
) -> impl Future<Output = ()> {
    within(what, async move {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
}
