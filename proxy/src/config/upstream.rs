//! The MCP server that is reached over HTTP.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::str::FromStr;

use http::{HeaderName, HeaderValue, Uri};
use thiserror::Error;

use super::authority::Authority;
use super::value::choice::Named;

/// How the server at `--upstream` is spoken to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UpstreamTransport {
    /// Streamable HTTP, and HTTP+SSE where the server does not speak it.
    #[default]
    Auto,
    /// One endpoint that answers each POST (2025-03-26 and later).
    StreamableHttp,
    /// A stream and an endpoint for POSTs beside it (2024-11-05).
    Sse,
}

impl Named for UpstreamTransport {
    const NAMES: &'static [(&'static str, Self)] =
        &[("auto", Self::Auto), ("streamable-http", Self::StreamableHttp), ("sse", Self::Sse)];
    const USAGE: &'static str = "auto|streamable-http|sse";
}

/// Which revisions the server at `--upstream` is taken to speak.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EraChoice {
    /// The server is asked.
    #[default]
    Auto,
    /// Those that start with `initialize`, up to 2025-11-25.
    Legacy,
    /// 2026-07-28.
    Modern,
}

impl Named for EraChoice {
    const NAMES: &'static [(&'static str, Self)] =
        &[("auto", Self::Auto), ("legacy", Self::Legacy), ("modern", Self::Modern)];
    const USAGE: &'static str = "auto|legacy|modern";
}

/// An absolute `http` or `https` URL of an MCP server, query included. No fragment, no user name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpstreamUrl(Uri);

/// Why a text is no [`UpstreamUrl`]: the rest of a sentence that starts with the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum UpstreamUrlError {
    /// The scheme is missing or another one.
    #[error("does not start with `http://` or `https://`")]
    Scheme,
    /// There is a fragment, which is never sent.
    #[error("has a fragment")]
    Fragment,
    /// There is a user name, which would end up in logs.
    #[error("holds a user name; give credentials with `--upstream-header`")]
    User,
    /// The host or the port is missing or malformed.
    #[error("has no valid host and port")]
    Authority,
    /// The path or the query holds characters that need `%` escapes.
    #[error("has a malformed path")]
    Path,
}

impl UpstreamUrl {
    /// The URL to send requests to.
    pub fn uri(&self) -> &Uri {
        &self.0
    }

    /// The URL without its query, which may hold a key: for logs and status.
    pub fn for_show(&self) -> String {
        let text = self.0.to_string();
        match text.split_once('?') {
            Some((url, _)) => url.to_owned(),
            None => text,
        }
    }
}

impl FromStr for UpstreamUrl {
    type Err = UpstreamUrlError;

    fn from_str(text: &str) -> Result<Self, UpstreamUrlError> {
        let (scheme, rest) = text.split_once("://").ok_or(UpstreamUrlError::Scheme)?;
        let scheme = match scheme.to_ascii_lowercase().as_str() {
            "http" => "http",
            "https" => "https",
            _ => return Err(UpstreamUrlError::Scheme),
        };
        if rest.contains('#') {
            return Err(UpstreamUrlError::Fragment);
        }
        let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        if authority.contains('@') {
            return Err(UpstreamUrlError::User);
        }
        let authority =
            Authority::parse(authority).ok_or(UpstreamUrlError::Authority)?.without_default_port(scheme);
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        let uri = Uri::builder().scheme(scheme).authority(authority.to_string()).path_and_query(path);
        uri.build().map(Self).map_err(|_| UpstreamUrlError::Path)
    }
}

impl fmt::Display for UpstreamUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A header that each request to the server bears. Its value is taken to be a secret: nothing shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct UpstreamHeader {
    pub(super) name: HeaderName,
    pub(super) value: HeaderSource,
}

/// Where the value of a header comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum HeaderSource {
    /// The value itself, marked sensitive.
    Given(HeaderValue),
    /// A file that holds it.
    File(PathBuf),
}

