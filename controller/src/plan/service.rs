//! The Service that leads to the proxy.

use k8s_openapi::{
    api::core::v1::{Service, ServicePort, ServiceSpec},
    apimachinery::pkg::util::intstr::IntOrString,
};
use waggle_crds::server::{ServiceType, SessionAffinity};

use super::{context::Context, labels, names};
use crate::observed::Part;

/// The Service, unless somebody else's stands in its place.
pub(super) fn service(context: &Context<'_>) -> Option<Service> {
    if context.is_foreign(Part::Service) {
        return None;
    }
    let service = &context.spec.service;
    let mut metadata = context.annotated(service.annotations.clone());
    let mut all = service.labels.clone();
    all.extend(metadata.labels.unwrap_or_default());
    metadata.labels = Some(all);
    let port = ServicePort {
        name: Some(names::HTTP.to_owned()),
        protocol: Some("TCP".to_owned()),
        port: port(context),
        // The number and not the name: not everything that reads Services looks for names among sidecars.
        target_port: Some(IntOrString::Int(names::HTTP_PORT)),
        node_port: service.node_port.filter(|_| service.kind != ServiceType::ClusterIP),
        ..ServicePort::default()
    };
    Some(Service {
        metadata,
        spec: Some(ServiceSpec {
            type_: Some(kind(service.kind).to_owned()),
            selector: Some(labels::selected(&context.instance())),
            session_affinity: Some(affinity(context).to_owned()),
            ports: Some(vec![port]),
            ..ServiceSpec::default()
        }),
        ..Service::default()
    })
}

/// The Service's port.
pub(super) fn port(context: &Context<'_>) -> i32 {
    context.spec.service.port.unwrap_or(80)
}

/// The Service's host, with its port where it is not HTTP's own.
pub(super) fn host(context: &Context<'_>) -> String {
    let domain = &context.settings.cluster_domain;
    let name = format!("{}.{}.svc.{domain}", context.name(), context.namespace());
    match port(context) {
        80 => name,
        port => format!("{name}:{port}"),
    }
}

fn kind(kind: ServiceType) -> &'static str {
    match kind {
        ServiceType::ClusterIP => "ClusterIP",
        ServiceType::NodePort => "NodePort",
        ServiceType::LoadBalancer => "LoadBalancer",
    }
}

/// A session lives in one pod: with several, a client has to come back to the same.
fn affinity(context: &Context<'_>) -> &'static str {
    let default = if context.replicas() > 1 { SessionAffinity::ClientIP } else { SessionAffinity::None };
    match context.spec.service.session_affinity.unwrap_or(default) {
        SessionAffinity::ClientIP => "ClientIP",
        SessionAffinity::None => "None",
    }
}
