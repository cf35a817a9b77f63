//! Where requests go: origins, and references resolved against a URL.

use http::{Uri, uri::Scheme};

/// Whether both URLs have the same scheme, host and port.
pub(super) fn same_origin(one: &Uri, other: &Uri) -> bool {
    let host = |uri: &Uri| uri.host().map(str::to_ascii_lowercase);
    one.scheme() == other.scheme() && host(one) == host(other) && port(one) == port(other)
}

fn port(uri: &Uri) -> Option<u16> {
    let default = if uri.scheme() == Some(&Scheme::HTTPS) { 443 } else { 80 };
    uri.port_u16().or(uri.host().map(|_| default))
}

/// The URL that `reference` names in a document at `base` (RFC 3986 §5.2); `None` if it is no URL.
pub(super) fn resolve(base: &Uri, reference: &str) -> Option<Uri> {
    let reference = reference.split('#').next().unwrap_or_default().trim();
    let scheme = base.scheme_str()?;
    if let Some((before, _)) = reference.split_once("://")
        && !before.contains(['/', '?'])
    {
        return absolute(reference);
    }
    if reference.starts_with("//") {
        return absolute(&format!("{scheme}:{reference}"));
    }
    let origin = format!("{scheme}://{}", base.authority()?);
    let (path, query) = match reference.split_once('?') {
        Some((path, query)) => (path, format!("?{query}")),
        None => (reference, String::new()),
    };
    let path = match path {
        "" => base.path().to_owned(),
        path if path.starts_with('/') => without_dots(path),
        path => {
            let folder = base.path().rsplit_once('/').map_or("", |(folder, _)| folder);
            without_dots(&format!("{folder}/{path}"))
        }
    };
    absolute(&format!("{origin}{path}{query}"))
}

fn absolute(text: &str) -> Option<Uri> {
    let uri: Uri = text.parse().ok()?;
    let user = uri.authority()?.as_str().contains('@');
    (matches!(uri.scheme_str(), Some("http" | "https")) && !user).then_some(uri)
}

/// The absolute path with `.` and `..` resolved (RFC 3986 §5.2.4).
fn without_dots(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let last = segments.peek().is_none();
        match segment {
            "." | ".." => {
                if segment == ".." {
                    kept.pop();
                }
                if last {
                    kept.push("");
                }
            }
            segment => kept.push(segment),
        }
    }
    format!("/{}", kept.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_resolved() {
        let base: Uri = "https://a.test/v1/sse?x=1".parse().unwrap();
        for (reference, resolved) in [
            ("/messages?id=7", "https://a.test/messages?id=7"),
            ("messages", "https://a.test/v1/messages"),
            ("./messages", "https://a.test/v1/messages"),
            ("../messages/.", "https://a.test/messages/"),
            ("../../../m?u=http://x", "https://a.test/m?u=http://x"),
            ("?id=7", "https://a.test/v1/sse?id=7"),
            ("//b.test/m", "https://b.test/m"),
            ("http://b.test:8080/m#f", "http://b.test:8080/m"),
        ] {
            assert_eq!(resolve(&base, reference), Some(resolved.parse().unwrap()), "{reference}");
        }
        for reference in ["ftp://a.test/m", "https://me@a.test/m", "http://", "/a b"] {
            assert_eq!(resolve(&base, reference), None, "{reference}");
        }
    }

    #[test]
    fn origins_are_compared_with_their_default_ports() {
        let same = |one: &str, other: &str| same_origin(&one.parse().unwrap(), &other.parse().unwrap());
        assert!(same("https://a.test/x", "https://A.test:443/y"));
        assert!(same("http://a.test:80", "http://a.test"));
        for other in ["http://a.test", "https://a.test:8443", "https://b.test", "https://a.test.b.test"] {
            assert!(!same("https://a.test", other), "{other}");
        }
    }
}
