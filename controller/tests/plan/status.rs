//! The status.

use insta::{assert_snapshot, assert_yaml_snapshot};
use waggle_controller::{
    observed::{Observed, ServerReport},
    plan::{self, Plan},
};
use waggle_crds::status::ServerInfo;

use crate::fixture::{
    STDIO, condition, deployed, observed, plan, plan_in, plan_with, says, server, settings, told, with,
};

/// What the proxy of a ready pod says.
fn report() -> ServerReport {
    ServerReport {
        server_info: Some(ServerInfo {
            name: "github-mcp".to_owned(),
            title: None,
            version: Some("1.4.0".to_owned()),
        }),
        era: Some("legacy".to_owned()),
        protocol_versions: vec!["2025-11-25".to_owned()],
        tools: Some(12),
        ..ServerReport::default()
    }
}

/// All conditions, a line each.
fn all(plan: &Plan) -> String {
    let lines: Vec<String> =
        plan.status.conditions.iter().map(|condition| says(plan, &condition.type_)).collect();
    lines.join("\n")
}

#[test]
fn from_new_to_ready() {
    let new = plan(STDIO);
    assert_yaml_snapshot!("status-new", new.status);
    let starting = plan_in(STDIO, &deployed(&new, 1, 0));
    assert_snapshot!("starting", all(&starting));
    let observed = Observed { server: Some(report()), ..deployed(&new, 1, 1) };
    let ready = plan::plan(&told(server(STDIO), starting.status), &observed, &settings());
    assert_yaml_snapshot!("status-ready", ready.status);
    assert_yaml_snapshot!(
        "notice-ready",
        ready.notices.iter().map(|notice| format!("{notice:?}")).collect::<Vec<_>>()
    );
}

#[test]
fn some_of_several_pods() {
    let spec = with("replicas: 3");
    let observed = Observed { server: Some(report()), ..deployed(&plan(&spec), 3, 2) };
    assert_snapshot!(all(&plan_in(&spec, &observed)));
}

#[test]
fn no_pods_on_purpose() {
    let spec = with("replicas: 0");
    let plan = plan_in(&spec, &deployed(&plan(&spec), 0, 0));
    assert_snapshot!(all(&plan));
    assert!(plan.notices.is_empty());
}

#[test]
fn what_was_known_is_kept_while_no_pod_answers() {
    let ready = plan_in(STDIO, &Observed { server: Some(report()), ..deployed(&plan(STDIO), 1, 1) });
    let gone =
        plan::plan(&told(server(STDIO), ready.status.clone()), &deployed(&plan(STDIO), 1, 0), &settings());
    assert_eq!(gone.status.server_info, ready.status.server_info);
    assert_eq!(
        (gone.status.tools, &gone.status.protocol_versions),
        (Some(12), &ready.status.protocol_versions)
    );
    assert_eq!(condition(&gone, "Reachable").status, "False");
}

#[test]
fn a_time_changes_with_its_condition_only() {
    let earlier = Observed { now: "2026-11-23T09:00:00Z".parse().unwrap(), ..observed() };
    let first = plan_in(STDIO, &earlier);
    let ready = plan::plan(&told(server(STDIO), first.status), &deployed(&plan(STDIO), 1, 1), &settings());
    let time = |about| condition(&ready, about).last_transition_time.0.to_string();
    assert_eq!(time("Accepted"), "2026-11-23T09:00:00Z");
    assert_eq!(time("Ready"), "2026-11-23T10:00:00Z");
}

#[test]
fn the_transport_behind_a_url_is_what_was_found() {
    let spec = "{remote: {url: https://mcp.example.org/mcp}}";
    assert_eq!(plan(spec).status.transport, None);
    let server = ServerReport { transport: Some(waggle_crds::server::Transport::Sse), ..report() };
    let found = plan_in(spec, &Observed { server: Some(server), ..deployed(&plan(spec), 1, 1) });
    assert_eq!(found.status.transport, Some(waggle_crds::server::Transport::Sse));
    let gone = plan::plan(
        &told(crate::fixture::server(spec), found.status),
        &deployed(&plan(spec), 1, 0),
        &settings(),
    );
    assert_eq!(gone.status.transport, Some(waggle_crds::server::Transport::Sse));
}

#[test]
fn a_refused_edit_is_told_and_the_rest_stays() {
    let before = plan_in(STDIO, &Observed { server: Some(report()), ..deployed(&plan(STDIO), 1, 1) });
    let edited =
        told(server(&with("service: {port: 8000}, proxy: {timeouts: {grace: 15}}")), before.status.clone());
    let observed = Observed { server: Some(report()), ..deployed(&plan(STDIO), 1, 1) };
    let plan = plan::plan(&edited, &observed, &settings());
    crate::fixture::refused(&plan);
    assert_snapshot!(all(&plan));
    assert_eq!(plan.status.url, before.status.url);
    assert_eq!(plan.notices.iter().map(|notice| notice.reason).collect::<Vec<_>>(), ["Invalid"]);
}

#[test]
fn several_mistakes_are_told_at_once() {
    let plan = plan_with("process: {max: 0}, proxy: {timeouts: {grace: 15}}");
    assert!(
        says(&plan, "Accepted").contains("`spec.process.max`") && says(&plan, "Accepted").contains("grace")
    );
}

#[test]
fn sentences_have_an_end() {
    let origins = vec!["'https://é.example.org'"; 200].join(", ");
    let plan = plan_with(&format!("proxy: {{allowedOrigins: [{origins}]}}"));
    assert!((4000..=4096).contains(&condition(&plan, "Accepted").message.len()));
    // An event with more would be refused.
    assert!(plan.notices.iter().all(|notice| (1000..=1024).contains(&notice.message.len())));
}
