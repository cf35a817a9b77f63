//! The pods' shape.

use insta::{assert_snapshot, assert_yaml_snapshot};
use waggle_controller::plan;
use waggle_crds::server::Injection;

use crate::fixture::{STDIO, container, observed, plan, plan_with, pod, server, settings};

#[test]
fn a_stdio_server() {
    let plan = plan(STDIO);
    assert_yaml_snapshot!("stdio-deployment", plan.deployment);
    assert_yaml_snapshot!("stdio-service", plan.service);
    assert_yaml_snapshot!("stdio-account", plan.service_account);
    assert_yaml_snapshot!("stdio-config", plan.config_map);
    assert_eq!((plan.ingress, plan.http_route, plan.backend_traffic_policy), (None, None, None));
    assert_eq!((plan.disruption_budget, plan.network_policy), (None, None));
    assert!(plan.kept.is_empty() && plan.notices.is_empty());
}

#[test]
fn an_http_server_runs_as_it_is() {
    let plan = plan("{image: acme/notes:2, transport: streamable-http, port: 3000, args: [--http]}");
    assert_yaml_snapshot!("http-pod", pod(&plan));
}

#[test]
fn a_remote_server_has_the_proxy_alone() {
    let plan = plan(
        "{remote: {url: https://mcp.example.org/mcp, ca: {name: company, key: ca.crt}, headers: [
            {name: Authorization, secretKeyRef: {name: example, key: header}},
            {name: X-Team, secretKeyRef: {name: teams, key: ours}}]}}",
    );
    assert_yaml_snapshot!("remote-pod", pod(&plan));
}

#[test]
fn the_launcher_comes_as_an_image_volume() {
    let plan = plan_with("proxy: {injection: imageVolume}");
    let volume = pod(&plan).volumes.iter().flatten().find(|volume| volume.name == "waggle-bin").unwrap();
    assert_yaml_snapshot!("image-volume", volume);
    let init: Vec<&str> =
        pod(&plan).init_containers.iter().flatten().map(|container| container.name.as_str()).collect();
    assert_eq!(init, ["waggle-proxy"]);
    assert_eq!(container(&plan, "mcp").command.as_ref().unwrap()[0], "/waggle/bin/waggle-proxy");
}

#[test]
fn the_image_brings_the_launcher() {
    let plan = plan_with("proxy: {injection: none}");
    assert_eq!(container(&plan, "mcp").command.as_ref().unwrap()[0], "waggle-proxy");
    let volumes: Vec<&str> = pod(&plan).volumes.iter().flatten().map(|volume| volume.name.as_str()).collect();
    assert_eq!(volumes, ["waggle-run", "waggle-config", "tmp", "home"]);
}

#[test]
fn the_controller_chooses_how_the_launcher_comes() {
    let settings = plan::plan(
        &server(STDIO),
        &observed(),
        &waggle_controller::settings::Settings { injection: Injection::ImageVolume, ..settings() },
    );
    assert_eq!(pod(&settings).init_containers.iter().flatten().count(), 1);
}

#[test]
fn the_platform_gives_ids_where_the_settings_give_none() {
    let settings = waggle_controller::settings::Settings { run_as: None, ..settings() };
    let plan = plan::plan(&server(STDIO), &observed(), &settings);
    assert_yaml_snapshot!("no-ids", pod(&plan).security_context);
}

#[test]
fn fields_of_the_server_s_container() {
    let plan = plan_with(
        "args: [--read-only], imagePullPolicy: Always,
         env: [{name: HOST, value: example.org}, {name: TOKEN, valueFrom: {secretKeyRef: {name: github, key: token}}}],
         envFrom: [{secretRef: {name: more}}], resources: {limits: {memory: 512Mi}, requests: {cpu: 100m}}",
    );
    assert_yaml_snapshot!("server-container", container(&plan, "mcp"));
}

#[test]
fn a_home_that_the_user_gives_is_kept() {
    let plan = plan_with("env: [{name: HOME, value: /srv}]");
    assert_yaml_snapshot!("own-home", container(&plan, "mcp").env);
}

