//! The Service, and what depends on the number of pods.

use insta::assert_yaml_snapshot;
use waggle_controller::observed::{Observed, Part};

use crate::fixture::{STDIO, deployed, observed, plan, plan_in, plan_with, says};

#[test]
fn every_field() {
    let plan = plan_with(
        "service: {type: NodePort, port: 8000, nodePort: 30080, sessionAffinity: ClientIP,
           annotations: {example.org/lb: internal}, labels: {team: ai, waggle.dev/server: other}}",
    );
    assert_yaml_snapshot!("service", plan.service);
    assert_eq!(plan.status.url.as_deref(), Some("http://mcp-github.tools.svc.cluster.local:8000/mcp"));
}

#[test]
fn a_node_port_is_for_services_that_have_one() {
    let plan = plan_with("service: {nodePort: 30080}");
    assert_eq!(plan.service.unwrap().spec.unwrap().ports.unwrap()[0].node_port, None);
}

#[test]
fn several_pods_have_an_affinity_and_a_budget() {
    let of = |spec: &str, observed: &Observed| {
        let plan = plan_in(spec, observed);
        (plan.service.unwrap().spec.unwrap().session_affinity.unwrap(), plan.disruption_budget.is_some())
    };
    let with = crate::fixture::with;
    assert_eq!(of(STDIO, &observed()), ("None".to_owned(), false));
    assert_eq!(of(&with("replicas: 2"), &observed()), ("ClientIP".to_owned(), true));
    assert_eq!(
        of(&with("replicas: 2, service: {sessionAffinity: None}"), &observed()),
        ("None".to_owned(), true)
    );
    assert_eq!(
        of(&with("replicas: 2, disruptionBudget: {enabled: false}"), &observed()),
        ("ClientIP".to_owned(), false)
    );
    // What an autoscaler has made of it counts where nothing is written.
    let mut scaled = deployed(&plan(STDIO), 3, 3);
    scaled.deployment.as_mut().unwrap().spec.as_mut().unwrap().replicas = Some(3);
    assert_eq!(of(STDIO, &scaled), ("ClientIP".to_owned(), true));
    assert_eq!(of(&with("replicas: 1"), &scaled), ("None".to_owned(), false));
}

#[test]
fn the_budget() {
    assert_yaml_snapshot!("budget", plan_with("replicas: 3").disruption_budget);
    let budget = plan_with("replicas: 3, disruptionBudget: {maxUnavailable: 50%}").disruption_budget.unwrap();
    assert_yaml_snapshot!("budget-percentage", budget.spec.unwrap().max_unavailable);
}

#[test]
fn a_foreign_service_is_never_touched() {
    let observed = Observed { foreign: [Part::Service].into(), ..observed() };
    let plan = plan_in(STDIO, &observed);
    assert_eq!(plan.service, None);
    assert!(plan.deployment.is_some() && plan.config_map.is_some());
    assert_eq!(plan.status.url, None);
    insta::assert_snapshot!(says(&plan, "Accepted"));
    assert_eq!(plan.notices.iter().map(|notice| notice.reason).collect::<Vec<_>>(), ["ForeignObject"]);
}

#[test]
fn pods_are_not_started_with_somebody_else_s_configuration() {
    let observed = Observed { foreign: [Part::ConfigMap].into(), ..observed() };
    let plan = plan_in(STDIO, &observed);
    assert_eq!((plan.deployment, plan.config_map), (None, None));
    assert_eq!(plan.kept, [Part::ConfigMap, Part::Deployment].into());
}

#[test]
fn what_is_not_wanted_may_be_foreign() {
    let foreign = [Part::Ingress, Part::NetworkPolicy, Part::HttpRoute, Part::DisruptionBudget].into();
    let plan = plan_in(STDIO, &Observed { foreign, ..observed() });
    assert!(says(&plan, "Accepted").starts_with("Accepted=True"));
}
