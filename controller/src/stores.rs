//! What there is in the cluster, as the watches tell it: one set of stores for each watched scope.

use std::{fmt::Debug, hash::Hash, sync::Arc};

use k8s_openapi::api::{
    apps::v1::Deployment,
    core::v1::{ConfigMap, Pod, Service, ServiceAccount},
    networking::v1::{Ingress, NetworkPolicy},
    policy::v1::PodDisruptionBudget,
};
use kube::{
    Resource, ResourceExt as _,
    core::DynamicObject,
    runtime::reflector::{ObjectRef, Store},
};
use parking_lot::RwLock;
use serde::Serialize;
use serde_json::Value;

use crate::{
    observed::{Apis, Part},
    parts,
    watch::{SERVER_LABEL, Server},
};

/// All stores of one scope.
#[derive(Debug)]
pub struct Stores {
    /// The resources themselves.
    pub servers: Store<Server>,
    /// Pods, with little of their specification.
    pub pods: Store<Pod>,
    /// See [`Part`], likewise below.
    pub service_accounts: Store<ServiceAccount>,
    /// The proxies' configurations.
    pub config_maps: Store<ConfigMap>,
    /// The pods' controllers.
    pub deployments: Store<Deployment>,
    /// The addresses of the proxies.
    pub services: Store<Service>,
    /// Ways in.
    pub ingresses: Store<Ingress>,
    /// How many pods may be away.
    pub disruption_budgets: Store<PodDisruptionBudget>,
    /// What may reach the pods.
    pub network_policies: Store<NetworkPolicy>,
    /// There only while their API is.
    pub http_routes: Optional,
    /// Likewise.
    pub backend_traffic_policies: Optional,
}

/// The store of an API that a cluster may lack.
pub type Optional = RwLock<Option<Store<DynamicObject>>>;

/// An object as it was last seen.
#[derive(Clone, Debug)]
pub struct Live {
    /// All of it but what was left out on its way into the store.
    pub value: Value,
}

impl Live {
    /// Reads a text in its metadata.
    fn text(&self, field: &str) -> Option<&str> {
        self.value.get("metadata")?.get(field)?.as_str()
    }

    /// Its uid.
    pub fn uid(&self) -> Option<&str> {
        self.text("uid")
    }

    /// Its version.
    pub fn resource_version(&self) -> Option<&str> {
        self.text("resourceVersion")
    }

    /// Changes with each edit, and, for the kinds that count their generations, only then.
    pub fn version(&self) -> String {
        let generation = self.value.pointer("/metadata/generation").and_then(Value::as_i64);
        let uid = self.uid().unwrap_or_default();
        match generation.filter(|generation| *generation > 0) {
            Some(generation) => format!("{uid}@{generation}"),
            None => format!("{uid}#{}", self.resource_version().unwrap_or_default()),
        }
    }

    /// The value of an annotation.
    pub fn annotation(&self, name: &str) -> Option<&str> {
        self.value.get("metadata")?.get("annotations")?.get(name)?.as_str()
    }

    /// Whether the resource with this uid is its controlling owner.
    pub fn belongs_to(&self, uid: &str) -> bool {
        let owners = self.value.pointer("/metadata/ownerReferences").and_then(Value::as_array);
        owners
            .into_iter()
            .flatten()
            .any(|owner| owner["controller"].as_bool() == Some(true) && owner["uid"].as_str() == Some(uid))
    }

    /// Whether it is being deleted.
    pub fn is_going(&self) -> bool {
        self.text("deletionTimestamp").is_some()
    }
}

impl Stores {
    /// The object of a part, if the watch has told of it.
    pub fn live(&self, part: Part, namespace: &str, name: &str) -> Option<Live> {
        match part {
            Part::ServiceAccount => live(&self.service_accounts, namespace, name),
            Part::ConfigMap => live(&self.config_maps, namespace, name),
            Part::Deployment => live(&self.deployments, namespace, name),
            Part::Service => live(&self.services, namespace, name),
            Part::Ingress => live(&self.ingresses, namespace, name),
            Part::HttpRoute => optional(&self.http_routes, part, namespace, name),
            Part::BackendTrafficPolicy => optional(&self.backend_traffic_policies, part, namespace, name),
            Part::DisruptionBudget => live(&self.disruption_budgets, namespace, name),
            Part::NetworkPolicy => live(&self.network_policies, namespace, name),
        }
    }

    /// The optional APIs whose objects are known.
    pub fn apis(&self) -> Apis {
        Apis {
            http_route: self.http_routes.read().is_some(),
            backend_traffic_policy: self.backend_traffic_policies.read().is_some(),
        }
    }

    /// The Deployment of a server.
    pub fn deployment(&self, namespace: &str, name: &str) -> Option<Arc<Deployment>> {
        self.deployments.get(&ObjectRef::new(name).within(namespace))
    }

    /// The pods of a server.
    pub fn pods_of(&self, server: &ObjectRef<Server>) -> Vec<Pod> {
        let is_its = |pod: &Pod| {
            pod.namespace() == server.namespace
                && pod.labels().get(SERVER_LABEL).is_some_and(|name| *name == server.name)
        };
        self.pods.state_filter(is_its).iter().map(|pod| (**pod).clone()).collect()
    }
}

fn live<K>(store: &Store<K>, namespace: &str, name: &str) -> Option<Live>
where
    K: Resource<DynamicType = ()> + Clone + Serialize + Debug + 'static,
{
    value_of(store, &ObjectRef::new(name).within(namespace))
}

fn optional(store: &Optional, part: Part, namespace: &str, name: &str) -> Option<Live> {
    let store = store.read();
    value_of(store.as_ref()?, &ObjectRef::new_with(name, parts::resource(part)).within(namespace))
}

fn value_of<K>(store: &Store<K>, reference: &ObjectRef<K>) -> Option<Live>
where
    K: Resource + Clone + Serialize + Debug + 'static,
    K::DynamicType: Eq + Hash + Clone,
{
    serde_json::to_value(&*store.get(reference)?).ok().map(|value| Live { value })
}
