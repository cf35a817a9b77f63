//! Who may talk to us: `Host` and `Origin` against DNS rebinding, and CORS for browsers that may.

use hyper::{
    HeaderMap, Response,
    header::{
        ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
        ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS, HOST,
        HeaderValue, ORIGIN, VARY,
    },
    http::request::Parts,
};

use crate::{
    config::{Authority, Config},
    error::Refusal,
};

/// Request headers that any client of ours may send.
const REQUEST_HEADERS: &str = "Content-Type, Accept, Authorization, Mcp-Session-Id, MCP-Protocol-Version, Last-Event-ID, Mcp-Method, Mcp-Name";
const EXPOSED_HEADERS: &str = "Mcp-Session-Id, WWW-Authenticate";
/// The headers of 2026-07-28 that repeat tool arguments; a preflight names those that are meant.
const PARAM_HEADER: &str = "mcp-param-";

/// The rules, settled at start.
#[derive(Debug)]
pub(crate) struct Access {
    /// Allowed hosts: of any port, or with a port. `None`: any.
    hosts: Option<Vec<Authority<'static>>>,
    origins: Origins,
}

#[derive(Debug)]
enum Origins {
    Any,
    Listed {
        origins: Vec<String>,
        /// Any port of this machine, too.
        loopback: bool,
    },
}

impl Access {
    pub(crate) fn new(config: &Config) -> Self {
        let loopback = config.listen.ip().is_loopback();
        let public = config.public_url.as_ref();
        let listed = config.allowed_hosts.iter().map(String::as_str);
        let any_host = config.allowed_hosts.is_empty() && !loopback || listed.clone().any(|host| host == "*");
        let own = loopback.then_some(["localhost", "127.0.0.1", "[::1]"]).into_iter().flatten();
        let hosts = listed
            .chain(own)
            .chain(public.map(|url| url.host()))
            .filter_map(Authority::parse)
            .map(Authority::into_owned)
            .collect();
        let origins = match config.allowed_origins.iter().any(|origin| origin == "*") {
            true => Origins::Any,
            false => {
                let origins =
                    config.allowed_origins.iter().cloned().chain(public.map(|url| url.origin().to_owned()));
                Origins::Listed { origins: origins.collect(), loopback }
            }
        };
        Self { hosts: (!any_host).then_some(hosts), origins }
    }

    /// Refuses a foreign `Host` or `Origin` with 403. `null`, which browsers send for opaque origins, is no
    /// name that could be listed: it may ask, and gets no CORS headers to read the answer with.
    pub(crate) fn check(&self, request: &Parts) -> Result<(), Refusal> {
        let named = request.headers.get(HOST).and_then(|host| host.to_str().ok());
        let host = named.or_else(|| request.uri.authority().map(|authority| authority.as_str()));
        if let (Some(hosts), Some(host)) = (&self.hosts, host)
            && !allowed(hosts, host)
        {
            return Err(Refusal::forbidden("this Host is not served here (--allowed-host)"));
        }
        match request.headers.get(ORIGIN).map(|origin| origin.to_str().unwrap_or_default()) {
            None | Some("null") => Ok(()),
            Some(origin) if self.allows(origin) => Ok(()),
            Some(_) => Err(Refusal::forbidden("this Origin is not allowed (--allowed-origin)")),
        }
    }

    fn allows(&self, origin: &str) -> bool {
        match &self.origins {
            Origins::Any => true,
            Origins::Listed { origins, loopback } => {
                origins.iter().any(|listed| listed.eq_ignore_ascii_case(origin))
                    || *loopback && is_loopback(origin)
            }
        }
    }

