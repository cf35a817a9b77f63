//! What may reach the pods, and where they may go.

use k8s_openapi::{
    api::networking::v1::{
        IPBlock, NetworkPolicy, NetworkPolicyEgressRule, NetworkPolicyIngressRule, NetworkPolicyPeer,
        NetworkPolicyPort, NetworkPolicySpec,
    },
    apimachinery::pkg::{apis::meta::v1::LabelSelector, util::intstr::IntOrString},
};

use super::{context::Context, labels, names};
use crate::observed::Part;

/// Kubernetes gives each namespace this label with its name.
const NAMESPACE_NAME: &str = "kubernetes.io/metadata.name";
/// Where NodeLocal DNSCache listens on each node, which no selector of pods reaches.
const NODE_LOCAL_DNS: &str = "169.254.20.10/32";
/// DNS, and DNS as OpenShift's pods listen for it.
const DNS_PORTS: [i32; 2] = [53, 5353];

/// The policy, if one is asked for. The probes of the kubelet come from the node and need no rule.
pub(super) fn network_policy(context: &Context<'_>) -> Option<NetworkPolicy> {
    let policy = context.spec.network_policy.as_ref().filter(|_| !context.is_foreign(Part::NetworkPolicy))?;
    let clients = NetworkPolicyIngressRule {
        // No list at all is everybody; an empty one would be nobody in the eyes of who reads it.
        from: Some(policy.from.clone()).filter(|from| !from.is_empty()),
        ports: Some(vec![port(names::HTTP_PORT, "TCP")]),
    };
    let mut readers = vec![namespace(LabelSelector {
        match_labels: Some([(NAMESPACE_NAME.to_owned(), context.settings.namespace.clone())].into()),
        ..LabelSelector::default()
    })];
    readers.extend(policy.metrics_from.clone());
    let admin =
        NetworkPolicyIngressRule { from: Some(readers), ports: Some(vec![port(names::ADMIN_PORT, "TCP")]) };
    let mut egress = vec![dns()];
    egress.extend(policy.egress.clone());
    Some(NetworkPolicy {
        metadata: context.metadata(),
        spec: Some(NetworkPolicySpec {
            pod_selector: Some(labels::selector(&context.instance())),
            policy_types: Some(vec!["Ingress".to_owned(), "Egress".to_owned()]),
            ingress: Some(vec![clients, admin]),
            egress: Some(egress),
        }),
    })
}

fn dns() -> NetworkPolicyEgressRule {
    let node = IPBlock { cidr: NODE_LOCAL_DNS.to_owned(), except: None };
    let to = vec![
        namespace(LabelSelector::default()),
        NetworkPolicyPeer { ip_block: Some(node), ..NetworkPolicyPeer::default() },
    ];
    let ports = DNS_PORTS.into_iter().flat_map(|number| [port(number, "UDP"), port(number, "TCP")]);
    NetworkPolicyEgressRule { ports: Some(ports.collect()), to: Some(to) }
}

fn namespace(selector: LabelSelector) -> NetworkPolicyPeer {
    NetworkPolicyPeer { namespace_selector: Some(selector), ..NetworkPolicyPeer::default() }
}

fn port(number: i32, protocol: &str) -> NetworkPolicyPort {
    NetworkPolicyPort {
        port: Some(IntOrString::Int(number)),
        protocol: Some(protocol.to_owned()),
        ..NetworkPolicyPort::default()
    }
}
