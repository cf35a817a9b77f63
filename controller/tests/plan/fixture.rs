//! Resources as people write them, and what is around them.

use k8s_openapi::{
    api::{
        apps::v1::{Deployment, DeploymentStatus},
        core::v1::{Container, LocalObjectReference, Pod, PodSpec, ResourceRequirements},
    },
    apimachinery::pkg::{api::resource::Quantity, apis::meta::v1::Condition},
};
use waggle_controller::{
    observed::{Observed, Part},
    plan::{self, Plan},
    settings::Settings,
    watch::Followed as _,
};
use waggle_crds::{McpServer, McpServerSpec, McpServerStatus, server::Injection};

/// The time at which everything is seen.
pub(crate) const NOW: &str = "2026-11-23T10:00:00Z";

/// A server with a command, which needs nothing from a registry.
pub(crate) const STDIO: &str = "{image: ghcr.io/acme/github:1.4.0, command: [github-mcp, stdio]}";

/// The resource `github` in the namespace `tools`, with this specification as YAML.
pub(crate) fn server(spec: &str) -> McpServer {
    server_of(serde_saphyr::from_str(spec).unwrap())
}

/// The same with a specification that is there already.
pub(crate) fn server_of(spec: McpServerSpec) -> McpServer {
    let mut server = McpServer::new("github", spec);
    server.metadata.namespace = Some("tools".to_owned());
    server.metadata.uid = Some("5cf2a6d5-6a52-4d4f-9f0c-2b9f5b3c1d11".to_owned());
    server.metadata.generation = Some(3);
    server
}

/// The same server after an earlier plan.
pub(crate) fn told(mut server: McpServer, status: McpServerStatus) -> McpServer {
    server.status = Some(status);
    server
}

/// As the chart sets it, but for what a test wants to recognise.
pub(crate) fn settings() -> Settings {
    let memory = |size: &str| Some([("memory".to_owned(), Quantity(size.to_owned()))].into());
    Settings {
        proxy_image: "ghcr.io/waggle-mcp/waggle-proxy:0.1.0".to_owned(),
        proxy_pull_policy: None,
        proxy_pull_secrets: vec![LocalObjectReference { name: "mirror".to_owned() }],
        proxy_resources: ResourceRequirements {
            limits: memory("128Mi"),
            requests: memory("16Mi"),
            ..ResourceRequirements::default()
        },
        injection: Injection::Copy,
        run_as: Some(65_532),
        cluster_domain: "cluster.local".to_owned(),
        namespace: "waggle-system".to_owned(),
    }
}

/// A new resource's surroundings.
pub(crate) fn observed() -> Observed {
    Observed { now: NOW.parse().unwrap(), ..Observed::default() }
}

/// The surroundings in which the Deployment of `plan` is there, with these counts of pods.
pub(crate) fn deployed(plan: &Plan, replicas: i32, ready: i32) -> Observed {
    let mut deployment: Deployment = plan.deployment.clone().unwrap();
    deployment.spec.as_mut().unwrap().replicas.get_or_insert(1);
    deployment.status = Some(DeploymentStatus {
        replicas: Some(replicas),
        ready_replicas: Some(ready).filter(|ready| *ready > 0),
        ..DeploymentStatus::default()
    });
    Observed { deployment: Some(deployment), ..observed() }
}

/// The plan of a new resource.
pub(crate) fn plan(spec: &str) -> Plan {
    plan_in(spec, &observed())
}

/// The plan in these surroundings.
pub(crate) fn plan_in(spec: &str, observed: &Observed) -> Plan {
    plan::plan(&server(spec), observed, &settings())
}

/// The plan of a new resource: [`STDIO`] with more fields.
pub(crate) fn plan_with(more: &str) -> Plan {
    plan(&with(more))
}

/// [`STDIO`] with more fields, as YAML in flow style without the braces.
pub(crate) fn with(more: &str) -> String {
    format!("{}, {more}}}", &STDIO[..STDIO.len() - 1])
}

/// The proxy's configuration in a plan.
pub(crate) fn config(plan: &Plan) -> &str {
    &plan.config_map.as_ref().unwrap().data.as_ref().unwrap()["waggle.yaml"]
}

/// The pod in a plan.
pub(crate) fn pod(plan: &Plan) -> &PodSpec {
    plan.deployment.as_ref().unwrap().spec.as_ref().unwrap().template.spec.as_ref().unwrap()
}

/// A container in a plan.
pub(crate) fn container<'a>(plan: &'a Plan, name: &str) -> &'a Container {
    let pod = pod(plan);
    let all = pod.init_containers.iter().flatten().chain(&pod.containers);
    all.into_iter().find(|container| container.name == name).unwrap()
}

/// A pod as the API server shows it, as YAML; what the controller keeps of it.
pub(crate) fn seen_pod(yaml: &str) -> Pod {
    let mut pod: Pod = serde_saphyr::from_str(yaml).unwrap();
    pod.slim();
    pod
}

/// A condition in a plan.
pub(crate) fn condition<'a>(plan: &'a Plan, about: &str) -> &'a Condition {
    plan.status.conditions.iter().find(|condition| condition.type_ == about).unwrap()
}

/// Status, reason and sentence of a condition.
pub(crate) fn says(plan: &Plan, about: &str) -> String {
    let condition = condition(plan, about);
    format!("{about}={} {}: {}", condition.status, condition.reason, condition.message)
}

/// The sentence with which a specification is refused; nothing of what is there may be touched then.
pub(crate) fn refused(plan: &Plan) -> String {
    let told = Plan { status: plan.status.clone(), notices: plan.notices.clone(), ..Plan::default() };
    assert_eq!(*plan, Plan { kept: Part::ALL.into(), ..told }, "a refused specification changes something");
    assert_eq!(condition(plan, "Accepted").status, "False");
    assert_eq!(condition(plan, "Ready").status, "False");
    let condition = condition(plan, "Accepted");
    format!("{}: {}", condition.reason, condition.message)
}
