//! All sessions, by id.

use std::{collections::HashMap, sync::Arc, time::Duration};

use parking_lot::Mutex;
use waggle_protocol::error::RpcError;

use super::{Session, SessionId, Transport, id::ByRandomBits};
use crate::{error::Refusal, upstream::Server};

/// How often idle sessions and old replays are looked for; sooner where a session may be idle for less.
const SWEEP: Duration = Duration::from_secs(10);

/// See the module's documentation.
#[derive(Debug)]
pub(crate) struct Registry {
    server: Arc<Server>,
    sessions: Mutex<HashMap<SessionId, Arc<Session>, ByRandomBits>>,
}

impl Registry {
    pub(crate) fn new(server: Arc<Server>) -> Self {
        Self { server, sessions: Mutex::default() }
    }

    /// Opens a session.
    ///
    /// # Errors
    /// As many are open as may be.
    pub(crate) fn open(&self, transport: Transport) -> Result<Arc<Session>, Refusal> {
        let id = SessionId::mint().map_err(|error| {
            tracing::error!(%error, "no random bytes for a session id");
            Refusal::overloaded("no session can be opened now")
        })?;
        let mut sessions = self.sessions.lock();
        if sessions.len() >= self.server.config.now().limits.max_sessions {
            self.server.metrics.limit_hit("max_sessions");
            return Err(Refusal::overloaded("as many sessions are open as may be (--max-sessions)"));
        }
        let session = Arc::new(Session::new(id, transport, self.server.clone()));
        sessions.insert(id, session.clone());
        tracing::debug!(session = %session.id, ?transport, "session opened");
        Ok(session)
    }

    /// The session of that id on that transport.
    pub(crate) fn find(&self, id: &[u8], transport: Transport) -> Option<Arc<Session>> {
        let id = SessionId::parse(id)?;
        self.sessions.lock().get(&id).filter(|session| session.transport == transport).cloned()
    }

    /// Ends a session and releases all it holds; a second call does nothing.
    pub(crate) fn end(&self, session: &Session, why: &str) {
        // Released after the lock: ending a session works on its upstream.
        if self.sessions.lock().remove(&session.id).is_some() {
            tracing::debug!(session = %session.id, why, "session ended");
            session.end();
        }
    }

    /// Sessions that are open.
    pub(crate) fn len(&self) -> usize {
        self.sessions.lock().len()
    }

    fn all(&self) -> Vec<Arc<Session>> {
        self.sessions.lock().values().cloned().collect()
    }

    /// Ends the streams of all sessions after what they hold.
    pub(crate) fn close_streams(&self) {
        for session in self.all() {
            session.close_streams();
        }
    }

    /// Answers what still waits for a server: it will not be waited for.
    pub(crate) fn give_up_requests(&self, error: &RpcError) {
        for session in self.all() {
            if let Some(link) = session.linked() {
                link.upstream.leave(error);
            }
        }
    }

    /// Ends all sessions.
    pub(crate) fn end_all(&self) {
        for session in self.all() {
            self.end(&session, "shutdown");
        }
    }

    /// Ends all sessions whenever the server speaks otherwise than before: what they settled holds no longer.
    pub(crate) async fn end_when_outdated(self: Arc<Self>) {
        loop {
            tokio::select! {
                () = self.server.stop.cancelled() => return,
                () = self.server.changed.notified() => {}
            }
            for session in self.all() {
                self.end(&session, "the server has changed");
            }
        }
    }

    /// Ends idle sessions and forgets old replays until the program stops.
    pub(crate) async fn sweep(self: Arc<Self>) {
        loop {
            let replaced = self.server.config.replaced();
            let idle = self.server.config.now().times.session_idle;
            tokio::select! {
                () = self.server.stop.cancelled() => return,
                () = tokio::time::sleep(SWEEP.min(idle / 4).max(Duration::from_millis(10))) => {}
                () = replaced => continue,
            }
            let now = self.server.clock.now();
            for session in self.all() {
                match session.is_idle(now, idle) {
                    true => self.end(&session, "idle"),
                    false => session.expire_replays(),
                }
            }
        }
    }
}

/// Ends the session when dropped: in HTTP+SSE a session lives as long as its stream.
#[derive(Debug)]
pub(crate) struct EndOnDrop {
    pub(crate) registry: Arc<Registry>,
    pub(crate) session: Arc<Session>,
}

impl Drop for EndOnDrop {
    fn drop(&mut self) {
        self.registry.end(&self.session, "stream closed");
    }
}
