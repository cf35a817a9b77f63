//! Why pods are not ready.

use insta::assert_snapshot;
use waggle_controller::{
    observed::{LastExit, Observed, ServerReport},
    plan::{self, Plan},
};

use crate::fixture::{STDIO, deployed, plan, plan_in, says, seen_pod, server, settings, told};

/// The plan when the one pod is not ready and its status is this.
fn with_pod(status: &str) -> Plan {
    let pod = seen_pod(&format!(
        "{{metadata: {{name: mcp-github-1}}, spec: {{
            initContainers: [{{name: fetch, image: p}}, {{name: waggle-proxy, image: p, restartPolicy: Always}}],
            containers: [{{name: mcp, image: 'ghcr.io/acme/github:1.4.0', resources: {{limits: {{memory: 256Mi}}}}}}]}},
          status: {{{status}}}}}"
    ));
    plan_in(STDIO, &Observed { pods: vec![pod], ..deployed(&plan(STDIO), 1, 0) })
}

/// The same with the state of the container `mcp`.
fn with_server(state: &str) -> String {
    with_container("mcp", state)
}

fn with_container(name: &str, state: &str) -> String {
    let plan = with_pod(&format!(
        "phase: Running, containerStatuses: [{{name: {name}, image: x, imageID: '', ready: false, restartCount: 3, {state}}}]"
    ));
    let notices: Vec<&str> = plan.notices.iter().map(|notice| notice.reason).collect();
    format!("{}\n{}\n{notices:?}", says(&plan, "Available"), says(&plan, "Reachable"))
}

#[test]
fn images_that_cannot_be_pulled() {
    let backoff = with_server(
        "state: {waiting: {reason: ImagePullBackOff, message: 'Back-off pulling image \"x\": ErrImagePull: not found.'}}",
    );
    let failing = with_server("state: {waiting: {reason: ErrImagePull, message: 'not found.'}}");
    assert_eq!(backoff, failing, "the sentence changes from try to try");
    assert_snapshot!(backoff);
    assert_snapshot!(with_container(
        "waggle-proxy",
        "state: {waiting: {reason: ErrImagePull, message: denied}}"
    ));
}

#[test]
fn crash_loops_with_last_words() {
    let ended =
        "terminated: {exitCode: 2, reason: Error, message: \"starting\\nGITHUB_TOKEN is not set.\\n\\n\"}";
    let waiting = with_server(&format!(
        "state: {{waiting: {{reason: CrashLoopBackOff, message: back-off 40s}}}}, lastState: {{{ended}}}"
    ));
    let running = with_server(&format!("state: {{running: {{}}}}, lastState: {{{ended}}}"));
    let dead = with_server(&format!("state: {{{ended}}}"));
    assert_eq!((&waiting, &waiting), (&running, &dead), "the sentence changes from try to try");
    assert_snapshot!(waiting);
}

#[test]
fn last_words_are_short_and_on_one_line() {
    let long = format!("\\e[31m{}\\u0007", "9".repeat(5000));
    let told = with_server(&format!("state: {{terminated: {{exitCode: 1, message: \"{long}\"}}}}"));
    assert!(
        told.lines().all(|line| line.len() < 1000) && told.chars().all(|c| c == '\n' || !c.is_control()),
        "{told}"
    );
}

#[test]
fn a_server_that_ends_while_its_container_lives() {
    let exit =
        LastExit { reason: "exit status 1: no token".to_owned(), time: "2026-11-23T09:59:00Z".to_owned() };
    let server = Some(ServerReport { last_exit: Some(exit), ..ServerReport::default() });
    let observed = Observed { server, ..deployed(&plan(STDIO), 1, 0) };
    assert_snapshot!(says(&plan_in(STDIO, &observed), "Available"));
    // What happened to a server that is ready is over.
    let observed = Observed { server: observed.server, ..deployed(&plan(STDIO), 1, 1) };
    assert!(says(&plan_in(STDIO, &observed), "Available").starts_with("Available=True"));
}

/// What the resource says while its proxy says this of the server, with the reasons of events.
fn unanswered(spec: &str, reason: &str) -> String {
    let exit =
        LastExit { reason: format!("the MCP server {reason}"), time: "2026-11-23T09:59:00Z".to_owned() };
    let server = Some(ServerReport { last_exit: Some(exit), ..ServerReport::default() });
    let plan = plan_in(spec, &Observed { server, ..deployed(&plan(spec), 1, 0) });
    let notices: Vec<&str> = plan.notices.iter().map(|notice| notice.reason).collect();
    format!("{}\n{notices:?}", says(&plan, "Available"))
}

#[test]
fn remote_servers_that_cannot_be_reached() {
    let told = [
        "cannot be reached: failed to lookup address information: Name or service not known",
        "cannot be reached: Connection refused (os error 111)",
        "cannot be reached: invalid peer certificate: UnknownIssuer",
        "refuses the proxy's credentials (401 Unauthorized); see `--upstream-header`",
        "has answered 404 Not Found",
        "redirects to another origin",
        "has not answered within 60s",
    ];
    let spec = "{remote: {url: 'https://mcp.example.org/mcp'}}";
    assert_snapshot!(told.map(|reason| unanswered(spec, reason)).join("\n"));
}

#[test]
fn an_http_server_that_does_not_listen_may_do_so_yet() {
    let spec = "{image: 'ghcr.io/acme/web:1', transport: streamable-http, port: 3000}";
    assert_snapshot!(unanswered(spec, "cannot be reached: Connection refused (os error 111)"));
}