#[test]
fn fields_of_the_pod() {
    let plan = plan_with("imagePullSecrets: [{name: ghcr}, {name: mirror}], serviceAccountName: reader");
    assert_snapshot!(
        format!("{:?} {:?}", pod(&plan).image_pull_secrets, pod(&plan).service_account_name),
        @r#"Some([LocalObjectReference { name: "ghcr" }, LocalObjectReference { name: "mirror" }]) Some("reader")"#
    );
    assert_eq!(plan.service_account, None);
}

#[test]
fn the_proxy_brings_the_launcher_where_it_is_copied() {
    for (injection, words) in [
        (
            "copy",
            &["/waggle-proxy", "install", "/waggle/bin", "--", "--config", "/etc/waggle/waggle.yaml"][..],
        ),
        ("imageVolume", &["/waggle-proxy", "--config", "/etc/waggle/waggle.yaml"]),
        ("none", &["/waggle-proxy", "--config", "/etc/waggle/waggle.yaml"]),
    ] {
        let plan = plan_with(&format!("proxy: {{injection: {injection}}}"));
        let proxy = container(&plan, "waggle-proxy");
        assert_eq!(proxy.command.as_ref().unwrap(), words);
        let writes = proxy.volume_mounts.iter().flatten().any(|mount| mount.name == "waggle-bin");
        assert_eq!(writes, injection == "copy");
        let after = proxy.lifecycle.as_ref().unwrap().post_start.as_ref().unwrap().exec.as_ref().unwrap();
        assert_eq!(after.command.as_ref().unwrap(), &["/waggle-proxy", "await", "127.0.0.1:9090"]);
        let mounts = container(&plan, "mcp").volume_mounts.iter().flatten();
        let read_only = mounts.filter(|mount| mount.name == "waggle-bin").map(|mount| mount.read_only);
        assert_eq!(read_only.collect::<Vec<_>>(), [Some(true)][usize::from(injection == "none")..]);
    }
}

#[test]
fn resources_of_the_proxy() {
    let plan = plan_with("proxy: {resources: {limits: {memory: 64Mi}}}");
    let limits = container(&plan, "waggle-proxy").resources.as_ref().unwrap().limits.as_ref().unwrap();
    assert_eq!(limits["memory"].0, "64Mi");
}

#[test]
fn replicas_left_out_are_an_autoscaler_s() {
    let replicas = |more| plan_with(more).deployment.unwrap().spec.unwrap().replicas;
    assert_eq!(replicas("args: []"), None);
    assert_eq!(replicas("replicas: 0"), Some(0));
    assert_eq!(replicas("replicas: 3"), Some(3));
}

#[test]
fn a_pod_has_longer_than_its_proxy() {
    let grace = |more| pod(&plan_with(more)).termination_grace_period_seconds;
    assert_eq!(grace("args: []"), Some(50));
    assert_eq!(grace("proxy: {timeouts: {grace: 5s}}"), Some(50), "a shorter grace restarts nothing");
    assert_eq!(grace("proxy: {timeouts: {grace: 2m}}"), Some(170));
    assert_eq!(grace("proxy: {timeouts: {grace: 60s500ms}}"), Some(91));
}

#[test]
fn the_launcher_lets_the_proxy_finish() {
    let launcher = |more| container(&plan_with(more), "mcp").command.clone().unwrap()[4..6].join(" ");
    assert_eq!(launcher("args: []"), "--grace 40s");
    assert_eq!(launcher("proxy: {timeouts: {grace: 5s}}"), "--grace 40s");
    // Three quarters of it are the proxy's.
    assert_eq!(launcher("proxy: {timeouts: {grace: 2m}}"), "--grace 160s");
}

#[test]
fn a_rollout_waits_for_a_slow_handshake() {
    let deadline = |more| plan_with(more).deployment.unwrap().spec.unwrap().progress_deadline_seconds;
    assert_eq!(deadline("proxy: {timeouts: {handshakeTimeout: 2m}}"), Some(600));
    assert_eq!(deadline("proxy: {timeouts: {handshakeTimeout: 30m}}"), Some(1920));
}
