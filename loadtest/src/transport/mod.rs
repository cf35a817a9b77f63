//! One session of a client, a file for each transport.
//!
//! - [`request`]: a request in the words of either era.
//! - `route`: an endpoint, and connections to it; `connection`: a client's; `shared`: those of HTTP/2.
//! - `http`: Streamable HTTP, with sessions and without.
//! - `sse`: HTTP+SSE of 2024-11-05.
//! - `pipe`: raw stdio, to which bridges are compared.
//! - `stream`: what the server says by itself.

mod connection;
mod events;
mod http;
mod pipe;
pub mod request;
mod route;
mod shared;
mod sse;
mod stream;

use std::{error::Error, fmt};

pub use self::{pipe::Pipe, request::Request, route::Route, stream::Stream};

/// The transports that can be driven.
#[derive(
    Clone, Copy, Debug, Default, Eq, Hash, PartialEq, clap::ValueEnum, serde::Deserialize, serde::Serialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Transport {
    /// Streamable HTTP of revisions up to 2025-11-25: `initialize`, then a session.
    #[default]
    StreamableHttp,
    /// HTTP+SSE of 2024-11-05: all answers come on one stream.
    Sse,
    /// Streamable HTTP of 2026-07-28: no session, metadata in every request.
    Stateless,
}

impl Transport {
    /// As it is written on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::StreamableHttp => "streamable-http",
            Self::Sse => "sse",
            Self::Stateless => "stateless",
        }
    }

    /// The one of this name.
    pub fn named(name: &str) -> Option<Self> {
        [Self::StreamableHttp, Self::Sse, Self::Stateless]
            .into_iter()
            .find(|transport| transport.name() == name)
    }
}

/// What is driven.
#[derive(Clone, Debug)]
pub enum Target {
    /// An MCP endpoint.
    Http(Route, Transport),
    /// One server process, shared by all sessions.
    Pipe(Pipe),
}

impl Target {
    /// The transport; raw stdio has none.
    pub fn transport(&self) -> Option<Transport> {
        match self {
            Self::Http(_, transport) => Some(*transport),
            Self::Pipe(_) => None,
        }
    }

    /// The number of connections of HTTP/2 that all sessions share, if they do.
    pub fn http2(&self) -> Option<usize> {
        match self {
            Self::Http(route, _) => route.http2(),
            Self::Pipe(_) => None,
        }
    }
}

/// One client.
#[derive(Debug)]
pub enum Client {
    /// Of Streamable HTTP.
    Http(http::Http),
    /// Of HTTP+SSE.
    Sse(sse::Sse),
    /// Of raw stdio.
    Pipe(Pipe),
}

impl Client {
    /// Connects, and opens a session if the transport has sessions.
    ///
    /// # Errors
    /// The connection fails, or the handshake is refused.
    pub async fn open(target: &Target) -> Result<Self, Fault> {
        Ok(match target {
            Target::Http(route, Transport::Sse) => Self::Sse(sse::Sse::open(route).await?),
            Target::Http(route, transport) => {
                Self::Http(http::Http::open(route, *transport == Transport::Stateless).await?)
            }
            Target::Pipe(pipe) => Self::Pipe(pipe.clone()),
        })
    }

    /// Makes a request; every message that comes back goes to `message`, which says whether it was an answer.
    ///
    /// # Errors
    /// The request is refused, or the connection fails.
    pub async fn request(
        &mut self,
        request: &Request<'_>,
        message: impl FnMut(&[u8]) -> bool,
    ) -> Result<(), Fault> {
        match self {
            Self::Http(client) => client.request(request, message).await,
            Self::Sse(client) => client.request(request, message).await,
            Self::Pipe(pipe) => pipe.request(request, message).await,
        }
    }

    /// What cancels a request of this session while it is under way.
    ///
    /// # Errors
    /// The connection fails.
    pub async fn canceller(&self) -> Result<Canceller, Fault> {
        Ok(match self {
            Self::Http(client) if client.is_stateless() => Canceller::ByDropping,
            Self::Http(client) => Canceller::Http(client.beside().await?),
            Self::Sse(client) => Canceller::Sse(client.poster().await?),
            Self::Pipe(pipe) => Canceller::Pipe(pipe.clone()),
        })
    }

