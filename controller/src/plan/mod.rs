//! From an `MCPServer` and what was observed to the objects that shall be and the status that is. Pure: no I/O, no
//! clock, no randomness; equal input gives equal output, byte for byte.

mod account;
mod check;
mod command;
mod config;
mod containers;
mod context;
mod deployment;
mod disruption;
mod foreign;
mod labels;
mod names;
mod network_policy;
mod notices;
mod pod;
mod problem;
mod pull_policy;
mod routes;
mod security;
mod service;
mod status;
mod template;
mod volumes;

use std::collections::BTreeSet;

use k8s_openapi::api::{
    apps::v1::Deployment,
    core::v1::{ConfigMap, Service, ServiceAccount},
    networking::v1::{Ingress, NetworkPolicy},
    policy::v1::PodDisruptionBudget,
};
use kube::api::DynamicObject;
use waggle_crds::{McpServer, McpServerStatus};

use self::{command::Command, config::Config, context::Context, problem::Problem};
use crate::{
    observed::{Observed, Part},
    settings::Settings,
};

/// What shall be. A part that is `None` shall not exist: what there is of it and belongs to the resource is deleted, unless
/// it is in `kept`. Every object carries the resource as its controlling owner, so that its deletion needs nobody of us.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// See [`crate::observed::Part`], likewise below.
    pub service_account: Option<ServiceAccount>,
    /// The proxy's configuration.
    pub config_map: Option<ConfigMap>,
    /// The pods.
    pub deployment: Option<Deployment>,
    /// The address of the proxy.
    pub service: Option<Service>,
    /// A way in from outside.
    pub ingress: Option<Ingress>,
    /// Another way in.
    pub http_route: Option<DynamicObject>,
    /// What an HTTPRoute cannot say to Envoy Gateway.
    pub backend_traffic_policy: Option<DynamicObject>,
    /// How many pods may be away at once.
    pub disruption_budget: Option<PodDisruptionBudget>,
    /// What may reach the pods.
    pub network_policy: Option<NetworkPolicy>,
    /// Parts that stay as they are, whatever they are: nobody knows yet what they shall be. They are `None` above, and
    /// are neither written nor deleted.
    pub kept: BTreeSet<Part>,
    /// The status, whole.
    pub status: McpServerStatus,
    /// What a person must know now and the status does not keep: told once, as Kubernetes events.
    pub notices: Vec<Notice>,
}

/// Something for `kubectl describe`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Notice {
    /// Whether it is bad.
    pub warning: bool,
    /// One word in CamelCase.
    pub reason: &'static str,
    /// A sentence.
    pub message: String,
}

/// Makes the plan.
pub fn plan(server: &McpServer, observed: &Observed, settings: &Settings) -> Plan {
    let context = Context::new(server, observed, settings);
    let command = Command::of(&context);
    let (mut plan, problems) = match objects(&context, &command) {
        Ok(plan) => (plan, [foreign::obstacles(&context), routes::obstacles(&context)].concat()),
        // A mistake in an edit changes nothing of what runs.
        Err(problems) => (Plan { kept: Part::ALL.into(), ..Plan::default() }, problems),
    };
    let refused = plan.kept.len() == Part::ALL.len();
    let report = status::report(&context, &command, &problems, refused);
    plan.notices = notices::notices(&context, &report);
    plan.status = report.status;
    plan
}

/// The objects, or why there can be none.
fn objects(context: &Context<'_>, command: &Command) -> Result<Plan, Vec<Problem>> {
    let problems = check::check(context);
    if !problems.is_empty() {
        return Err(problems);
    }
    let config = Config::of(context);
    let template = pod::template(context, &config, command.argv()).map_err(|problem| vec![problem])?;
    let mut plan = Plan {
        service_account: account::service_account(context),
        config_map: Some(config.config_map(context)),
        deployment: Some(deployment::deployment(context, command, template)),
        service: service::service(context),
        ingress: routes::ingress(context),
        http_route: routes::http_route(context),
        backend_traffic_policy: routes::backend_traffic_policy(context),
        disruption_budget: disruption::disruption_budget(context),
        network_policy: network_policy::network_policy(context),
        ..Plan::default()
    };
    keep(context, command, &config, &mut plan);
    Ok(plan)
}

/// Leaves alone what cannot be made now: a server that runs is never stopped because a registry is away.
fn keep(context: &Context<'_>, command: &Command, config: &Config, plan: &mut Plan) {
    let unknown = matches!(command, Command::Unknown { .. });
    // Without its configuration a pod would start with somebody else's.
    if !unknown && !context.is_foreign(Part::ConfigMap) && !context.is_foreign(Part::Deployment) {
        return;
    }
    plan.deployment = None;
    plan.kept.insert(Part::Deployment);
    // What the pods that stay cannot take over would reach them at their next start.
    let running = context.deployment().and_then(pod::restart_hash);
    if context.is_foreign(Part::ConfigMap) || running.is_some_and(|hash| hash != config.restart_hash()) {
        plan.config_map = None;
        plan.kept.insert(Part::ConfigMap);
    }
}