/// The value of a header cannot be had; the text names the file and never the value.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum UpstreamHeaderError {
    /// The file cannot be read.
    #[error("cannot read `{}`, which holds the value of the header `{name}`: {why}", .file.display())]
    Unreadable {
        /// The header.
        name: HeaderName,
        /// The file.
        file: PathBuf,
        /// The system's reason.
        why: io::Error,
    },
    /// The file holds what no header can.
    #[error("`{}` holds no value for the header `{name}`; write one line of printable text", .file.display())]
    NoValue {
        /// The header.
        name: HeaderName,
        /// The file.
        file: PathBuf,
    },
}

impl UpstreamHeader {
    /// The header as requests bear it, its value marked sensitive. Reads the file if the value is in one.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or holds no value.
    pub fn read(&self) -> Result<(HeaderName, HeaderValue), UpstreamHeaderError> {
        let name = self.name.clone();
        let file = match &self.value {
            HeaderSource::Given(value) => return Ok((name, value.clone())),
            HeaderSource::File(file) => file.clone(),
        };
        match std::fs::read(&file) {
            Ok(text) => match secret(text.trim_ascii()) {
                Some(value) => Ok((name, value)),
                None => Err(UpstreamHeaderError::NoValue { name, file }),
            },
            Err(why) => Err(UpstreamHeaderError::Unreadable { name, file, why }),
        }
    }
}

/// A value that `Debug` does not show; `None` for what no header can hold, or nothing.
pub(super) fn secret(value: &[u8]) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_bytes(value).ok().filter(|value| !value.is_empty())?;
    value.set_sensitive(true);
    Some(value)
}

impl fmt::Debug for UpstreamHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {:?}", self.name, self.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_keep_path_and_query() {
        for (text, url, shown) in [
            ("https://a.test", "https://a.test/", "https://a.test/"),
            ("HTTPS://A.test:443/Mcp/", "https://a.test/Mcp/", "https://a.test/Mcp/"),
            ("http://[::1]:8080/mcp?key=7&b", "http://[::1]:8080/mcp?key=7&b", "http://[::1]:8080/mcp"),
            ("http://a.test?key=7", "http://a.test/?key=7", "http://a.test/"),
        ] {
            let parsed: UpstreamUrl = text.parse().unwrap();
            assert_eq!((parsed.to_string().as_str(), parsed.for_show().as_str()), (url, shown), "{text}");
            assert_eq!(url.parse(), Ok(parsed), "{text}");
        }
        for (text, error) in [
            ("a.test/mcp", UpstreamUrlError::Scheme),
            ("ftp://a.test", UpstreamUrlError::Scheme),
            ("http://a.test/#x", UpstreamUrlError::Fragment),
            ("http://me:secret@a.test/", UpstreamUrlError::User),
            ("http:///mcp", UpstreamUrlError::Authority),
            ("http://a.test:0/", UpstreamUrlError::Authority),
            ("http://a.test/a b", UpstreamUrlError::Path),
        ] {
            assert_eq!(text.parse::<UpstreamUrl>(), Err(error), "{text}");
        }
    }

    #[test]
    fn a_value_in_a_file_is_read_trimmed_and_shown_nowhere() {
        let file = std::env::temp_dir().join(format!("waggle-header-{}", std::process::id()));
        std::fs::write(&file, " Bearer sesame-5121\n").unwrap();
        let header = UpstreamHeader {
            name: HeaderName::from_static("authorization"),
            value: HeaderSource::File(file.clone()),
        };
        let (name, value) = header.read().unwrap();
        assert_eq!((name.as_str(), value.as_bytes()), ("authorization", &b"Bearer sesame-5121"[..]));
        assert!(!format!("{value:?}{header:?}").contains("sesame"));
        std::fs::write(&file, "\n").unwrap();
        assert!(matches!(header.read(), Err(UpstreamHeaderError::NoValue { .. })));
        std::fs::write(&file, "sesame-5121\nsecond").unwrap();
        let refused = header.read().unwrap_err().to_string();
        assert!(refused.contains("authorization") && !refused.contains("sesame"), "{refused}");
        std::fs::remove_file(&file).unwrap();
        assert!(matches!(header.read(), Err(UpstreamHeaderError::Unreadable { .. })));
    }
}