    /// Lets an allowed browser page read the response.
    pub(crate) fn add_cors<B>(&self, request_headers: &HeaderMap, response: &mut Response<B>) {
        let Some(origin) =
            request_headers.get(ORIGIN).filter(|o| o.to_str().is_ok_and(|o| o != "null" && self.allows(o)))
        else {
            return;
        };
        let headers = response.headers_mut();
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED_HEADERS));
        headers.append(VARY, HeaderValue::from_static("Origin"));
    }

    /// The answer to `OPTIONS`, a preflight or not.
    pub(crate) fn preflight<B>(
        &self,
        request_headers: &HeaderMap,
        response: &mut Response<B>,
        allow: &'static str,
    ) {
        let asked = request_headers.get(ACCESS_CONTROL_REQUEST_HEADERS).and_then(|value| value.to_str().ok());
        let names = asked.unwrap_or_default().split(',').map(str::trim);
        let params = names.filter(|name| name.to_ascii_lowercase().starts_with(PARAM_HEADER));
        let value = params.fold(REQUEST_HEADERS.to_owned(), |list, name| list + ", " + name);
        let headers = response.headers_mut();
        headers.insert(hyper::header::ALLOW, HeaderValue::from_static(allow));
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(allow));
        headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, value);
        }
    }
}

/// An entry without a port stands for all ports.
fn allowed(hosts: &[Authority<'_>], host: &str) -> bool {
    Authority::parse(host).is_some_and(|host| {
        hosts.iter().any(|entry| entry.host == host.host && (entry.port.is_none() || entry.port == host.port))
    })
}

fn is_loopback(origin: &str) -> bool {
    let authority = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
    authority
        .and_then(Authority::parse)
        .is_some_and(|authority| matches!(&*authority.host, "localhost" | "127.0.0.1" | "[::1]"))
}

#[cfg(test)]
mod tests {
    use hyper::Request;

    use super::*;

    fn check(config: &Config, host: &str, origin: Option<&str>) -> bool {
        let mut request = Request::builder().uri("/mcp").header(HOST, host);
        if let Some(origin) = origin {
            request = request.header(ORIGIN, origin);
        }
        Access::new(config).check(&request.body(()).unwrap().into_parts().0).is_ok()
    }

    #[test]
    fn on_loopback_only_this_machine_is_served() {
        let config = Config::default();
        for (host, origin, expected) in [
            ("localhost:8080", None, true),
            ("127.0.0.1", Some("http://localhost:6274"), true),
            ("[::1]:9", Some("null"), true),
            ("evil.example", None, false),
            ("localhost.evil.example", None, false),
            ("localhost", Some("https://evil.example"), false),
            ("localhost", Some("http://localhost.evil.example"), false),
        ] {
            assert_eq!(check(&config, host, origin), expected, "{host} {origin:?}");
        }
    }

    #[test]
    fn elsewhere_hosts_and_origins_are_listed() {
        let mut config = Config { listen: "0.0.0.0:80".parse().unwrap(), ..Config::default() };
        assert!(check(&config, "anything.example", None));
        assert!(!check(&config, "anything.example", Some("https://anything.example")));
        config.allowed_hosts = vec!["mcp.example".into(), "other.example:8443".into()];
        config.allowed_origins = vec!["https://app.example".into()];
        assert!(check(&config, "mcp.example:1234", Some("https://app.example")));
        assert!(check(&config, "other.example:8443", None));
        assert!(!check(&config, "other.example", None));
        assert!(!check(&config, "localhost", None));
        assert!(!check(&config, "mcp.example", Some("http://localhost:3000")));
        config.allowed_hosts = vec!["*".into()];
        config.allowed_origins = vec!["*".into()];
        assert!(check(&config, "any", Some("https://any")));
    }

    #[test]
    fn cors_is_for_allowed_origins_alone() {
        let access = Access::new(&Config::default());
        let headers = |origin| HeaderMap::from_iter([(ORIGIN, HeaderValue::from_static(origin))]);
        let mut response = Response::new(());
        access.add_cors(&headers("http://localhost:6274"), &mut response);
        assert_eq!(response.headers()[ACCESS_CONTROL_ALLOW_ORIGIN], "http://localhost:6274");
        assert!(
            response.headers()[ACCESS_CONTROL_EXPOSE_HEADERS].to_str().unwrap().contains("Mcp-Session-Id")
        );
        for foreign in ["https://evil.example", "null"] {
            let mut response = Response::new(());
            access.add_cors(&headers(foreign), &mut response);
            assert!(response.headers().is_empty());
        }
    }
}
