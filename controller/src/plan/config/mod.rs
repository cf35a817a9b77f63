//! The proxy's configuration: from the specification to its options, as YAML in a ConfigMap.

mod check;
mod options;
pub(super) mod values;

use k8s_openapi::api::core::v1::ConfigMap;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use waggle_crds::server::{Era, LogFormat, LogLevel, ProcessMode, Transport};

use super::{
    context::{Context, Kind},
    names, routes,
};

pub(super) use check::check;

/// Options of which a running proxy says that they need a restart.
const NOT_RELOADED: [&str; 10] = [
    "listen",
    "admin-listen",
    "process-mode",
    "launcher",
    "upstream",
    "upstream-transport",
    "upstream-era",
    "upstream-header",
    "upstream-ca",
    "log-format",
];

/// Times that other objects follow, as the proxy has them by default.
const GRACE: u64 = 30 * values::SECOND;
const HANDSHAKE: u64 = values::MINUTE;
const MAX_BODY: u64 = 4 * values::MIB;

/// The proxy's options with their values, in the order in which they are written.
#[derive(Clone, Debug)]
pub(super) struct Config(Map<String, Value>);

impl Config {
    pub(super) fn of(context: &Context<'_>) -> Self {
        let mut config = Self(Map::new());
        config.set("listen", format!("0.0.0.0:{}", names::HTTP_PORT));
        config.set("admin-listen", format!("0.0.0.0:{}", names::ADMIN_PORT));
        config.upstream(context);
        config.access(context);
        config.log(context);
        for field in options::fields(context.spec) {
            config.set_if(field.option, field.value());
        }
        config
    }

    fn set(&mut self, option: &str, value: impl Into<Value>) {
        self.0.insert(option.to_owned(), value.into());
    }

    fn set_if<T: Into<Value>>(&mut self, option: &str, value: Option<T>) {
        if let Some(value) = value {
            self.set(option, value);
        }
    }

    fn upstream(&mut self, context: &Context<'_>) {
        let spec = context.spec;
        match context.kind() {
            Kind::Launched => self.set("launcher", names::SOCKET),
            Kind::Listening => self.set("upstream", local_url(context)),
            Kind::Remote => self.remote(context),
        }
        if context.kind() != Kind::Launched {
            self.set_if("upstream-transport", spec.transport.map(transport));
        }
        self.set_if("upstream-era", era(spec.era));
        self.set_if("process-mode", mode(spec.process.mode));
    }

    fn remote(&mut self, context: &Context<'_>) {
        let Some(remote) = &context.spec.remote else { return };
        self.set("upstream", remote.url.as_str());
        if !remote.headers.is_empty() {
            let header = |(index, name): (usize, &str)| {
                format!("{name}=@{}/{}", names::SECRETS_PATH, header_file(index))
            };
            let headers = remote.headers.iter().map(|header| header.name.as_str()).enumerate();
            self.set("upstream-header", headers.map(header).collect::<Vec<_>>());
        }
        self.set_if("upstream-ca", remote.ca.as_ref().map(|_| format!("{}/{CA_FILE}", names::SECRETS_PATH)));
    }

    fn access(&mut self, context: &Context<'_>) {
        let proxy = &context.spec.proxy;
        // The proxy lets in the first one's host and origin by itself.
        let mut public = routes::public_urls(context).into_iter();
        self.set_if("public-url", public.next().map(|url| url.base()));
        let (mut hosts, mut origins) = (proxy.allowed_hosts.clone(), proxy.allowed_origins.clone());
        if hosts.is_empty() {
            hosts.push("*".to_owned());
        }
        for url in public {
            origins.push(url.origin());
            if !hosts.iter().any(|host| host == "*") {
                hosts.push(url.host);
            }
        }
        self.set("allowed-host", hosts);
        self.set_if("allowed-origin", Some(origins).filter(|origins| !origins.is_empty()));
    }

    fn log(&mut self, context: &Context<'_>) {
        self.set_if("log", context.spec.proxy.log.map(level));
        self.set(
            "log-format",
            match context.spec.proxy.log_format {
                Some(LogFormat::Text) => "text",
                Some(LogFormat::Json) | None => "json",
            },
        );
    }

