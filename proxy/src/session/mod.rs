//! A client's session: its streams, and its place at an upstream.

mod id;
mod registry;

use std::{
    collections::VecDeque,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use parking_lot::Mutex;
use waggle_protocol::{mux::MemberKey, session::Stream, time::Timestamp, version::ProtocolVersion};

pub(crate) use id::SessionId;
pub(crate) use registry::{EndOnDrop, Registry};

use crate::{
    stream::{Keeps, Outlet},
    upstream::{Server, Upstream},
};

/// Finished streams kept for resumption; the oldest goes first.
const KEPT_STREAMS: usize = 64;

/// How the client talks to us.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Transport {
    StreamableHttp,
    /// The deprecated transport of 2024-11-05; nothing is resumed there.
    HttpSse,
}

/// One session.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) id: SessionId,
    pub(crate) transport: Transport,
    /// Messages that belong to no request: the GET stream, or in HTTP+SSE the only stream.
    pub(crate) standalone: Arc<Outlet>,
    server: Arc<Server>,
    link: OnceLock<Link>,
    /// Streams of POSTs that were answered with SSE, oldest first.
    posts: Mutex<VecDeque<Arc<Outlet>>>,
    streams: AtomicU32,
    /// Requests being answered.
    active: AtomicUsize,
    /// Nanoseconds since the clock's epoch.
    last_seen: AtomicU64,
}

/// What `initialize` settles.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) version: ProtocolVersion,
    pub(crate) upstream: Arc<Upstream>,
    /// The upstream is this session's alone.
    own: bool,
    pub(crate) member: MemberKey,
}

impl Session {
    fn new(id: SessionId, transport: Transport, server: Arc<Server>) -> Self {
        let standalone = outlet(&server, transport, 0, Stream::standalone());
        let session = Self {
            id,
            transport,
            standalone: Arc::new(standalone),
            server,
            link: OnceLock::new(),
            posts: Mutex::default(),
            streams: AtomicU32::new(0),
            active: AtomicUsize::new(0),
            last_seen: AtomicU64::new(0),
        };
        session.touch();
        session
    }

    /// Settles the session's revision and gives it a place at `upstream`. A second call does nothing.
    /// `hello` is what the client sent with it.
    pub(crate) fn link(
        &self,
        version: ProtocolVersion,
        hello: &Bytes,
        upstream: impl FnOnce() -> (Arc<Upstream>, bool),
    ) -> &Link {
        self.link.get_or_init(|| {
            let (upstream, own) = upstream();
            let member = upstream.attach(self.standalone.clone(), hello);
            Link { version, upstream, own, member }
        })
    }

    /// What `initialize` settled; `None` before it.
    pub(crate) fn linked(&self) -> Option<&Link> {
        self.link.get()
    }

    /// The client is there.
    pub(crate) fn touch(&self) {
        let now = self.server.clock.now().since_epoch();
        self.last_seen.store(now.as_nanos() as u64, Ordering::Relaxed);
    }

    /// Counts a request as being answered until the guard is dropped: until then the session is not idle, and its
    /// time starts anew.
    pub(crate) fn busy(self: &Arc<Self>) -> Busy {
        self.active.fetch_add(1, Ordering::Relaxed);
        Busy(self.clone())
    }

    /// Whether the client has been silent for `limit`, with no stream open and no answer to wait for. What is
    /// open counts as a sign of life: the time starts anew when it ends.
    pub(crate) fn is_idle(&self, now: Timestamp, limit: Duration) -> bool {
        let waiting = |outlet: &Arc<Outlet>| outlet.has_reader() || !outlet.is_finished();
        if self.standalone.has_reader()
            || self.active.load(Ordering::Relaxed) > 0
            || self.posts.lock().iter().any(waiting)
        {
            self.touch();
            return false;
        }
        let last_seen = Timestamp::new(Duration::from_nanos(self.last_seen.load(Ordering::Relaxed)));
        now.since(last_seen) >= limit
    }

    /// A stream for a POST with this many requests.
    pub(crate) fn post_stream(&self, requests: usize) -> Arc<Outlet> {
        let number = self.streams.fetch_add(1, Ordering::Relaxed) + 1;
        Arc::new(outlet(&self.server, self.transport, number, Stream::for_requests(requests)))
    }

    /// Keeps a stream for resumption, within the limits of the session.
    pub(crate) fn keep(&self, outlet: Arc<Outlet>) {
        let mut posts = self.posts.lock();
        posts.push_back(outlet);
        self.trim(&mut posts);
    }

    /// The stream of a POST.
    pub(crate) fn kept(&self, number: u32) -> Option<Arc<Outlet>> {
        self.posts.lock().iter().find(|outlet| outlet.number == number).cloned()
    }

    /// Forgets what is too old to be resumed.
    pub(crate) fn expire_replays(&self) {
        self.standalone.trim();
        self.trim(&mut self.posts.lock());
    }

    fn trim(&self, posts: &mut VecDeque<Arc<Outlet>>) {
        posts.retain(|outlet| {
            outlet.trim();
            outlet.has_reader() || !outlet.is_finished() || outlet.bytes() > 0
        });
        let mut bytes: usize = posts.iter().map(|outlet| outlet.bytes()).sum();
        let limit = self.server.config.now().limits.replay_bytes;
        while posts.len() > KEPT_STREAMS || bytes > limit {
            let finished = |outlet: &Arc<Outlet>| outlet.is_finished() && !outlet.has_reader();
            let Some(oldest) = posts.iter().position(finished) else { return };
            bytes -= posts.remove(oldest).map_or(0, |outlet| outlet.bytes());
        }
    }

    /// Releases everything: the place at the upstream, the process if it was the session's own, the streams.
    fn end(&self) {
        if let Some(link) = self.link.get() {
            link.upstream.detach(link.member);
            if link.own {
                link.upstream.end();
            }
        }
        self.close_streams();
    }

    /// Ends the streams after what they hold.
    pub(crate) fn close_streams(&self) {
        self.standalone.close();
        for outlet in self.posts.lock().iter() {
            outlet.close();
        }
    }
}

fn outlet(server: &Server, transport: Transport, number: u32, stream: Stream) -> Outlet {
    let keeps = match transport {
        Transport::StreamableHttp => Keeps::Replay,
        Transport::HttpSse => Keeps::Nothing,
    };
    Outlet::new(number, stream, keeps, server)
}

/// See [`Session::busy`].
#[derive(Debug)]
pub(crate) struct Busy(Arc<Session>);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.active.fetch_sub(1, Ordering::Relaxed);
        self.0.touch();
    }
}
