//! The `host[:port]` part of URLs, origins and `Host` headers.

use std::{borrow::Cow, fmt, net::Ipv6Addr};

/// A host with an optional port, in the one spelling that compares byte by byte.
///
/// Invariant: the host is a lower-case name or IPv4 address of letters, digits, `-`, `_` and `.`,
/// or an IPv6 address in brackets and in its shortest form. The port is not 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Authority<'a> {
    pub(crate) host: Cow<'a, str>,
    pub(crate) port: Option<u16>,
}

impl<'a> Authority<'a> {
    /// Reads `host` or `host:port`; `None` for anything else, names beyond ASCII among it.
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        // The longest name DNS can carry (RFC 1035 §2.3.4).
        const LONGEST_NAME: usize = 253;
        let (host, after) = if let Some(rest) = text.strip_prefix('[') {
            let (address, after) = rest.split_once(']')?;
            (Cow::Owned(format!("[{}]", address.parse::<Ipv6Addr>().ok()?)), after)
        } else {
            // Each request names its host: what is legal, and whether it is spelt as usual, is seen in one walk.
            let mut uppercase = false;
            let end = text.bytes().position(|b| {
                uppercase |= b.is_ascii_uppercase();
                !(b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
            });
            let (name, after) = text.split_at_checked(end.unwrap_or(text.len()))?;
            if name.is_empty() || name.len() > LONGEST_NAME || name.starts_with('.') {
                return None;
            }
            let host = match uppercase {
                true => Cow::Owned(name.to_ascii_lowercase()),
                false => Cow::Borrowed(name),
            };
            (host, after)
        };
        let port = match after.strip_prefix(':') {
            Some(port) if port.bytes().all(|b| b.is_ascii_digit()) => {
                Some(port.parse().ok().filter(|p| *p != 0)?)
            }
            None if after.is_empty() => None,
            _ => return None,
        };
        Some(Self { host, port })
    }

    /// The same for longer than the text.
    pub(crate) fn into_owned(self) -> Authority<'static> {
        Authority { host: Cow::Owned(self.host.into_owned()), port: self.port }
    }

    /// Drops the port when it is the one `scheme` has anyway, as browsers do in `Origin`.
    pub(crate) fn without_default_port(self, scheme: &str) -> Self {
        let default = match scheme {
            "http" => Some(80),
            "https" => Some(443),
            _ => None,
        };
        Self { port: self.port.filter(|port| Some(*port) != default), ..self }
    }
}

impl fmt::Display for Authority<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            Some(port) => write!(f, "{}:{port}", self.host),
            None => f.write_str(&self.host),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_normalises() {
        for (text, expected) in [
            ("example.org", Some("example.org")),
            ("Example.ORG:8443", Some("example.org:8443")),
            ("my_service", Some("my_service")),
            ("127.0.0.1:080", Some("127.0.0.1:80")),
            ("[::1]", Some("[::1]")),
            ("[0:0:0:0:0:0:0:1]:8080", Some("[::1]:8080")),
            ("", None),
            (":80", None),
            ("a:", None),
            ("a:0", None),
            ("a:65536", None),
            ("a:+1", None),
            ("a:b", None),
            ("::1", None),
            ("[::1", None),
            ("[::1]x", None),
            ("[127.0.0.1]", None),
            ("user@a", None),
            ("a/b", None),
            ("a b", None),
            (".a", None),
            ("*.a", None),
            ("münchen.de", None),
        ] {
            assert_eq!(Authority::parse(text).map(|a| a.to_string()).as_deref(), expected, "{text}");
        }
        assert_eq!(Authority::parse(&"a".repeat(254)), None);
    }

    #[test]
    fn default_ports_are_dropped() {
        for (scheme, text, expected) in
            [("http", "a:80", "a"), ("https", "a:443", "a"), ("https", "a:80", "a:80"), ("x", "a:80", "a:80")]
        {
            let authority = Authority::parse(text).unwrap().without_default_port(scheme);
            assert_eq!(authority.to_string(), expected, "{scheme} {text}");
        }
    }
}