    /// The hash of the options for whose sake the pod must be started anew.
    pub(super) fn restart_hash(&self) -> String {
        let mut hash = Sha256::new();
        for (option, value) in self.0.iter().filter(|(option, _)| NOT_RELOADED.contains(&option.as_str())) {
            hash.update(format!("{option}={value}\n"));
        }
        hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    }

    /// The ConfigMap.
    pub(super) fn config_map(&self, context: &Context<'_>) -> ConfigMap {
        // A map of texts and lists of texts can always be written.
        let yaml = serde_saphyr::to_string(&self.0).unwrap_or_default();
        let yaml = format!("# From the MCPServer `{}`: edit that one.\n{yaml}", context.instance());
        ConfigMap {
            metadata: context.metadata(),
            data: Some([(names::CONFIG_FILE.to_owned(), yaml)].into()),
            ..ConfigMap::default()
        }
    }
}

/// The file with certificates for a remote server, below [`names::SECRETS_PATH`].
pub(super) const CA_FILE: &str = "ca.pem";

/// The file with the value of the header at `index`. Names of headers would not always be names of files.
pub(super) fn header_file(index: usize) -> String {
    format!("header-{index}")
}

/// How long the proxy has to end, in milliseconds.
fn grace(context: &Context<'_>) -> u64 {
    context.spec.proxy.timeouts.grace.as_deref().and_then(values::span).unwrap_or(GRACE)
}

/// How long the launcher has to end, in seconds. The proxy finishes its requests in three quarters of it, and the server's
/// processes end in the last one. It suits the proxy's default at least: a shorter time changes only the proxy, which takes
/// that over as it runs.
pub(super) fn launcher_grace(context: &Context<'_>) -> u64 {
    (grace(context).max(GRACE) * 4 / 3).min(values::HOUR).div_ceil(values::SECOND)
}

/// How long the server has to answer its handshake, in milliseconds.
pub(super) fn handshake_timeout(context: &Context<'_>) -> u64 {
    context.spec.proxy.timeouts.handshake_timeout.as_deref().and_then(values::span).unwrap_or(HANDSHAKE)
}

/// The largest body, in bytes.
pub(super) fn max_body(context: &Context<'_>) -> u64 {
    context.spec.proxy.limits.max_body.as_deref().and_then(values::size).unwrap_or(MAX_BODY)
}

/// The endpoint of a server in the same pod.
fn local_url(context: &Context<'_>) -> String {
    let spec = context.spec;
    let usual = if spec.transport == Some(Transport::Sse) { "/sse" } else { "/mcp" };
    let path = spec.path.as_deref().unwrap_or(usual);
    let slash = if path.starts_with('/') { "" } else { "/" };
    format!("http://127.0.0.1:{}{slash}{path}", spec.port.unwrap_or_default())
}

fn transport(transport: Transport) -> &'static str {
    match transport {
        Transport::Sse => "sse",
        Transport::StreamableHttp | Transport::Stdio => "streamable-http",
    }
}

fn era(era: Era) -> Option<&'static str> {
    match era {
        Era::Auto => None,
        Era::Legacy => Some("legacy"),
        Era::Modern => Some("modern"),
    }
}

fn mode(mode: ProcessMode) -> Option<&'static str> {
    match mode {
        ProcessMode::Auto => None,
        ProcessMode::Session => Some("session"),
        ProcessMode::Shared => Some("shared"),
    }
}

fn level(level: LogLevel) -> &'static str {
    match level {
        LogLevel::Off => "off",
        LogLevel::Error => "error",
        LogLevel::Warn => "warn",
        LogLevel::Info => "info",
        LogLevel::Debug => "debug",
        LogLevel::Trace => "trace",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn what_restarts_a_pod_is_what_the_proxy_does_not_reload() {
        // What no planned configuration has: a proxy in a pod starts no server itself.
        let never: BTreeSet<&str> = ["command", "server-env"].into();
        let proxy: BTreeSet<&str> = waggle_proxy::config::restart_keys().collect();
        assert_eq!(&BTreeSet::from(NOT_RELOADED) | &never, proxy);
    }
}
