//! Who may call: origins of web pages and names in the `Host` header.

use super::Kind;
use crate::config::authority::Authority;
use crate::config::public_url::PublicUrl;

/// `scheme://host[:port]`, or `*`. Read in lower case and without the default port, as browsers
/// send it in the `Origin` header.
pub(in crate::config) struct Origin;

/// `host` or `host:port`, or `*`. Read in lower case.
pub(in crate::config) struct Host;

/// An absolute `http` or `https` URL.
pub(in crate::config) struct Url;

const ANY: &str = "*";

fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
}

impl Kind for Origin {
    type Value = String;
    const NAME: &'static str = "ORIGIN";

    fn expected(&self) -> String {
        "an origin without path, such as `https://app.example.org` or `http://localhost:5173`, or `*` for every origin"
            .to_owned()
    }

    fn read(&self, text: &str) -> Result<String, String> {
        if text == ANY {
            return Ok(text.to_owned());
        }
        let not_an_origin = || "is not an origin".to_owned();
        let (scheme, authority) = text.split_once("://").ok_or_else(not_an_origin)?;
        let scheme = scheme.to_ascii_lowercase();
        if !is_scheme(&scheme) {
            return Err(not_an_origin());
        }
        if authority.contains('/') {
            return Err("has a path".to_owned());
        }
        let authority = Authority::parse(authority).ok_or_else(not_an_origin)?;
        Ok(format!("{scheme}://{}", authority.without_default_port(&scheme)))
    }

    fn write(&self, value: &String) -> String {
        value.clone()
    }
}

impl Kind for Host {
    type Value = String;
    const NAME: &'static str = "HOST";

    fn expected(&self) -> String {
        "a host name with or without port, such as `mcp.example.org` or `localhost:8080`, or `*` for every host"
            .to_owned()
    }

    fn read(&self, text: &str) -> Result<String, String> {
        if text == ANY {
            return Ok(text.to_owned());
        }
        Authority::parse(text).map(|a| a.to_string()).ok_or_else(|| "is not a host".to_owned())
    }

    fn write(&self, value: &String) -> String {
        value.clone()
    }
}

impl Kind for Url {
    type Value = PublicUrl;
    const NAME: &'static str = "URL";

    fn expected(&self) -> String {
        "an absolute URL, such as `https://mcp.example.org` or `https://example.org/tools`".to_owned()
    }

    fn read(&self, text: &str) -> Result<PublicUrl, String> {
        text.parse().map_err(|error: crate::config::PublicUrlError| error.to_string())
    }

    fn write(&self, value: &PublicUrl) -> String {
        value.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{accepts, refuses};
    use super::*;

    #[test]
    fn origins() {
        for (text, origin) in [
            ("*", "*"),
            ("https://app.example.org", "https://app.example.org"),
            ("HTTPS://App.Example.org:443", "https://app.example.org"),
            ("http://localhost:5173", "http://localhost:5173"),
            ("http://[::1]:80", "http://[::1]"),
            ("chrome-extension://abcdef", "chrome-extension://abcdef"),
        ] {
            accepts(&Origin, &[(text, origin.to_owned())]);
        }
        refuses(
            &Origin,
            &[
                ("https://example.org/", "has a path"),
                ("https://example.org/x", "has a path"),
                ("example.org", "is not an origin"),
                ("https://*.example.org", "is not an origin"),
                ("https://", "is not an origin"),
                ("://a", "is not an origin"),
                ("1a://a", "is not an origin"),
                ("null", "is not an origin"),
            ],
        );
    }

    #[test]
    fn hosts() {
        for (text, host) in
            [("*", "*"), ("Localhost:8080", "localhost:8080"), ("[::1]", "[::1]"), ("a.b", "a.b")]
        {
            accepts(&Host, &[(text, host.to_owned())]);
        }
        for text in ["https://a", "a/b", "*.a", "a:x", "::1"] {
            refuses(&Host, &[(text, "is not a host")]);
        }
    }
}
