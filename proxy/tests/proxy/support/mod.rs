//! A proxy in front of the fake server, and clients that see every byte.

mod address;
mod client;
mod config_map;
mod events;
mod http;
mod launcher;
mod modern;
mod processes;
mod program;
mod scripted;
mod shell;

use std::future::Future;
use std::time::Duration;

pub(crate) use address::{nobody, own_address};
pub(crate) use client::{Session, call, initialize, message, script};
pub(crate) use config_map::{ConfigMap, digest};
pub(crate) use events::{Event, Events};
pub(crate) use http::{Connection, Request, Response};
pub(crate) use launcher::{Launcher, Launching, Pod};
pub(crate) use modern::{MODERN, Modern, answering, filled, form, retry, subscription};
pub(crate) use processes::{descriptor_numbers, descriptors, is_alive, marked, scheduling_policy, zombies};
pub(crate) use program::{Options, Waggle, fake_server};
pub(crate) use scripted::{Reply, Scripted};
pub(crate) use shell::run;

/// Far beyond what anything here takes: a test that waits for what never comes must end.
const FOREVER: Duration = Duration::from_secs(180);

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

/// Whether this machine lets a test make what only root can. If not, the test is skipped, loudly; in CI it fails.
pub(crate) fn is_root(what: &str) -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        eprintln!("SKIPPED: only root can make {what}");
        assert!(
            std::env::var_os("CI").is_none_or(|ci| ci != "true"),
            "only root can make {what}: run CI as root"
        );
    }
    root
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
