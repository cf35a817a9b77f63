//! Watches: each fills a store and says which server is concerned by a change.

use std::{fmt::Debug, hash::Hash, pin::pin};

use futures_util::{Stream, StreamExt as _};
use k8s_openapi::{
    NamespaceResourceScope,
    api::{
        apps::v1::Deployment,
        core::v1::{ConfigMap, Container, Pod, PodSpec, Service, ServiceAccount},
        networking::v1::{Ingress, NetworkPolicy},
        policy::v1::PodDisruptionBudget,
    },
    apimachinery::pkg::apis::meta::v1::OwnerReference,
};
use kube::{
    Api, Client, Resource, ResourceExt as _,
    core::{ApiResource, DeserializeGuard, DynamicObject},
    runtime::{
        WatchStreamExt as _,
        reflector::{ObjectRef, Store, store::Writer},
        watcher::{self, watcher},
    },
};
use serde::de::DeserializeOwned;
use tokio::sync::mpsc::Sender;
use waggle_crds::{GROUP, McpServer};

use crate::error;

/// The label with the name of the server that an object is for.
pub const SERVER_LABEL: &str = "waggle.dev/server";
/// Only what carries it is watched: a cluster's other pods are none of our business, and much memory.
pub const OURS: &str = "app.kubernetes.io/managed-by=waggle-controller";
/// Objects in one page of a list: large enough for few requests, small enough that the text of a page is no matter.
const PAGE: u32 = 100;

/// Where changes are announced.
pub type Trigger = Sender<ObjectRef<Server>>;

/// A server, or what is known of one that cannot be read: the schema leaves a pod template open, and one that does not fit must not
/// hide all others.
pub type Server = DeserializeGuard<McpServer>;

/// A namespace, or all of them.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum Scope {
    /// The whole cluster.
    Cluster,
    /// One namespace.
    Namespace(String),
}

impl Scope {
    /// The API of a built-in kind.
    pub fn api<K>(&self, client: &Client) -> Api<K>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
    {
        match self {
            Self::Cluster => Api::all(client.clone()),
            Self::Namespace(name) => Api::namespaced(client.clone(), name),
        }
    }

    /// The API of any other kind.
    pub fn dynamic(&self, client: &Client, resource: &ApiResource) -> Api<DynamicObject> {
        match self {
            Self::Cluster => Api::all_with(client.clone(), resource),
            Self::Namespace(name) => Api::namespaced_with(client.clone(), name, resource),
        }
    }
}

/// A store, and the work of filling it and of announcing what changes.
pub fn follow<K>(
    api: Api<K>,
    resource: K::DynamicType,
    selector: Option<&str>,
    trigger: Trigger,
) -> (Store<K>, impl Future<Output = ()> + Send + use<K>)
where
    K: Resource + Clone + Debug + DeserializeOwned + Followed + Send + Sync + 'static,
    K::DynamicType: Eq + Hash + Clone + Send + Sync + Unpin,
{
    let plural = K::plural(&resource).into_owned();
    let writer = Writer::new(resource);
    let store = writer.as_reader();
    let mut config = watcher::Config::default().page_size(PAGE);
    config.label_selector = selector.map(str::to_owned);
    // Before the store, so that what is slimmed away is never kept.
    let changes =
        watcher(api, config).default_backoff().modify(Followed::slim).reflect(writer).touched_objects();
    (store, announce(plural, changes, trigger))
}

/// Announces the server of each object that changes. Failed watches start again by themselves.
async fn announce<K: Followed>(
    plural: String,
    changes: impl Stream<Item = Result<K, watcher::Error>>,
    trigger: Trigger,
) {
    let mut changes = pin!(changes);
    while let Some(change) = changes.next().await {
        match change {
            Ok(object) => {
                if let Some(server) = object.server()
                    && trigger.send(server).await.is_err()
                {
                    return;
                }
            }
            Err(error) => log(&plural, &error),
        }
    }
}

fn log(plural: &str, error: &watcher::Error) {
    use watcher::Error::{InitialListFailed, NoResourceVersion, WatchError, WatchFailed, WatchStartFailed};

    let (verb, error) = match error {
        InitialListFailed(error) => ("list", error::sentence(error)),
        WatchStartFailed(error) | WatchFailed(error) => ("watch", error::sentence(error)),
        // The API server has forgotten where we were; the next list starts anew.
        WatchError(status) if status.code == 410 => {
            tracing::debug!(resource = plural, "the watch is too old and starts again");
            return;
        }
        WatchError(status) => ("watch", status.message.clone()),
        NoResourceVersion => ("watch", "the list has no resource version".to_owned()),
    };
    tracing::warn!(verb, resource = plural, error, "cannot follow a kind of object; trying again");
}

/// The server that an object belongs to or is labelled with.
fn server_of<K: Resource>(object: &K) -> Option<ObjectRef<Server>> {
    let meta = object.meta();
    let is_server = |owner: &&OwnerReference| {
        owner.controller == Some(true)
            && owner.kind == McpServer::kind(&())
            && owner.api_version.split('/').next() == Some(GROUP)
    };
    let owner = meta.owner_references.iter().flatten().find(is_server).map(|owner| owner.name.as_str());
    let label = || object.labels().get(SERVER_LABEL).map(String::as_str);
    let name = owner.or_else(label)?;
    Some(ObjectRef::new(name).within(meta.namespace.as_deref()?))
}

/// An object that is watched.
pub trait Followed: Resource + Sized {
    /// Leaves out what nobody asks for, before it is kept.
    fn slim(&mut self) {
        slim(self);
    }

    /// The server that it concerns.
    fn server(&self) -> Option<ObjectRef<Server>> {
        server_of(self)
    }
}

/// What tools leave behind; often more than the object itself.
fn slim<K: Resource>(object: &mut K) {
    let meta = object.meta_mut();
    meta.managed_fields = None;
    if let Some(annotations) = &mut meta.annotations {
        annotations.remove("kubectl.kubernetes.io/last-applied-configuration");
    }
}

impl Followed for Server {
    fn server(&self) -> Option<ObjectRef<Self>> {
        Some(ObjectRef::from_obj(self))
    }
}

impl Followed for Pod {
    fn slim(&mut self) {
        slim(self);
        // A pod is looked at for how it does. Of what it should be, that is kept which tells why it does not.
        self.spec = self.spec.take().map(|spec| PodSpec {
            init_containers: spec.init_containers.map(outlines),
            containers: outlines(spec.containers),
            ..PodSpec::default()
        });
    }
}

fn outlines(containers: Vec<Container>) -> Vec<Container> {
    let outline = |container: Container| Container {
        name: container.name,
        image: container.image,
        restart_policy: container.restart_policy,
        resources: container.resources,
        ..Container::default()
    };
    containers.into_iter().map(outline).collect()
}

impl Followed for DynamicObject {}
impl Followed for Deployment {}
impl Followed for ConfigMap {}
impl Followed for Service {}
impl Followed for ServiceAccount {}
impl Followed for Ingress {}
impl Followed for NetworkPolicy {}
impl Followed for PodDisruptionBudget {}
