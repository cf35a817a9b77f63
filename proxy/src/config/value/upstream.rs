//! The server behind `--upstream`: its URL, headers for it, files about it.

use std::path::PathBuf;

use http::HeaderName;

use super::{HIDDEN, Kind};
use crate::config::upstream::{HeaderSource, UpstreamHeader, UpstreamUrl, UpstreamUrlError, secret};

/// An absolute `http` or `https` URL, path and query included.
pub(in crate::config) struct ServerUrl;

/// `NAME=VALUE` or `NAME=@FILE`.
pub(in crate::config) struct Header;

/// The path of a file, which is not opened yet.
pub(in crate::config) struct File;

/// Headers that the transport writes itself.
const OURS: [&str; 16] = [
    "accept",
    "accept-encoding",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "expect",
    "host",
    "keep-alive",
    "last-event-id",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
];

impl Kind for ServerUrl {
    type Value = UpstreamUrl;
    const NAME: &'static str = "URL";

    fn expected(&self) -> String {
        "the absolute URL of an MCP server, such as `https://mcp.example.org/mcp`".to_owned()
    }

    fn read(&self, text: &str) -> Result<UpstreamUrl, String> {
        text.parse().map_err(|error: UpstreamUrlError| error.to_string())
    }

    fn write(&self, value: &UpstreamUrl) -> String {
        value.to_string()
    }
}

impl Kind for Header {
    type Value = UpstreamHeader;
    const NAME: &'static str = "NAME=VALUE";

    fn expected(&self) -> String {
        "a header as `NAME=VALUE`, or as `NAME=@FILE` with its value in a file".to_owned()
    }

    fn read(&self, text: &str) -> Result<UpstreamHeader, String> {
        let (name, value) = text.split_once('=').ok_or_else(|| "has no `=`".to_owned())?;
        let name: HeaderName =
            name.trim().parse().map_err(|_| "does not start with a header name".to_owned())?;
        if OURS.contains(&name.as_str()) || name.as_str().starts_with("mcp-") {
            return Err("is a header that the proxy sets itself".to_owned());
        }
        let value = match value.trim() {
            HIDDEN => return Err("does not hold the value".to_owned()),
            "@" => return Err("names no file".to_owned()),
            value => match value.strip_prefix('@') {
                Some(file) => HeaderSource::File(PathBuf::from(file)),
                None => HeaderSource::Given(
                    secret(value.as_bytes())
                        .ok_or_else(|| "has no value that a header can hold".to_owned())?,
                ),
            },
        };
        Ok(UpstreamHeader { name, value })
    }

    fn write(&self, value: &UpstreamHeader) -> String {
        match &value.value {
            HeaderSource::Given(_) => format!("{}={HIDDEN}", value.name),
            HeaderSource::File(file) => format!("{}=@{}", value.name, file.display()),
        }
    }

    fn quote(&self, text: &str) -> String {
        match text.split_once('=') {
            Some((name, _)) => format!("{name}={HIDDEN}"),
            None => HIDDEN.to_owned(),
        }
    }
}

impl Kind for File {
    type Value = PathBuf;
    const NAME: &'static str = "FILE";

    fn expected(&self) -> String {
        "the path of a file".to_owned()
    }

    fn read(&self, text: &str) -> Result<PathBuf, String> {
        Ok(PathBuf::from(text))
    }

    fn write(&self, value: &PathBuf) -> String {
        value.display().to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::refuses;
    use super::super::{Arity as _, Lines, Shown};
    use super::*;

    #[test]
    fn headers_are_read_and_their_values_never_written() {
        let given = ["Authorization=Bearer a,b=c\nX-Key = sesame".to_owned(), "x-file=@/run/key".to_owned()];
        let headers = Lines(Header).read(&given).unwrap();
        let read: Vec<_> = headers[..2].iter().map(|header| header.read().unwrap()).collect();
        assert_eq!((read[0].0.as_str(), read[0].1.as_bytes()), ("authorization", &b"Bearer a,b=c"[..]));
        assert_eq!((read[1].0.as_str(), read[1].1.as_bytes()), ("x-key", &b"sesame"[..]));
        let shown = ["authorization=<hidden>", "x-key=<hidden>", "x-file=@/run/key"].map(str::to_owned);
        assert_eq!(Lines(Header).show(&headers), Shown::Many(shown.to_vec()));
        assert!(!format!("{headers:?}").contains("sesame"));
    }

    #[test]
    fn what_is_no_header_is_refused_without_its_value() {
        refuses(
            &Header,
            &[
                ("x-key", "has no `=`"),
                ("x key=1", "does not start with a header name"),
                ("=1", "does not start with a header name"),
                ("x-key=", "has no value that a header can hold"),
                ("x-key=a\tb\u{1}", "has no value that a header can hold"),
                ("x-key=@", "names no file"),
                ("x-key=<hidden>", "does not hold the value"),
                ("Host=a", "is a header that the proxy sets itself"),
                ("Mcp-Session-Id=a", "is a header that the proxy sets itself"),
            ],
        );
        for (text, quoted) in [("x key=sesame", "x key=<hidden>"), ("sesame", "<hidden>")] {
            assert_eq!(Lines(Header).read(&[text.to_owned()]).unwrap_err().value, quoted);
        }
    }
}
