//! The proxy's configuration.

use insta::assert_snapshot;

use crate::fixture::{STDIO, config, observed, plan, plan_in, plan_with, refused};

/// The configuration of a stdio server with these fields.
fn config_with(more: &str) -> String {
    config(&plan_with(more)).to_owned()
}

#[test]
fn every_limit_and_time_has_its_option() {
    assert_snapshot!(config_with(
        "process: {mode: shared, max: 7, warm: 2, idle: 3m},
         proxy: {log: debug, logFormat: text, allowedOrigins: ['https://app.example.org'], allowedHosts: [mcp.example.org],
           limits: {maxSessions: 11, maxConnections: 12, maxBody: 13KiB, maxLine: 14MiB, maxBatch: 15, maxInFlight: 16,
             streamQueue: 17KiB, stdinQueue: 18MiB, replayBytes: '0', replayEvents: 0},
           timeouts: {sessionIdle: 1h1m, requestTimeout: 2m, handshakeTimeout: 3m, inputTimeout: 4m,
             upstreamConnectTimeout: 5s, upstreamIdleTimeout: 6s, keepAlive: 7s, replayAge: 8s, grace: 9s,
             headerTimeout: 10s, bodyTimeout: 11s, stallTimeout: 12s, queueTimeout: 13s}}"
    ));
}

#[test]
fn servers_over_http() {
    assert_snapshot!(config(&plan("{image: a/b:1, transport: streamable-http, port: 3000}")));
    assert_snapshot!(config(&plan("{image: a/b:1, transport: sse, port: 3000, era: legacy}")));
    assert_snapshot!(config(&plan(
        "{image: a/b:1, transport: streamable-http, port: 3000, path: /tools/x, era: modern}"
    )));
}

#[test]
fn remote_servers() {
    assert_snapshot!(config(&plan(
        "{remote: {url: 'https://mcp.example.org/mcp?team=7', ca: {name: company, key: ca.crt}, headers: [
            {name: Authorization, secretKeyRef: {name: example, key: header}},
            {name: X-Team, secretKeyRef: {name: teams, key: ours}}]}}",
    )));
}

#[test]
fn the_public_url_is_that_of_the_first_route() {
    let mut observed = observed();
    observed.apis.http_route = true;
    let config_of = |more: &str| config(&plan_in(&crate::fixture::with(more), &observed)).to_owned();
    assert_snapshot!(config_of("ingress: {host: mcp.example.org, tls: [{secretName: t}]}"));
    assert_snapshot!(config_of(
        "ingress: {host: a.example.org, path: /tools},
         httpRoute: {path: /tools, hostnames: [b.example.org, '*.c.example.org'], parentRefs: [{name: g, sectionName: https}]},
         proxy: {allowedHosts: [d.example.org]}"
    ));
    assert_snapshot!(config_of("ingress: {path: /tools/}"));
}

#[test]
fn what_the_proxy_would_refuse_is_refused() {
    let sentences: Vec<String> = [
        "process: {max: 0}",
        "process: {idle: 15}",
        "process: {warm: 65}",
        "proxy: {limits: {maxBody: 4M}}",
        "proxy: {limits: {maxBody: 2GiB}}",
        "proxy: {limits: {maxBody: 17MiB}}",
        "proxy: {limits: {replayBytes: -1}}",
        "proxy: {timeouts: {grace: 2h}}",
        "proxy: {timeouts: {keepAlive: 100ms}}",
        "proxy: {timeouts: {sessionIdle: 1.5h}}",
        "proxy: {allowedOrigins: ['https://a.example.org/']}",
        "proxy: {allowedHosts: ['https://a']}",
        "transport: streamable-http",
        "transport: streamable-http, port: 80, path: 'a b'",
        "remote: {url: 'https://a.example.org'}",
        "ingress: {path: 'tools'}",
        "ingress: {path: /a}, httpRoute: {path: /b, parentRefs: [{name: g}]}",
        "httpRoute: {parentRefs: []}",
    ]
    .map(|more| refused(&plan_with(more)))
    .into();
    assert_snapshot!(sentences.join("\n"));
    let remote: Vec<String> = [
        "url: 'ftp://a.example.org'",
        "url: 'https://me:sesame@a.example.org/'",
        "url: 'https://a.example.org', headers: [{name: 'a b', secretKeyRef: {name: s, key: k}}]",
    ]
    .map(|remote| refused(&plan(&format!("{{remote: {{{remote}}}}}"))))
    .into();
    assert_snapshot!(remote.join("\n"));
    assert!(!remote.join("\n").contains("sesame"), "a password is shown");
    assert_snapshot!(refused(&plan("{}")));
    assert_snapshot!(refused(&plan("{remote: {url: 'https://a.example.org'}, transport: stdio}")));
}

#[test]
fn names_that_no_service_can_have_are_refused() {
    for name in ["a".repeat(60), "a.b".to_owned()] {
        let mut server = crate::fixture::server(STDIO);
        server.metadata.name = Some(name);
        let plan = waggle_controller::plan::plan(&server, &observed(), &crate::fixture::settings());
        assert!(refused(&plan).starts_with("InvalidName: "));
    }
}

#[test]
fn a_reloadable_edit_leaves_the_pods_alone() {
    let template = |more: &str| plan_with(more).deployment.unwrap().spec.unwrap().template;
    let before = template("args: []");
    for more in [
        "process: {max: 7, warm: 3, idle: 1m}",
        "proxy: {log: debug, allowedHosts: [a.example.org], limits: {maxBody: 1MiB}, timeouts: {grace: 10s}}",
        "service: {type: NodePort, port: 8000, sessionAffinity: ClientIP}",
        "ingress: {host: mcp.example.org}",
        "replicas: 5",
        "networkPolicy: {}",
    ] {
        assert_eq!(template(more), before, "{more}");
    }
    for more in ["process: {mode: shared}", "proxy: {logFormat: text}", "era: legacy", "args: [x]"] {
        assert_ne!(template(more), before, "{more}");
    }
}
