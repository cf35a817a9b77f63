//! The URL under which clients reach the proxy.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use super::authority::Authority;

/// An absolute `http` or `https` URL, with or without a path prefix, under which a gateway or
/// tunnel makes the proxy reachable. No query, no fragment, no user name.
///
/// It is kept normalised: lower-case scheme and host, no default port, no slash at the end. Its
/// text is therefore a prefix to which `/mcp` can be added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl {
    text: String,
    /// Where in `text` the host starts.
    host: usize,
    /// Where in `text` the path starts; its length when there is none.
    path: usize,
}

/// Why a text is no [`PublicUrl`]: the rest of a sentence that starts with the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PublicUrlError {
    /// The scheme is missing or another one.
    #[error("does not start with `http://` or `https://`")]
    Scheme,
    /// There is a query or a fragment.
    #[error("has a query or a fragment")]
    QueryOrFragment,
    /// The host or the port is missing or malformed, or there is a user name.
    #[error("has no valid host and port")]
    Authority,
    /// The path holds empty segments, dot segments or characters that need `%` escapes.
    #[error("has a malformed path")]
    Path,
}

impl PublicUrl {
    /// The whole URL without slash at the end, such as `https://example.org/tools`.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Scheme, host and port as browsers send them in `Origin`, such as `https://example.org`.
    pub fn origin(&self) -> &str {
        &self.text[..self.path]
    }

    /// Host and port as clients send them in `Host`: `example.org`, or `example.org:8443` when the
    /// port is not the default of the scheme.
    pub fn host(&self) -> &str {
        &self.text[self.host..self.path]
    }

    /// The path prefix: empty, or starting with `/` and not ending with it.
    pub fn path(&self) -> &str {
        &self.text[self.path..]
    }
}

/// Whether `path` is empty or a run of non-empty segments, each after its `/` (RFC 3986 §3.3),
/// that no client or gateway resolves into another path.
fn is_plain(path: &str) -> bool {
    // pchar without `%`, which is checked with its two digits.
    let legal = |b: u8| b.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@".contains(&b);
    let segment = |segment: &str| {
        let mut escapes = segment.split('%');
        let literal = escapes.next().unwrap_or_default();
        let escaped = escapes.all(|after| {
            let (digits, rest) = after.as_bytes().split_at(after.len().min(2));
            digits.len() == 2 && digits.iter().all(u8::is_ascii_hexdigit) && rest.iter().all(|b| legal(*b))
        });
        !segment.is_empty() && segment != "." && segment != ".." && literal.bytes().all(legal) && escaped
    };
    path.is_empty() || path.split('/').skip(1).all(segment)
}

impl FromStr for PublicUrl {
    type Err = PublicUrlError;

    fn from_str(text: &str) -> Result<Self, PublicUrlError> {
        let (scheme, rest) = text.split_once("://").ok_or(PublicUrlError::Scheme)?;
        let scheme = match scheme.to_ascii_lowercase().as_str() {
            "http" => "http",
            "https" => "https",
            _ => return Err(PublicUrlError::Scheme),
        };
        if rest.contains(['?', '#']) {
            return Err(PublicUrlError::QueryOrFragment);
        }
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let authority =
            Authority::parse(authority).ok_or(PublicUrlError::Authority)?.without_default_port(scheme);
        let path = path.strip_suffix('/').unwrap_or(path);
        if !is_plain(path) {
            return Err(PublicUrlError::Path);
        }
        let origin = format!("{scheme}://{authority}");
        let host = scheme.len() + "://".len();
        Ok(Self { host, path: origin.len(), text: origin + path })
    }
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_urls_apart() {
        for (text, origin, host, path) in [
            ("https://example.org", "https://example.org", "example.org", ""),
            ("HTTPS://Example.org:443/", "https://example.org", "example.org", ""),
            ("http://[::1]:8080/a/b/", "http://[::1]:8080", "[::1]:8080", "/a/b"),
            ("https://example.org:80/Tools", "https://example.org:80", "example.org:80", "/Tools"),
            ("http://h/a%20b", "http://h", "h", "/a%20b"),
            ("http://h/@:~", "http://h", "h", "/@:~"),
        ] {
            let url: PublicUrl = text.parse().unwrap();
            assert_eq!((url.origin(), url.host(), url.path()), (origin, host, path), "{text}");
            assert_eq!(url.as_str(), format!("{origin}{path}"), "{text}");
            assert_eq!(url.to_string().parse(), Ok(url), "{text}");
        }
    }

    #[test]
    fn refuses_what_is_no_prefix() {
        use PublicUrlError::*;
        for (text, error) in [
            ("", Scheme),
            ("example.org", Scheme),
            ("ftp://example.org", Scheme),
            ("/mcp", Scheme),
            ("https://a?x=1", QueryOrFragment),
            ("https://a/#x", QueryOrFragment),
            ("https://", Authority),
            ("https:///mcp", Authority),
            ("https://me:secret@a", Authority),
            ("https://a:0", Authority),
            ("https://a//b", Path),
            ("https://a//", Path),
            ("https://a/../b", Path),
            ("https://a/b c", Path),
            ("https://a/%2", Path),
            ("https://a/%zz", Path),
            ("https://a/ü", Path),
            ("https://a/%ü1", Path),
            ("https://a/\"", Path),
        ] {
            assert_eq!(text.parse::<PublicUrl>(), Err(error), "{text}");
        }
    }
}
