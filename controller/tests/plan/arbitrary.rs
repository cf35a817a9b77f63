//! Specifications of every kind, nearly all of them ones that can be carried out.

use k8s_openapi::api::core::v1::{EnvVar, SecretKeySelector, Volume, VolumeMount};
use proptest::{collection::vec, option::of, prelude::*, sample::select};
use waggle_crds::{
    McpServerSpec,
    server::{
        Era, HttpRoute, Ingress, IngressTls, Injection, Limits, LogFormat, LogLevel, NetworkPolicy,
        ParentReference, Process, ProcessMode, Proxy, Remote, RemoteHeader, Service, ServiceType, Timeouts,
        Transport,
    },
};

/// A text that stands for a size within the limits of the proxy.
fn size() -> impl Strategy<Value = String> {
    prop_oneof![
        (1_u32..1024).prop_map(|number| format!("{number}KiB")),
        (1_u32..16).prop_map(|number| format!("{number} mi")),
        (1024_u32..10_000).prop_map(|number| number.to_string()),
        Just("1_000_000".to_owned()),
    ]
}

/// A text that stands for a time within all limits of the proxy.
fn span() -> impl Strategy<Value = String> {
    prop_oneof![
        (1_u32..600).prop_map(|seconds| format!("{seconds}s")),
        (1_u32..10).prop_map(|minutes| format!("{minutes}m")),
        (1_u32..9, 1_u32..1000).prop_map(|(minutes, millis)| format!("{minutes}m0s{millis}ms")),
    ]
}

fn host() -> impl Strategy<Value = String> {
    select(vec!["mcp.example.org", "a.b.c", "localhost:8080", "[::1]:80", "UPPER.example.org"])
        .prop_map(str::to_owned)
}

fn path() -> impl Strategy<Value = Option<String>> {
    of(select(vec!["/", "/tools", "/tools/a-b/"]).prop_map(str::to_owned))
}

fn limits() -> impl Strategy<Value = Limits> {
    let counts = (of(1..10_000_000), of(1..10_000_000), of(1..100_000), of(1..10_000_000), of(0..1_000_000));
    (counts, of(size()), of(size()), of(size()), of(size())).prop_map(
        |(counts, body, line, stream, replay)| Limits {
            max_sessions: counts.0,
            max_connections: counts.1,
            max_batch: counts.2,
            max_in_flight: counts.3,
            replay_events: counts.4,
            max_body: body,
            max_line: line,
            stream_queue: stream,
            replay_bytes: replay,
            stdin_queue: Some("20MiB".to_owned()),
        },
    )
}

fn timeouts() -> impl Strategy<Value = Timeouts> {
    (vec(of(span()), 12), of(1_u32..=30)).prop_map(|(mut spans, grace)| {
        let mut next = || spans.pop().flatten();
        Timeouts {
            session_idle: next(),
            request_timeout: next(),
            handshake_timeout: next(),
            input_timeout: next(),
            upstream_connect_timeout: next(),
            upstream_idle_timeout: next(),
            keep_alive: next(),
            replay_age: next(),
            header_timeout: next(),
            body_timeout: next(),
            stall_timeout: next(),
            queue_timeout: next(),
            // Up to the default, whose time the pod has anyway.
            grace: grace.map(|seconds| format!("{seconds}s")),
        }
    })
}

/// The part of the proxy's options that it takes over while it runs.
pub(crate) fn reloadable() -> impl Strategy<Value = (Process, Proxy)> {
    let log = of(select(vec![LogLevel::Off, LogLevel::Warn, LogLevel::Trace]));
    let origins =
        vec(select(vec!["*", "https://app.example.org", "http://localhost:1"]).prop_map(str::to_owned), 0..3);
    let process = (of(50..100_000), of(0..50), of(span()));
    (limits(), timeouts(), log, origins, vec(host(), 0..3), process).prop_map(
        |(limits, timeouts, log, allowed_origins, allowed_hosts, (max, warm, idle))| {
            let process = Process { mode: ProcessMode::Auto, max, warm, idle };
            (process, Proxy { limits, timeouts, log, allowed_origins, allowed_hosts, ..Proxy::default() })
        },
    )
}

