//! The upstreams that modern clients have in front of a legacy server. What a legacy server asks belongs to
//! nobody in particular, so a call that may be asked back has its upstream for itself while it lasts; all other
//! calls of one principal share one.

use std::{
    collections::HashMap,
    sync::{Arc, Weak},
};

use parking_lot::Mutex;
use tokio::{
    sync::Notify,
    time::{Instant, sleep_until},
};

use waggle_protocol::{
    error::RpcError, jsonrpc, modern::discover::LegacyCapabilities, mux::ListKind, seal::Principal,
};

use super::{Dialect, Handshakes, Server, Terms, Upstream};
use crate::error::Refusal;

/// Which upstreams a call may use.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Key {
    pub(super) principal: Principal,
    /// What the server may ask this client, as a legacy server is told it; canonical.
    pub(super) capabilities: LegacyCapabilities,
}

/// See the module's documentation.
#[derive(Debug, Default)]
pub(super) struct Pool {
    state: Mutex<State>,
    /// A leased upstream has come back.
    returned: Notify,
}

#[derive(Debug, Default)]
struct State {
    commons: HashMap<Principal, Arc<Upstream>>,
    /// Not leased now; the last one to come back is at the end.
    idle: Vec<(Key, Arc<Upstream>)>,
    /// All that were made to be leased.
    made: Vec<Weak<Upstream>>,
}

impl Pool {
    /// The upstream of the calls of `principal` that ask nothing back.
    pub(super) fn common(
        &self,
        server: &Arc<Server>,
        dialect: Dialect,
        principal: Principal,
    ) -> Arc<Upstream> {
        let mut state = self.state.lock();
        let new = || Upstream::new(server, Terms::shared(dialect));
        state.commons.entry(principal).or_insert_with(new).clone()
    }

    /// An upstream for one call alone.
    ///
    /// # Errors
    /// All processes that may run are busy, and stay so.
    pub(super) async fn lease(
        &self,
        server: &Arc<Server>,
        dialect: Dialect,
        key: &Key,
    ) -> Result<Arc<Upstream>, Refusal> {
        let deadline = Instant::now() + server.config.now().times.queue_timeout;
        loop {
            let returned = self.returned.notified();
            if let Some(idle) = self.take_idle(key) {
                return Ok(idle);
            }
            let seat = match server.seat() {
                Ok(seat) => seat,
                Err(_) => {
                    self.evict();
                    tokio::select! {
                        biased;
                        seat = server.next_seat() => seat,
                        () = returned => continue,
                        () = sleep_until(deadline) => return Err(Refusal::processes()),
                    }
                }
            };
            let initialize = Handshakes::params_with(key.capabilities.as_str().as_bytes());
            let upstream = Upstream::new(server, Terms::exclusive(dialect, initialize));
            upstream.start_in(seat);
            self.state.lock().made.push(Arc::downgrade(&upstream));
            return Ok(upstream);
        }
    }

    /// The upstream that calls of this key have used last, unless it is at work.
    pub(super) fn take_idle(&self, key: &Key) -> Option<Arc<Upstream>> {
        let fits = |(of, upstream): &(Key, Arc<Upstream>)| (of == key).then(|| upstream.clone());
        let fitting: Vec<_> = self.state.lock().idle.iter().rev().filter_map(fits).collect();
        fitting.into_iter().find(|upstream| upstream.is_quiet() && self.remove_idle(upstream))
    }

    /// Ends an upstream that nobody uses, so that its process makes room for another's.
    fn evict(&self) {
        let idle: Vec<_> = self.state.lock().idle.iter().map(|(_, upstream)| upstream.clone()).collect();
        if let Some(evicted) = idle.iter().find(|idle| idle.has_process() && self.remove_idle(idle)) {
            evicted.end();
        }
    }

    /// False if somebody else was quicker: while an upstream is looked at, the pool is not locked.
    fn remove_idle(&self, upstream: &Arc<Upstream>) -> bool {
        let idle = &mut self.state.lock().idle;
        let position = idle.iter().position(|(_, other)| Arc::ptr_eq(other, upstream));
        position.map(|position| idle.remove(position)).is_some()
    }

    /// A leased upstream is free again.
    pub(super) fn give_back(&self, key: Key, upstream: Arc<Upstream>) {
        if !upstream.is_retired() {
            self.state.lock().idle.push((key, upstream));
            self.returned.notify_one();
        }
    }

    /// Forgets what has no process any more and is used by nobody.
    pub(super) fn sweep(&self) {
        let all: Vec<_> = {
            let mut state = self.state.lock();
            state.made.retain(|upstream| upstream.strong_count() > 0);
            state.commons.values().chain(state.idle.iter().map(|(_, upstream)| upstream)).cloned().collect()
        };
        for upstream in all {
            if !upstream.has_process() && upstream.is_empty() && self.remove_unused(&upstream) {
                upstream.end();
            }
        }
    }

    /// False if somebody has come by it meanwhile.
    fn remove_unused(&self, upstream: &Arc<Upstream>) -> bool {
        let mut state = self.state.lock();
        // The supervisor has one, the pool, and who asks; another one is to be had only here.
        let unused = Arc::strong_count(upstream) <= 3;
        if unused {
            state.idle.retain(|(_, other)| !Arc::ptr_eq(other, upstream));
            state.commons.retain(|_, other| !Arc::ptr_eq(other, upstream));
        }
        unused
    }

    /// Tells the listening clients of a principal that a list has changed.
    pub(super) fn tell_listeners(&self, principal: &Principal, kind: ListKind) {
        let common = self.state.lock().commons.get(principal).cloned();
        if let Some(common) = common {
            common.receive(&jsonrpc::build::notification(kind.notification(), None), None);
        }
    }

    /// Every upstream that many calls share.
    pub(super) fn commons(&self) -> Vec<Arc<Upstream>> {
        self.state.lock().commons.values().cloned().collect()
    }

    /// Every upstream, leased or not.
    pub(super) fn all(&self) -> Vec<Arc<Upstream>> {
        let state = self.state.lock();
        state.commons.values().cloned().chain(state.made.iter().filter_map(Weak::upgrade)).collect()
    }

    /// Ends all, since the server speaks otherwise now; who waits gets the error.
    pub(super) fn retire(&self, error: &RpcError) {
        let all = self.all();
        *self.state.lock() = State::default();
        for upstream in all {
            upstream.retire(error);
        }
    }
}
