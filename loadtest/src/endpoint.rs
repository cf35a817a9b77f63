//! The URL under test.

use std::net::IpAddr;

use hyper::Uri;

/// Where the MCP endpoint is.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// Host and port to connect to.
    pub authority: String,
    /// Path and query of the requests.
    pub path: String,
}

/// Why a URL is not driven.
#[derive(Debug, thiserror::Error)]
pub enum EndpointError {
    /// It is no URL with scheme `http` and a host.
    #[error("`{0}` is not an http URL such as `http://127.0.0.1:8080/mcp`")]
    Malformed(String),
    /// It leads off this machine.
    #[error("`{0}` is not on this machine; load goes elsewhere only with --allow-remote")]
    Remote(String),
}

impl Endpoint {
    /// Reads a URL; one that does not lead to loopback is refused unless `allow_remote`.
    ///
    /// # Errors
    /// See [`EndpointError`].
    pub fn parse(url: &str, allow_remote: bool) -> Result<Self, EndpointError> {
        let malformed = || EndpointError::Malformed(url.to_owned());
        let uri: Uri = url.parse().map_err(|_| malformed())?;
        let (Some("http"), Some(host)) = (uri.scheme_str(), uri.host()) else {
            return Err(malformed());
        };
        if !allow_remote && !is_loopback(host) {
            return Err(EndpointError::Remote(url.to_owned()));
        }
        Ok(Self {
            authority: format!("{host}:{}", uri.port_u16().unwrap_or(80)),
            path: uri.path_and_query().map_or("/", |path| path.as_str()).to_owned(),
        })
    }

    /// Where a reference leads that was given by this endpoint; `None` if that is another host.
    pub(crate) fn beside(&self, reference: &str) -> Option<Self> {
        let uri: Uri = reference.parse().ok()?;
        let path = uri.path_and_query()?.as_str();
        if let Some(host) = uri.host() {
            let authority = format!("{host}:{}", uri.port_u16().unwrap_or(80));
            return (authority == self.authority).then(|| Self { authority, path: path.to_owned() });
        }
        let path = match path.starts_with('/') {
            true => path.to_owned(),
            false => format!("{}{path}", &self.path[..=self.path.rfind('/').unwrap_or(0)]),
        };
        Some(Self { authority: self.authority.clone(), path })
    }
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_unless_allowed() {
        for url in ["http://127.0.0.1:1/mcp", "http://localhost:1/mcp", "http://[::1]:1/mcp"] {
            assert!(Endpoint::parse(url, false).is_ok(), "{url}");
        }
        for url in ["http://192.0.2.1/mcp", "http://example.org/mcp", "http://127.0.0.1.example.org/mcp"] {
            assert!(matches!(Endpoint::parse(url, false), Err(EndpointError::Remote(_))), "{url}");
            assert!(Endpoint::parse(url, true).is_ok(), "{url}");
        }
        for url in ["127.0.0.1:1/mcp", "https://localhost/mcp", "nonsense"] {
            assert!(matches!(Endpoint::parse(url, true), Err(EndpointError::Malformed(_))), "{url}");
        }
    }
}