#[test]
fn programs_that_cannot_be_started() {
    let start = |message: &str| {
        with_server(&format!(
            "state: {{waiting: {{reason: CrashLoopBackOff}}}}, lastState: {{terminated: {{exitCode: 128, reason: StartError, message: '{message}'}}}}"
        ))
    };
    assert_snapshot!(start(
        "failed to create containerd task: exec: \"/waggle/bin/waggle-proxy\": permission denied"
    ));
    assert_snapshot!(start("exec: \"waggle-proxy\": executable file not found in $PATH"));
    assert_snapshot!(start("cannot join cgroup"));
}

#[test]
fn memory_that_is_not_enough() {
    assert_snapshot!(with_server(
        "state: {running: {}}, lastState: {terminated: {exitCode: 137, reason: OOMKilled}}"
    ));
}

#[test]
fn configuration_that_is_missing() {
    assert_snapshot!(with_server(
        "state: {waiting: {reason: CreateContainerConfigError, message: 'secret \"github\" not found'}}"
    ));
    assert_snapshot!(with_server(
        "state: {waiting: {reason: CreateContainerConfigError, message: 'container has runAsNonRoot and image will run as root'}}"
    ));
}

#[test]
fn pods_without_a_place() {
    let plan = with_pod(
        "phase: Pending, conditions: [{type: PodScheduled, status: 'False', reason: Unschedulable, message: '0/3 nodes are available: 3 Insufficient memory.'}]",
    );
    assert_snapshot!(says(&plan, "Available"));
}

#[test]
fn pods_that_are_refused() {
    let refused = |message: &str| {
        let mut observed = deployed(&plan(STDIO), 0, 0);
        let status = observed.deployment.as_mut().unwrap().status.as_mut().unwrap();
        status.conditions = Some(vec![
            serde_saphyr::from_str(&format!(
                "{{type: ReplicaFailure, status: 'True', reason: FailedCreate, message: '{message}'}}"
            ))
            .unwrap(),
        ]);
        says(&plan_in(STDIO, &observed), "Available")
    };
    assert_snapshot!(refused(
        "pods \"mcp-github-5d8-x7k\" is forbidden: exceeded quota: small, requested: pods=1"
    ));
    assert_snapshot!(refused(
        "pods \"mcp-github-5d8-q2z\" is forbidden: violates PodSecurity \"restricted:latest\""
    ));
}

#[test]
fn a_rollout_that_is_overdue() {
    let mut observed = deployed(&plan(STDIO), 1, 0);
    let status = observed.deployment.as_mut().unwrap().status.as_mut().unwrap();
    status.conditions = Some(vec![
        serde_saphyr::from_str("{type: Progressing, status: 'False', reason: ProgressDeadlineExceeded}")
            .unwrap(),
    ]);
    assert_snapshot!(says(&plan_in(STDIO, &observed), "Available"));
    observed.deployment.as_mut().unwrap().status.as_mut().unwrap().ready_replicas = Some(1);
    let plan = plan_in(STDIO, &observed);
    assert_snapshot!(says(&plan, "Available"));
    assert_eq!(plan.notices.iter().filter(|notice| notice.warning).count(), 1);
}

#[test]
fn a_bad_edit_does_not_take_the_old_pod_away() {
    let pod = seen_pod(
        "{metadata: {name: new}, status: {phase: Pending, containerStatuses: [{name: mcp, image: x, imageID: '', ready: false,
           restartCount: 0, state: {waiting: {reason: ErrImagePull, message: not found}}}]}}",
    );
    let plan = plan_in(STDIO, &Observed { pods: vec![pod], ..deployed(&plan(STDIO), 2, 1) });
    assert_snapshot!(says(&plan, "Available"));
    assert!(says(&plan, "Ready").starts_with("Ready=True"));
    assert!(plan.notices.iter().any(|notice| notice.reason == "ImagePullFailed"));
}

#[test]
fn pods_that_are_over_or_fine_tell_nothing() {
    let state = "containerStatuses: [{name: mcp, image: x, imageID: '', ready: false, restartCount: 1, lastState: {terminated: {exitCode: 1}}}]";
    for status in [
        format!("phase: Failed, {state}"),
        format!("phase: Running, conditions: [{{type: Ready, status: 'True'}}], {state}"),
    ] {
        assert!(says(&with_pod(&status), "Available").contains("Starting"), "{status}");
    }
    let fetched = "initContainerStatuses: [{name: fetch, image: x, imageID: '', ready: true, restartCount: 0, state: {terminated: {exitCode: 0, reason: Completed}}}]";
    assert!(says(&with_pod(fetched), "Available").contains("Starting"));
}

#[test]
fn the_same_trouble_is_told_once() {
    let pod = seen_pod(
        "{metadata: {name: a}, status: {containerStatuses: [{name: mcp, image: x, imageID: '', ready: false, restartCount: 1,
           state: {terminated: {exitCode: 1, message: no token}}}]}}",
    );
    let observed = Observed { pods: vec![pod], ..deployed(&plan(STDIO), 1, 0) };
    let first = plan_in(STDIO, &observed);
    assert_eq!(first.notices.len(), 1);
    assert_eq!(plan::plan(&told(server(STDIO), first.status), &observed, &settings()).notices, []);
}

#[test]
fn secrets_in_last_words_are_not_told_on() {
    let told = with_server("state: {terminated: {exitCode: 1, message: 'Bearer Sesame-5121 refused'}}");
    assert!(told.contains("refused") && !told.contains("Sesame"), "{told}");
}
