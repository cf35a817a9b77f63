//! Who is connected.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use tokio::{
    sync::{mpsc::Sender, oneshot},
    time::timeout,
};

use super::events::event;
use crate::echo::{request::Filter, server::Broadcast};

/// After so many notifications the readers have their turn.
const TURN: u64 = 64;

/// Sessions and subscriptions.
#[derive(Debug, Default)]
pub(super) struct Clients(Mutex<Table>);

#[derive(Debug, Default)]
struct Table {
    sessions: HashMap<u64, Option<Sender<Bytes>>>,
    listeners: Vec<Listener>,
    /// Answers that are due later, by session and raw id.
    sleeping: HashMap<(u64, String), oneshot::Sender<()>>,
    next: u64,
}

#[derive(Debug)]
struct Listener {
    id: String,
    filter: Filter,
    stream: Sender<Bytes>,
}

impl Clients {
    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new session's number.
    pub(super) fn open(&self, stream: Option<Sender<Bytes>>) -> u64 {
        let mut table = self.table();
        table.next += 1;
        let number = table.next;
        table.sessions.insert(number, stream);
        number
    }

    pub(super) fn knows(&self, session: u64) -> bool {
        self.table().sessions.contains_key(&session)
    }

    /// Gives the session this stream in place of the one that it has; false if there is no such session.
    pub(super) fn attach(&self, session: u64, stream: Sender<Bytes>) -> bool {
        self.table().sessions.get_mut(&session).map(|slot| *slot = Some(stream)).is_some()
    }

    /// The stream of a session.
    pub(super) fn stream(&self, session: u64) -> Option<Sender<Bytes>> {
        self.table().sessions.get(&session)?.clone()
    }

    /// Whether there was such a session.
    pub(super) fn close(&self, session: u64) -> bool {
        self.table().sessions.remove(&session).is_some()
    }

    pub(super) fn listen(&self, id: &str, filter: Filter, stream: Sender<Bytes>) {
        self.table().listeners.push(Listener { id: id.to_owned(), filter, stream });
    }

    /// Waits; false if the request was cancelled meanwhile.
    pub(super) async fn sleep(&self, session: u64, id: &str, time: Duration) -> bool {
        let key = (session, id.to_owned());
        let (cancel, cancelled) = oneshot::channel();
        self.table().sleeping.insert(key.clone(), cancel);
        let woken = timeout(time, cancelled).await.is_err();
        self.table().sleeping.remove(&key);
        woken
    }

    pub(super) fn cancel(&self, session: u64, id: &str) {
        // It ends with this end of its channel.
        self.table().sleeping.remove(&(session, id.to_owned()));
    }

    /// Sends to the sessions if the request is of their era, else to the subscriptions. A reader whose queue is full
    /// loses its stream.
    pub(super) async fn broadcast(&self, broadcast: &Broadcast<'_>, from: Option<u64>) {
        let (mut line, mut out) = (Vec::new(), Vec::new());
        for number in 1..=broadcast.count {
            let mut write = |subscription: Option<&str>| {
                line.clear();
                out.clear();
                broadcast.write(&mut line, number, subscription);
                event(&mut out, &line);
                Bytes::copy_from_slice(&out)
            };
            match from {
                Some(from) => {
                    let event = write(None);
                    let mut table = self.table();
                    let concerned = table.sessions.iter_mut();
                    for (_, slot) in concerned.filter(|(session, _)| !broadcast.own || **session == from) {
                        if slot.as_ref().is_some_and(|stream| stream.try_send(event.clone()).is_err()) {
                            *slot = None;
                        }
                    }
                }
                None => self.table().listeners.retain(|listener| {
                    !listener.filter.wants(broadcast.kind)
                        || listener.stream.try_send(write(Some(&listener.id))).is_ok()
                }),
            }
            if number % TURN == 0 {
                tokio::task::yield_now().await;
            }
        }
    }
}
