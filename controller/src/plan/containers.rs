//! The containers of the pod.

use k8s_openapi::{
    api::core::v1::{
        Container, ContainerPort, EnvVar, ExecAction, HTTPGetAction, Lifecycle, LifecycleHandler, Probe,
        SleepAction,
    },
    apimachinery::pkg::util::intstr::IntOrString,
};
use waggle_crds::server::Injection;

use super::{
    config,
    context::{Context, Kind},
    names,
    pull_policy::pull_policy,
    security, volumes,
};

/// How long a container goes on serving while the news spreads that its pod ends. For the only pod of a server that is
/// until the next one serves: a Service whose pods all end leads to those that still do, and a new pod takes 3 s.
pub(super) const FAREWELL_SECONDS: u32 = 5;

/// The proxy, next to a server as a sidecar or alone.
pub(super) fn proxy(context: &Context<'_>) -> Container {
    let config = format!("{}/{}", names::CONFIG_PATH, names::CONFIG_FILE);
    let alone = context.kind() == Kind::Remote;
    // It brings the launcher, and goes on as that copy: two processes of one file share the memory that its program takes.
    let mut command = words([names::PROXY_PROGRAM]);
    if context.copies_launcher() {
        command.extend(words(["install", names::BIN_PATH, "--"]));
    }
    command.extend(words(["--config", &config]));
    Container {
        name: names::PROXY.to_owned(),
        command: Some(command),
        // A container that starts before all others, and ends after them.
        restart_policy: (!alone).then(|| "Always".to_owned()),
        ports: Some(vec![port(names::HTTP, names::HTTP_PORT), port(names::ADMIN, names::ADMIN_PORT)]),
        liveness_probe: Some(probe("/livez", 10, 3)),
        // True when the server has answered a handshake; looked at often, so that nobody waits for a ready server.
        readiness_probe: Some(probe("/readyz", 1, 1)),
        // A proxy beside a server ends when that has ended.
        lifecycle: Some(Lifecycle {
            post_start: Some(started()),
            pre_stop: alone.then(farewell),
            ..Lifecycle::default()
        }),
        volume_mounts: Some(volumes::of_proxy(context)),
        ..of_proxy_image(context)
    }
}

/// The server; its program is `argv`, which is not looked at where the image runs as it is.
pub(super) fn server(context: &Context<'_>, argv: &[String]) -> Container {
    let spec = context.spec;
    let launched = context.kind() == Kind::Launched;
    let (command, args) = match launched {
        true => (launch(context, argv), Vec::new()),
        false => (spec.command.clone(), spec.args.clone()),
    };
    Container {
        name: names::SERVER.to_owned(),
        image: spec.image.clone(),
        image_pull_policy: spec.image_pull_policy.map(pull_policy),
        command: some(command),
        args: some(args),
        env: some(environment(&spec.env)),
        env_from: some(spec.env_from.clone()),
        resources: spec.resources.clone(),
        volume_mounts: some(volumes::of_server(context)),
        lifecycle: Some(Lifecycle { pre_stop: Some(farewell()), ..Lifecycle::default() }),
        security_context: Some(security::of_container()),
        termination_message_policy: Some("FallbackToLogsOnError".to_owned()),
        ..Container::default()
    }
}

fn launch(context: &Context<'_>, argv: &[String]) -> Vec<String> {
    let program = match context.injection() {
        Injection::None => names::LAUNCHER.to_owned(),
        _ => format!("{}/{}", names::BIN_PATH, names::LAUNCHER),
    };
    let mut command = vec![program];
    let grace = format!("{}s", config::launcher_grace(context));
    command.extend(words(["launch", "--socket", names::SOCKET, "--grace", &grace, "--"]));
    command.extend(argv.iter().cloned());
    command
}

/// The user's variables. Without a home that can be written to, package runners have no place for what they fetch.
fn environment(given: &[EnvVar]) -> Vec<EnvVar> {
    let home = EnvVar { name: "HOME".to_owned(), value: Some(names::HOME_PATH.to_owned()), value_from: None };
    let missing = !given.iter().any(|variable| variable.name == home.name);
    missing.then_some(home).into_iter().chain(given.iter().cloned()).collect()
}

fn of_proxy_image(context: &Context<'_>) -> Container {
    let resources = context.spec.proxy.resources.as_ref().unwrap_or(&context.settings.proxy_resources);
    Container {
        image: Some(context.settings.proxy_image.clone()),
        image_pull_policy: context.settings.proxy_pull_policy.map(pull_policy),
        resources: Some(resources.clone()),
        security_context: Some(security::of_container()),
        termination_message_policy: Some("FallbackToLogsOnError".to_owned()),
        ..Container::default()
    }
}

/// The server's container is started once this has ended: the launcher is there, and the admin port answers. A startup
/// probe would say the same up to two seconds later, as it waits for the kubelet to notice the container, then for its turn.
fn started() -> LifecycleHandler {
    let admin = format!("127.0.0.1:{}", names::ADMIN_PORT);
    LifecycleHandler {
        exec: Some(ExecAction { command: Some(words([names::PROXY_PROGRAM, "await", &admin])) }),
        ..LifecycleHandler::default()
    }
}

fn farewell() -> LifecycleHandler {
    LifecycleHandler {
        sleep: Some(SleepAction { seconds: FAREWELL_SECONDS.into() }),
        ..LifecycleHandler::default()
    }
}

fn probe(path: &str, period_seconds: i32, failures: i32) -> Probe {
    Probe {
        http_get: Some(HTTPGetAction {
            path: Some(path.to_owned()),
            port: IntOrString::String(names::ADMIN.to_owned()),
            ..HTTPGetAction::default()
        }),
        period_seconds: Some(period_seconds),
        failure_threshold: Some(failures),
        // A busy node is no reason to take a server away.
        timeout_seconds: Some(5),
        ..Probe::default()
    }
}

fn port(name: &str, number: i32) -> ContainerPort {
    ContainerPort {
        name: Some(name.to_owned()),
        container_port: number,
        protocol: Some("TCP".to_owned()),
        ..ContainerPort::default()
    }
}

fn words<const N: usize>(words: [&str; N]) -> Vec<String> {
    words.map(str::to_owned).into()
}

fn some<T>(list: Vec<T>) -> Option<Vec<T>> {
    Some(list).filter(|list| !list.is_empty())
}
