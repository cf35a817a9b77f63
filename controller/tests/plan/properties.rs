//! What holds for every specification.

use k8s_openapi::{apimachinery::pkg::apis::meta::v1::ObjectMeta, jiff::ToSpan};
use proptest::prelude::*;
use waggle_controller::{
    observed::{Apis, ImageCommand, ImageState, LastExit, Observed, ServerReport},
    plan::{self, Plan},
};
use waggle_proxy::{cli::Cli, config::Config};

use crate::{
    arbitrary::{reloadable, specification},
    fixture::{config, deployed, observed, plan_with, server_of, settings, told},
};

/// Surroundings of every kind but with a Deployment.
fn surroundings() -> impl Strategy<Value = Observed> {
    let image = prop_oneof![
        Just(ImageState::NotNeeded),
        Just(ImageState::Unknown { reason: "Away".to_owned(), message: "No.".to_owned() }),
        Just(ImageState::Known(ImageCommand {
            entrypoint: vec!["/app".to_owned()],
            ..ImageCommand::default()
        })),
    ];
    let report = proptest::option::of(Just(ServerReport {
        tools: Some(3),
        last_exit: Some(LastExit { reason: "exit status 1".to_owned(), time: String::new() }),
        ..ServerReport::default()
    }));
    (image, any::<bool>(), any::<bool>(), report).prop_map(
        |(image, http_route, backend_traffic_policy, server)| Observed {
            image,
            apis: Apis { http_route, backend_traffic_policy },
            server,
            ..observed()
        },
    )
}

/// What the proxy says against a configuration.
fn mistakes(yaml: &str) -> Vec<String> {
    let cli = Cli::read(["waggle-proxy", "--config", "waggle.yaml"].map(Into::into)).unwrap();
    let resolved = Config::resolve(&cli, [], |_| Ok(yaml.to_owned()));
    let mistakes = resolved.err().unwrap_or_default();
    mistakes.iter().map(ToString::to_string).collect()
}