fn remote() -> impl Strategy<Value = Remote> {
    let key = |name: &str| SecretKeySelector { name: name.to_owned(), key: "k".to_owned(), optional: None };
    let urls = select(vec!["https://mcp.example.org/mcp?x=%20y&z", "http://[::1]:8080", "HTTPS://A.test/"]);
    let names = vec(select(vec!["Authorization", "x-team", "X-A.b"]), 0..3);
    (urls, names, any::<bool>()).prop_map(move |(url, names, ca)| Remote {
        url: url.to_owned(),
        headers: names
            .into_iter()
            .map(|name| RemoteHeader { name: name.to_owned(), secret_key_ref: key("s") })
            .collect(),
        ca: ca.then(|| key("ca")),
    })
}

fn ingress() -> impl Strategy<Value = Ingress> {
    let class = of(select(vec!["nginx", "alb", "traefik", "mine"]).prop_map(str::to_owned));
    (class, of(host()), path(), any::<bool>()).prop_map(|(class_name, host, path, tls)| Ingress {
        class_name,
        host,
        path,
        tls: tls.then(IngressTls::default).into_iter().collect(),
        ..Ingress::default()
    })
}

fn http_route() -> impl Strategy<Value = HttpRoute> {
    (vec(host(), 0..3), path()).prop_map(|(hostnames, path)| HttpRoute {
        parent_refs: vec![ParentReference { name: "public".to_owned(), ..ParentReference::default() }],
        hostnames,
        path,
        ..HttpRoute::default()
    })
}

fn service() -> impl Strategy<Value = Service> {
    let kind = select(vec![ServiceType::ClusterIP, ServiceType::NodePort, ServiceType::LoadBalancer]);
    (kind, of(1..65_535)).prop_map(|(kind, port)| Service { kind, port, ..Service::default() })
}

/// A specification with an image or a URL.
pub(crate) fn specification() -> impl Strategy<Value = McpServerSpec> {
    let words = || vec("[ -~]{1,12}", 0..3);
    let source = prop_oneof![
        (words(), words()).prop_map(|(command, args)| McpServerSpec {
            image: Some("ghcr.io/acme/github:1.4.0".to_owned()),
            command,
            args,
            ..McpServerSpec::default()
        }),
        (select(vec![Transport::StreamableHttp, Transport::Sse]), 1..65_535).prop_map(|(transport, port)| {
            McpServerSpec {
                image: Some("acme/notes".to_owned()),
                transport: Some(transport),
                port: Some(port),
                ..McpServerSpec::default()
            }
        }),
        remote().prop_map(|remote| McpServerSpec { remote: Some(remote), ..McpServerSpec::default() }),
    ];
    let modes = select(vec![ProcessMode::Auto, ProcessMode::Session, ProcessMode::Shared]);
    let injections = select(vec![Injection::Auto, Injection::Copy, Injection::ImageVolume, Injection::None]);
    let eras = select(vec![Era::Auto, Era::Legacy, Era::Modern]);
    let formats = of(select(vec![LogFormat::Text, LogFormat::Json]));
    let fixed = (modes, injections, eras, formats);
    let ways = (of(ingress()), of(http_route()), service(), of(Just(NetworkPolicy::default())));
    let pod = (of(0..5), any::<bool>(), any::<bool>());
    (source, reloadable(), fixed, ways, pod).prop_map(|(mut spec, (process, proxy), fixed, ways, pod)| {
        spec.process = Process { mode: fixed.0, ..process };
        spec.proxy = Proxy { injection: fixed.1, log_format: fixed.3, ..proxy };
        spec.era = fixed.2;
        (spec.ingress, spec.http_route, spec.service, spec.network_policy) = ways;
        if let (Some(ingress), Some(route)) = (&spec.ingress, &mut spec.http_route) {
            route.path = ingress.path.clone();
        }
        spec.replicas = pod.0;
        if pod.1 {
            spec.env.push(EnvVar { name: "A".to_owned(), value: Some("1".to_owned()), value_from: None });
        }
        if pod.2 {
            spec.volumes.push(Volume { name: "data".to_owned(), ..Volume::default() });
            let mount = VolumeMount {
                name: "data".to_owned(),
                mount_path: "/tmp".to_owned(),
                ..VolumeMount::default()
            };
            spec.volume_mounts.push(mount);
        }
        spec
    })
}
