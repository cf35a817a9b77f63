//! The program in the server's container.

use insta::assert_snapshot;
use waggle_controller::{
    observed::{ImageCommand, ImageState, Observed, Part},
    plan::{self, Plan},
};

use crate::fixture::{container, deployed, observed, plan_in, says, server, settings, told};

const IMAGE: &str = "{image: ghcr.io/acme/github:1.4.0}";

/// What the registry says of an image.
fn known(entrypoint: &[&str], cmd: &[&str]) -> ImageState {
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    ImageState::Known(ImageCommand {
        resolved: "ghcr.io/acme/github@sha256:9b2a".to_owned(),
        entrypoint: words(entrypoint),
        cmd: words(cmd),
        user: None,
    })
}

fn away() -> ImageState {
    ImageState::Unknown {
        reason: "RegistryUnreachable".to_owned(),
        message: "ghcr.io does not answer; write `spec.command`.".to_owned(),
    }
}

/// What stands after the launcher's own words.
fn argv(plan: &Plan) -> Vec<&str> {
    let command = container(plan, "mcp").command.as_ref().unwrap();
    command[7..].iter().map(String::as_str).collect()
}

fn seen(image: ImageState) -> Observed {
    Observed { image, ..observed() }
}

#[test]
fn as_kubernetes_does_it() {
    let both = seen(known(&["/app", "serve"], &["--port", "1"]));
    let spec = |more: &str| format!("{{image: ghcr.io/acme/github:1.4.0{more}}}");
    assert_eq!(argv(&plan_in(&spec(""), &both)), ["/app", "serve", "--port", "1"]);
    assert_eq!(argv(&plan_in(&spec(", args: [x]"), &both)), ["/app", "serve", "x"]);
    assert_eq!(argv(&plan_in(&spec(", command: [c]"), &both)), ["c"]);
    assert_eq!(argv(&plan_in(&spec(", command: [c], args: [x]"), &both)), ["c", "x"]);
    let cmd = seen(known(&[], &["/bin/cmd"]));
    assert_eq!(argv(&plan_in(&spec(""), &cmd)), ["/bin/cmd"]);
    assert_eq!(argv(&plan_in(&spec(", args: [x, y]"), &cmd)), ["x", "y"]);
}

#[test]
fn only_the_user_s_words_are_expanded() {
    let seen = seen(known(&["sh", "-c", "echo $(date) $$ $HOME"], &[]));
    let plan = plan_in("{image: ghcr.io/acme/github:1.4.0, args: [$(TOKEN)]}", &seen);
    assert_eq!(argv(&plan), ["sh", "-c", "echo $$(date) $$$$ $$HOME", "$(TOKEN)"]);
}

#[test]
fn the_condition_names_the_digest() {
    let plan = plan_in(IMAGE, &seen(known(&["/app"], &[])));
    assert_snapshot!(says(&plan, "ImageResolved"));
    assert_eq!(plan.status.resolved_image.as_deref(), Some("ghcr.io/acme/github@sha256:9b2a"));
}

#[test]
fn nothing_is_started_before_it_is_known_what() {
    for (image, reason) in [
        (away(), "RegistryUnreachable"),
        (known(&[], &[]), "NoEntrypoint"),
        (ImageState::NotNeeded, "Pending"),
    ] {
        let plan = plan_in(IMAGE, &seen(image));
        assert_eq!(
            (plan.deployment.is_none(), plan.kept.contains(&Part::Deployment)),
            (true, true),
            "{reason}"
        );
        assert!(plan.service.is_some() && plan.config_map.is_some(), "{reason}: the rest goes on");
        let condition = crate::fixture::condition(&plan, "ImageResolved");
        assert_eq!(condition.reason, reason);
        assert_ne!(condition.status, "True", "{reason}");
        let notices: Vec<&str> = plan.notices.iter().map(|notice| notice.reason).collect();
        assert_eq!(notices, if reason == "Pending" { vec![] } else { vec!["ImageNotResolved"] });
        assert_snapshot!(
            format!("unknown-{reason}"),
            [says(&plan, "ImageResolved"), says(&plan, "Available"), says(&plan, "Ready")].join("\n")
        );
    }
}

#[test]
fn what_was_read_is_remembered_while_the_registry_is_away() {
    let before = plan_in(IMAGE, &seen(known(&["/app"], &["--x"])));
    let observed = Observed { image: away(), ..deployed(&before, 1, 1) };
    let edited = plan_in("{image: ghcr.io/acme/github:1.4.0, replicas: 3, args: [--y]}", &observed);
    assert_eq!(argv(&edited), ["/app", "--y"]);
    assert_snapshot!(says(&edited, "ImageResolved"));
    assert_eq!(edited.status.resolved_image.as_deref(), Some("ghcr.io/acme/github@sha256:9b2a"));
    // Also by a controller that has only just started.
    let observed = Observed { image: ImageState::NotNeeded, ..observed };
    assert_eq!(plan_in(IMAGE, &observed).deployment, before.deployment);
}

#[test]
fn a_server_that_runs_stays_when_its_next_image_is_not_known() {
    let before = plan_in(IMAGE, &seen(known(&["/app"], &[])));
    let observed = Observed { image: away(), ..deployed(&before, 1, 1) };
    let server = told(server("{image: ghcr.io/acme/github:2.0.0, proxy: {log: debug}}"), before.status);
    let plan = plan::plan(&server, &observed, &settings());
    assert_eq!((plan.deployment.is_none(), plan.kept), (true, [Part::Deployment].into()));
    assert!(
        crate::fixture::config(&Plan { config_map: plan.config_map.clone(), ..Plan::default() })
            .contains("log: debug")
    );
    assert_eq!(plan.status.resolved_image.as_deref(), Some("ghcr.io/acme/github@sha256:9b2a"));
    // What the running pods cannot take over waits with them.
    let server = crate::fixture::server("{image: ghcr.io/acme/github:2.0.0, process: {mode: shared}}");
    let plan = plan::plan(&server, &observed, &settings());
    assert_eq!((plan.config_map, plan.kept), (None, [Part::ConfigMap, Part::Deployment].into()));
}
