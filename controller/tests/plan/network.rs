//! What may reach the pods, and where they may go.

use insta::assert_yaml_snapshot;

use crate::fixture::plan_with;

#[test]
fn closed_but_for_clients_and_names() {
    assert_yaml_snapshot!("policy", plan_with("networkPolicy: {}").network_policy);
}

#[test]
fn open_to_who_is_listed() {
    let plan = plan_with(
        "networkPolicy: {from: [{namespaceSelector: {matchLabels: {team: ai}}}],
           metricsFrom: [{podSelector: {matchLabels: {app: prometheus}}}],
           egress: [{to: [{ipBlock: {cidr: 140.82.112.0/20}}], ports: [{port: 443}]}]}",
    );
    assert_yaml_snapshot!("policy-listed", plan.network_policy.unwrap().spec);
}
