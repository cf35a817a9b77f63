//! Ways into the cluster.

use insta::{assert_snapshot, assert_yaml_snapshot};
use waggle_controller::observed::{Apis, Observed, Part};

use crate::fixture::{observed, plan_in, plan_with, says, with};

/// A cluster with the Gateway API and Envoy Gateway.
fn gateway() -> Observed {
    Observed { apis: Apis { http_route: true, backend_traffic_policy: true }, ..observed() }
}

#[test]
fn an_ingress_with_everything() {
    let plan = plan_with(
        "ingress: {className: contour, host: mcp.example.org, path: /tools, tls: [{secretName: mcp-tls}],
           annotations: {cert-manager.io/cluster-issuer: letsencrypt, projectcontour.io/response-timeout: 1h}}",
    );
    assert_yaml_snapshot!("ingress", plan.ingress);
    assert_eq!(plan.status.url.as_deref(), Some("https://mcp.example.org/tools/mcp"));
}

#[test]
fn an_ingress_without_a_word() {
    let plan = plan_with("service: {port: 8000}, ingress: {class: none}");
    assert_yaml_snapshot!("ingress-empty", plan.ingress.unwrap().spec);
    assert_eq!(plan.status.url.as_deref(), Some("http://mcp-github.tools.svc.cluster.local:8000/mcp"));
}

#[test]
fn each_class_is_told_not_to_cut_streams() {
    let annotations = |ingress: &str| {
        let plan = plan_with(&format!("proxy: {{limits: {{maxBody: 6MiB}}}}, ingress: {{{ingress}}}"));
        plan.ingress.unwrap().metadata.annotations
    };
    for class in ["nginx", "traefik", "haproxy", "alb", "contour", "istio", "none"] {
        let told = annotations(&format!("class: {class}"));
        assert_yaml_snapshot!(format!("class-{class}"), told);
        if class != "none" {
            assert_eq!(
                annotations(&format!("className: public-{class}")),
                told,
                "{class} is known by its name"
            );
        }
    }
    // The class of the cluster, whichever it is.
    assert_yaml_snapshot!("class-unknown", annotations("className: public"));
    assert_eq!(annotations("className: nginx, class: none"), None);
}

#[test]
fn the_largest_body_is_nginx_s_too() {
    let body = |size: &str| {
        let plan = plan_with(&format!("proxy: {{limits: {{maxBody: {size}}}}}, ingress: {{class: nginx}}"));
        plan.ingress.unwrap().metadata.annotations.unwrap()["nginx.ingress.kubernetes.io/proxy-body-size"]
            .clone()
    };
    for (size, nginx) in [("8MiB", "8m"), ("1536KiB", "1536k"), ("5_000", "5000")] {
        assert_eq!(body(size), nginx);
    }
}

#[test]
fn tls_is_for_the_hosts_that_it_names() {
    let url = |tls: &str| {
        plan_with(&format!("ingress: {{host: mcp.example.org, tls: [{tls}]}}")).status.url.unwrap()
    };
    assert_eq!(url("{secretName: t}"), "https://mcp.example.org/mcp");
    assert_eq!(url("{hosts: [mcp.example.org]}"), "https://mcp.example.org/mcp");
    assert_eq!(url("{hosts: ['*.example.org']}"), "https://mcp.example.org/mcp");
    assert_eq!(url("{hosts: [other.example.org]}"), "http://mcp.example.org/mcp");
}

#[test]
fn an_http_route() {
    let spec = with(
        "httpRoute: {parentRefs: [{name: public, namespace: gateways, sectionName: https, port: 443}],
           hostnames: [mcp.example.org], path: /tools, annotations: {example.org/a: b}, class: envoy-gateway}",
    );
    let plan = plan_in(&spec, &gateway());
    assert_yaml_snapshot!("http-route", plan.http_route);
    assert_yaml_snapshot!("backend-traffic-policy", plan.backend_traffic_policy);
    assert_eq!(plan.status.url.as_deref(), Some("https://mcp.example.org/tools/mcp"));
}

#[test]
fn a_plain_http_route() {
    let plan =
        plan_in(&with("httpRoute: {parentRefs: [{name: public}], hostnames: [mcp.example.org]}"), &gateway());
    assert_yaml_snapshot!("http-route-plain", plan.http_route.unwrap().data);
    assert_eq!(plan.backend_traffic_policy, None);
    assert_eq!(plan.status.url.as_deref(), Some("http://mcp.example.org/mcp"));
    let observed = Observed { gateway_tls: Some(true), ..gateway() };
    let plan =
        plan_in(&with("httpRoute: {parentRefs: [{name: public}], hostnames: [mcp.example.org]}"), &observed);
    assert_eq!(plan.status.url.as_deref(), Some("https://mcp.example.org/mcp"));
}

#[test]
fn without_the_gateway_api_everything_else_goes_on() {
    let spec = with("httpRoute: {parentRefs: [{name: public}], hostnames: [mcp.example.org]}");
    let plan = plan_in(&spec, &observed());
    assert_eq!(plan.http_route, None);
    assert!(plan.deployment.is_some() && plan.service.is_some() && plan.kept.is_empty());
    assert_snapshot!(says(&plan, "Accepted"));
    assert_eq!(plan.status.url.as_deref(), Some("http://mcp-github.tools.svc.cluster.local/mcp"));
    let observed = Observed { apis: Apis { http_route: true, backend_traffic_policy: false }, ..observed() };
    let spec = with("httpRoute: {parentRefs: [{name: public}], class: envoy-gateway}");
    let plan = plan_in(&spec, &observed);
    assert!(plan.http_route.is_some());
    assert_snapshot!(says(&plan, "Accepted"));
}

#[test]
fn a_foreign_ingress_is_no_way_in() {
    let observed = Observed { foreign: [Part::Ingress].into(), ..observed() };
    let plan = plan_in(&with("ingress: {host: mcp.example.org}"), &observed);
    assert_eq!(plan.ingress, None);
    assert!(
        says(&plan, "Accepted")
            .starts_with("Accepted=False ForeignObject: The Ingress `mcp-github` that is there already")
    );
    assert_eq!(plan.status.url.as_deref(), Some("http://mcp-github.tools.svc.cluster.local/mcp"));
}