    /// A connection in place of the one whose request was dropped.
    ///
    /// # Errors
    /// The connection fails.
    pub async fn renew(self) -> Result<Self, Fault> {
        Ok(match self {
            Self::Http(client) => Self::Http(client.beside().await?),
            other => other,
        })
    }

    /// Opens the stream of what the server says by itself, on a connection of its own. HTTP+SSE has none beside the
    /// session's, and raw stdio has none.
    ///
    /// # Errors
    /// The request is refused, or the connection fails.
    pub async fn stream(&self, last_event_id: Option<&str>) -> Result<Option<Stream>, Fault> {
        match self {
            Self::Http(client) => client.beside().await?.into_stream(last_event_id).await.map(Some),
            Self::Sse(_) | Self::Pipe(_) => Ok(None),
        }
    }

    /// Gives the client's connection away for the stream.
    ///
    /// # Errors
    /// The request is refused, or the connection fails.
    pub async fn into_stream(self) -> Result<Stream, Fault> {
        match self {
            Self::Http(client) => client.into_stream(None).await,
            Self::Sse(client) => Ok(client.into_stream()),
            Self::Pipe(_) => Err(Fault::Broken("raw stdio has no streams".to_owned())),
        }
    }

    /// Makes a request whose answer comes and is never read: it is what the stream that is given holds.
    ///
    /// # Errors
    /// The request is refused, or the connection fails.
    pub async fn into_unread(self, request: &Request<'_>) -> Result<Stream, Fault> {
        match self {
            Self::Http(client) => client.into_unread(request).await,
            Self::Sse(client) => client.into_unread(request).await,
            Self::Pipe(_) => Err(Fault::Broken("raw stdio has no streams".to_owned())),
        }
    }

    /// Ends the session as polite clients do.
    ///
    /// # Errors
    /// The request is refused, or the connection fails.
    pub async fn close(self) -> Result<(), Fault> {
        match self {
            Self::Http(mut client) => client.delete().await,
            Self::Sse(_) | Self::Pipe(_) => Ok(()),
        }
    }
}

/// A way to say that an answer is no longer wanted.
#[derive(Debug)]
pub enum Canceller {
    /// On another connection of the session.
    Http(http::Http),
    /// As any message.
    Sse(sse::Poster),
    /// As any line.
    Pipe(Pipe),
    /// In 2026-07-28 a request is cancelled by dropping it.
    ByDropping,
}

impl Canceller {
    /// Cancels the request of this id.
    ///
    /// # Errors
    /// The notification is refused, or the connection fails.
    pub async fn cancel(self, id: u64) -> Result<(), Fault> {
        let body = request::cancelled(id);
        match self {
            Self::Http(mut client) => client.notify("notifications/cancelled", body).await,
            Self::Sse(mut poster) => poster.post(body).await,
            Self::Pipe(pipe) => pipe.write(body).await,
            Self::ByDropping => Ok(()),
        }
    }
}

/// Ends sessions of which only the stream was left.
pub async fn close_streams(target: &Target, streams: impl IntoIterator<Item = Stream>) -> Result<(), Fault> {
    let Target::Http(route, _) = target else { return Ok(()) };
    let mut deleting = None;
    for stream in streams {
        let Some(session) = stream.into_session() else { continue };
        let client = match deleting.take() {
            Some(client) => client,
            None => http::Http::connect(route, false).await?,
        };
        deleting = Some(client.delete_other(session).await?);
    }
    Ok(())
}

/// Why a request has no answer.
#[derive(Debug)]
pub enum Fault {
    /// It was refused with this status.
    Refused(hyper::StatusCode),
    /// The connection failed, before or amid the response.
    Broken(String),
    /// The response ended without the answer, or did not come in time.
    Lost,
}

impl Fault {
    fn broken(error: impl Error + 'static) -> Self {
        Self::Broken(reason(&error))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(status) => write!(formatter, "refused with {status}"),
            Self::Broken(reason) => write!(formatter, "the connection failed: {reason}"),
            Self::Lost => {
                formatter.write_str("the response ended without an answer, or did not come in time")
            }
        }
    }
}

/// An error with all that caused it: hyper's own words are few.
fn reason(error: &(dyn Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |&error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
