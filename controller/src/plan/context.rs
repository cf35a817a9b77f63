//! What every part of a plan is made from.

use k8s_openapi::{api::apps::v1::Deployment, apimachinery::pkg::apis::meta::v1::ObjectMeta};
use kube::{Resource, ResourceExt};
use waggle_crds::{
    McpServer, McpServerSpec,
    server::{Injection, StringMap, Transport},
};

use super::{labels, names};
use crate::{
    observed::{Observed, Part},
    settings::Settings,
};

/// How the server is run, which decides the shape of its pod.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    /// A stdio server, by the launcher in its own container.
    Launched,
    /// A server with an HTTP transport, in its own container as it is.
    Listening,
    /// A server elsewhere: the proxy is alone.
    Remote,
}

/// The inputs, with what is read from them everywhere.
#[derive(Clone, Copy, Debug)]
pub(super) struct Context<'a> {
    pub(super) server: &'a McpServer,
    pub(super) spec: &'a McpServerSpec,
    pub(super) observed: &'a Observed,
    pub(super) settings: &'a Settings,
}

impl<'a> Context<'a> {
    pub(super) fn new(server: &'a McpServer, observed: &'a Observed, settings: &'a Settings) -> Self {
        Self { server, spec: &server.spec, observed, settings }
    }

    pub(super) fn kind(&self) -> Kind {
        if self.spec.remote.is_some() {
            return Kind::Remote;
        }
        match self.spec.transport.unwrap_or(Transport::Stdio) {
            Transport::Stdio => Kind::Launched,
            Transport::StreamableHttp | Transport::Sse => Kind::Listening,
        }
    }

    /// How the launcher comes into the server's container; never [`Injection::Auto`].
    pub(super) fn injection(&self) -> Injection {
        match (self.spec.proxy.injection, self.settings.injection) {
            (Injection::Auto, Injection::Auto) => Injection::Copy,
            (Injection::Auto, chosen) | (chosen, _) => chosen,
        }
    }

    /// Whether the launcher is a copy of the proxy on a volume.
    pub(super) fn copies_launcher(&self) -> bool {
        self.kind() == Kind::Launched && self.injection() == Injection::Copy
    }

    /// The name of the resource.
    pub(super) fn instance(&self) -> String {
        self.server.name_any()
    }

    pub(super) fn namespace(&self) -> String {
        self.server.namespace().unwrap_or_default()
    }

    /// The name that all objects have.
    pub(super) fn name(&self) -> String {
        format!("{}{}", names::PREFIX, self.instance())
    }

    /// How many pods shall be: what is asked for, or else what an autoscaler has made of it.
    pub(super) fn replicas(&self) -> i32 {
        let scaled = || self.deployment()?.spec.as_ref()?.replicas;
        self.spec.replicas.or_else(scaled).unwrap_or(1)
    }

    /// The Deployment as it is, if it is ours.
    pub(super) fn deployment(&self) -> Option<&'a Deployment> {
        self.observed.deployment.as_ref().filter(|_| !self.is_foreign(Part::Deployment))
    }

    pub(super) fn is_foreign(&self, part: Part) -> bool {
        self.observed.foreign.contains(&part)
    }

    /// The metadata that all objects have.
    pub(super) fn metadata(&self) -> ObjectMeta {
        ObjectMeta {
            name: Some(self.name()),
            namespace: self.server.namespace(),
            labels: Some(labels::all(&self.instance())),
            owner_references: self.server.controller_owner_ref(&()).map(|owner| vec![owner]),
            ..ObjectMeta::default()
        }
    }

    /// The same with annotations.
    pub(super) fn annotated(&self, annotations: StringMap) -> ObjectMeta {
        let annotations = Some(annotations).filter(|annotations| !annotations.is_empty());
        ObjectMeta { annotations, ..self.metadata() }
    }
}