/// The metadata of all objects.
fn objects(plan: &Plan) -> Vec<&ObjectMeta> {
    [
        plan.service_account.as_ref().map(|object| &object.metadata),
        plan.config_map.as_ref().map(|object| &object.metadata),
        plan.deployment.as_ref().map(|object| &object.metadata),
        plan.service.as_ref().map(|object| &object.metadata),
        plan.ingress.as_ref().map(|object| &object.metadata),
        plan.http_route.as_ref().map(|object| &object.metadata),
        plan.backend_traffic_policy.as_ref().map(|object| &object.metadata),
        plan.disruption_budget.as_ref().map(|object| &object.metadata),
        plan.network_policy.as_ref().map(|object| &object.metadata),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn accepted(plan: &Plan) -> bool {
    plan.kept.len() < 9
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn equal_input_gives_equal_plans(spec in specification(), observed in surroundings()) {
        let plan = || plan::plan(&server_of(spec.clone()), &observed, &settings());
        let text = |plan: &Plan| {
            serde_json::to_string(&(&plan.deployment, &plan.config_map, &plan.service, &plan.ingress, &plan.http_route, &plan.status)).unwrap()
        };
        prop_assert_eq!(text(&plan()), text(&plan()));
        prop_assert_eq!(plan(), plan());
    }

    #[test]
    fn a_plan_that_was_carried_out_is_followed_by_the_same(spec in specification(), observed in surroundings(), ready in 0..3) {
        let server = server_of(spec);
        let first = plan::plan(&server, &observed, &settings());
        let there = match first.deployment {
            Some(_) => deployed(&first, 2, ready),
            None => observed.clone(),
        };
        let observed = Observed { image: observed.image, apis: observed.apis, server: observed.server, ..there };
        let second = plan::plan(&told(server.clone(), first.status), &observed, &settings());
        let later = Observed { now: observed.now + 1.hour(), ..observed };
        let third = plan::plan(&told(server, second.status.clone()), &later, &settings());
        prop_assert_eq!(&third.notices, &[]);
        prop_assert_eq!(Plan { notices: Vec::new(), ..second }, third);
    }

    #[test]
    fn the_proxy_takes_every_planned_configuration(spec in specification(), observed in surroundings()) {
        let plan = plan::plan(&server_of(spec), &observed, &settings());
        prop_assert!(accepted(&plan), "{:?}", plan.status.conditions);
        if plan.config_map.is_some() {
            prop_assert_eq!(mistakes(config(&plan)), Vec::<String>::new(), "{}", config(&plan));
        }
    }

    #[test]
    fn what_the_proxy_reloads_restarts_nothing(spec in specification(), edit in reloadable()) {
        let observed = Observed {
            image: ImageState::Known(ImageCommand { entrypoint: vec!["/app".to_owned()], ..ImageCommand::default() }),
            ..observed()
        };
        let template = |spec| {
            let plan = plan::plan(&server_of(spec), &observed, &settings());
            serde_json::to_string(&plan.deployment.unwrap().spec.unwrap().template).unwrap()
        };
        let mut edited = spec.clone();
        edited.process = waggle_crds::server::Process { mode: spec.process.mode, ..edit.0 };
        edited.proxy = waggle_crds::server::Proxy {
            injection: spec.proxy.injection,
            log_format: spec.proxy.log_format,
            ..edit.1
        };
        edited.service.port = Some(8123);
        (edited.ingress, edited.http_route, edited.replicas) = (None, None, Some(4));
        prop_assert_eq!(template(spec), template(edited));
    }

    #[test]
    fn every_object_is_the_resource_s(spec in specification(), observed in surroundings()) {
        let plan = plan::plan(&server_of(spec), &observed, &settings());
        for object in objects(&plan) {
            prop_assert!(object.name.as_ref().unwrap().len() <= 63);
            prop_assert_eq!(object.namespace.as_deref(), Some("tools"));
            let owner = &object.owner_references.as_ref().unwrap()[0];
            prop_assert_eq!((owner.kind.as_str(), owner.name.as_str(), owner.controller), ("MCPServer", "github", Some(true)));
            let labels = object.labels.as_ref().unwrap();
            prop_assert_eq!(labels["waggle.dev/server"].as_str(), "github");
            prop_assert_eq!(labels["app.kubernetes.io/managed-by"].as_str(), "waggle-controller");
        }
    }

    #[test]
    fn a_value_is_refused_when_the_proxy_refuses_it(
        number in 0_u64..3_000, unit in "|ms|s|m|h|d|h1m|b|k|KiB|mib|Gi|kB|_0", option in proptest::sample::select(vec![
            ("proxy: {limits: {maxLine: ", "max-line"), ("proxy: {limits: {replayBytes: ", "replay-bytes"),
            ("proxy: {timeouts: {grace: ", "grace"), ("proxy: {timeouts: {sessionIdle: ", "session-idle"),
            ("proxy: {timeouts: {keepAlive: ", "keep-alive"), ("proxy: {timeouts: {queueTimeout: ", "queue-timeout"),
        ]),
    ) {
        let text = format!("{number}{unit}");
        let plan = plan_with(&format!("{}'{text}'}}}}", option.0));
        let refused = !mistakes(&format!("{}: '{text}'", option.1)).is_empty();
        prop_assert_eq!(accepted(&plan), !refused, "{}: {}", option.1, text);
    }

    #[test]
    fn a_name_is_refused_when_the_proxy_refuses_it(
        text in "(https?://|x://|HTTP://)?([a-cA-C0-9._-]{0,6}|\\[::1?\\]|\\*)(:[0-9]{0,5})?(/[a-c%/?#. ]{0,4})?",
    ) {
        let quoted = serde_json::to_string(&text).unwrap();
        for (field, option) in [("allowedOrigins", "allowed-origin"), ("allowedHosts", "allowed-host")] {
            let plan = plan_with(&format!("proxy: {{{field}: [{quoted}]}}"));
            let refused = !mistakes(&format!("{option}: [{quoted}]")).is_empty();
            prop_assert_eq!(accepted(&plan), !refused, "{}: {}", option, text);
        }
        let plan = crate::fixture::plan(&format!("{{remote: {{url: {quoted}}}}}"));
        prop_assert_eq!(accepted(&plan), mistakes(&format!("upstream: {quoted}")).is_empty(), "upstream: {}", text);
    }
}
