//! The URLs under which the routes make the proxy reachable.

use waggle_crds::server::{HttpRoute, Ingress};

use super::super::{config::values, context::Context, service};
use super::{has_http_route, has_ingress};

/// A URL without `/mcp`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(in super::super) struct PublicUrl {
    scheme: &'static str,
    /// Host, and port where it is not the scheme's own.
    pub(in super::super) host: String,
    /// Empty, or starting with a slash and not ending with one.
    path: String,
}

impl PublicUrl {
    /// The whole URL.
    pub(in super::super) fn base(&self) -> String {
        format!("{}{}", self.origin(), self.path)
    }

    /// As browsers send it.
    pub(in super::super) fn origin(&self) -> String {
        format!("{}://{}", self.scheme, self.host)
    }
}

/// The URLs of the routes that exist and name a host, the HTTPRoute's first.
pub(in super::super) fn of_routes(context: &Context<'_>) -> Vec<PublicUrl> {
    let http_route = context.spec.http_route.as_ref().filter(|_| has_http_route(context));
    let ingress = context.spec.ingress.as_ref().filter(|_| has_ingress(context));
    let mut urls: Vec<PublicUrl> = Vec::new();
    for url in http_route
        .into_iter()
        .flat_map(|route| of_http_route(context, route))
        .chain(ingress.and_then(of_ingress))
    {
        if !urls.contains(&url) {
            urls.push(url);
        }
    }
    urls
}

/// The URLs that the proxy is told: those of the routes. Without any, a path prefix still has to be known to it.
pub(in super::super) fn public_urls(context: &Context<'_>) -> Vec<PublicUrl> {
    let urls = of_routes(context);
    let path = path(context);
    if !urls.is_empty() || path.is_empty() {
        return urls;
    }
    vec![PublicUrl { scheme: "http", host: service::host(context), path }]
}

/// The prefix of the routes, without slash at the end.
fn path(context: &Context<'_>) -> String {
    let http_route = context.spec.http_route.as_ref().filter(|_| has_http_route(context));
    let ingress = context.spec.ingress.as_ref().filter(|_| has_ingress(context));
    let paths = [
        http_route.and_then(|route| route.path.as_deref()),
        ingress.and_then(|ingress| ingress.path.as_deref()),
    ];
    trimmed(paths.into_iter().flatten().next())
}

fn of_http_route(context: &Context<'_>, route: &HttpRoute) -> Vec<PublicUrl> {
    let secure = context.observed.gateway_tls.unwrap_or_else(|| says_tls(route));
    let scheme = if secure { "https" } else { "http" };
    let hosts = route.hostnames.iter().filter(|host| values::is_host(host));
    hosts.map(|host| PublicUrl { scheme, host: host.clone(), path: trimmed(route.path.as_deref()) }).collect()
}

/// Whether a listener is named that has TLS by all appearance.
fn says_tls(route: &HttpRoute) -> bool {
    route.parent_refs.iter().any(|parent| {
        let section = parent.section_name.as_deref().unwrap_or_default();
        parent.port == Some(443) || section.contains("https") || section.contains("tls")
    })
}

fn of_ingress(ingress: &Ingress) -> Option<PublicUrl> {
    // A wildcard is no name that a client could write.
    let host = ingress.host.clone().filter(|host| values::is_host(host))?;
    let covers = |hosts: &[String]| hosts.is_empty() || hosts.iter().any(|name| matches(name, &host));
    let secure = ingress.tls.iter().any(|tls| covers(&tls.hosts));
    let scheme = if secure { "https" } else { "http" };
    Some(PublicUrl { scheme, host, path: trimmed(ingress.path.as_deref()) })
}

/// Whether a certificate for `name` is one for `host`.
fn matches(name: &str, host: &str) -> bool {
    match name.strip_prefix("*.") {
        Some(parent) => host.split_once('.').is_some_and(|(_, rest)| rest == parent),
        None => name == host,
    }
}

fn trimmed(path: Option<&str>) -> String {
    path.unwrap_or_default().trim_end_matches('/').to_owned()
}
