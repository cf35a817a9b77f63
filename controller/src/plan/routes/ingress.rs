//! The Ingress.

use k8s_openapi::api::networking::v1::{
    HTTPIngressPath, HTTPIngressRuleValue, Ingress, IngressBackend, IngressRule, IngressServiceBackend,
    IngressSpec, IngressTLS, ServiceBackendPort,
};
use waggle_crds::server;

use super::super::{context::Context, service};
use super::{has_ingress, streams};

/// The Ingress, if one is asked for.
pub(in super::super) fn ingress(context: &Context<'_>) -> Option<Ingress> {
    let ingress = context.spec.ingress.as_ref().filter(|_| has_ingress(context))?;
    let mut annotations = streams::annotations(context, ingress);
    annotations.extend(ingress.annotations.clone());
    Some(Ingress {
        metadata: context.annotated(annotations),
        spec: Some(IngressSpec {
            ingress_class_name: ingress.class_name.clone(),
            rules: Some(vec![rule(context, ingress)]),
            tls: Some(ingress.tls.iter().map(|tls| self::tls(ingress, tls)).collect())
                .filter(|tls: &Vec<_>| !tls.is_empty()),
            ..IngressSpec::default()
        }),
        ..Ingress::default()
    })
}

fn rule(context: &Context<'_>, ingress: &server::Ingress) -> IngressRule {
    let port = ServiceBackendPort { number: Some(service::port(context)), ..ServiceBackendPort::default() };
    let service = IngressServiceBackend { name: context.name(), port: Some(port) };
    // The proxy knows the prefix by its public URL: nothing needs to cut it off.
    let path = HTTPIngressPath {
        path: Some(ingress.path.clone().unwrap_or_else(|| "/".to_owned())),
        path_type: "Prefix".to_owned(),
        backend: IngressBackend { service: Some(service), ..IngressBackend::default() },
    };
    IngressRule { host: ingress.host.clone(), http: Some(HTTPIngressRuleValue { paths: vec![path] }) }
}

fn tls(ingress: &server::Ingress, tls: &server::IngressTls) -> IngressTLS {
    let hosts = if tls.hosts.is_empty() { ingress.host.iter().cloned().collect() } else { tls.hosts.clone() };
    IngressTLS { hosts: Some(hosts).filter(|hosts| !hosts.is_empty()), secret_name: tls.secret_name.clone() }
}
