//! The pod's volumes, and where they appear in its containers.

use k8s_openapi::api::core::v1::{
    ConfigMapVolumeSource, EmptyDirVolumeSource, ImageVolumeSource, KeyToPath, ProjectedVolumeSource,
    SecretKeySelector, SecretProjection, Volume, VolumeMount, VolumeProjection,
};
use waggle_crds::server::{Injection, Remote};

use super::{
    config,
    context::{Context, Kind},
    names,
    problem::Problem,
    pull_policy::pull_policy,
};

/// Everybody in the one container that mounts it may read: the ids of a pod are not always known.
const READABLE: i32 = 0o444;

/// All volumes: ours, then the user's.
pub(super) fn volumes(context: &Context<'_>) -> Vec<Volume> {
    let mut volumes = Vec::new();
    if context.kind() == Kind::Launched {
        volumes.extend(bin(context));
        volumes.push(empty(names::RUN_VOLUME));
    }
    volumes.push(Volume {
        name: names::CONFIG_VOLUME.to_owned(),
        config_map: Some(ConfigMapVolumeSource { name: context.name(), ..ConfigMapVolumeSource::default() }),
        ..Volume::default()
    });
    volumes.extend(context.spec.remote.as_ref().and_then(secrets));
    volumes.extend(
        scratch(context).iter().filter(|place| is_needed(context, place)).map(|(name, _)| empty(name)),
    );
    volumes.extend(context.spec.volumes.clone());
    volumes
}

/// What the proxy sees.
pub(super) fn of_proxy(context: &Context<'_>) -> Vec<VolumeMount> {
    let mut mounts = vec![read_only(names::CONFIG_VOLUME, names::CONFIG_PATH)];
    if context.copies_launcher() {
        mounts.push(mount(names::BIN_VOLUME, names::BIN_PATH));
    }
    match (context.kind(), &context.spec.remote) {
        (Kind::Launched, _) => mounts.push(mount(names::RUN_VOLUME, names::RUN_PATH)),
        (Kind::Remote, Some(remote)) if has_secrets(remote) => {
            mounts.push(read_only(names::SECRETS_VOLUME, names::SECRETS_PATH));
        }
        _ => {}
    }
    mounts
}

/// What the server sees: what the launcher needs, a place to write, and what the user mounts.
pub(super) fn of_server(context: &Context<'_>) -> Vec<VolumeMount> {
    let mut mounts = Vec::new();
    if context.kind() == Kind::Launched {
        if context.injection() != Injection::None {
            mounts.push(read_only(names::BIN_VOLUME, names::BIN_PATH));
        }
        mounts.push(mount(names::RUN_VOLUME, names::RUN_PATH));
    }
    let scratch = scratch(context).iter().filter(|(_, path)| !is_mounted_by_user(context, path));
    mounts.extend(scratch.map(|(name, path)| mount(name, path)));
    mounts.extend(context.spec.volume_mounts.clone());
    mounts
}

/// What of the user's volumes would take the place of ours.
pub(super) fn check(context: &Context<'_>) -> Vec<Problem> {
    let spec = context.spec;
    let names =
        spec.volumes.iter().map(|volume| &volume.name).filter(|name| name.starts_with(names::RESERVED));
    let names = names.map(|name| {
        format!("`spec.volumes` has the name `{name}`; write another one: those with `{}` belong to the pod itself.", names::RESERVED)
    });
    let is_ours = |path: &str| path == names::OWN_DIRECTORY || path.starts_with("/waggle/");
    let paths = spec.volume_mounts.iter().map(|mount| &mount.mount_path).filter(|path| is_ours(path));
    let paths = paths.map(|path| {
        format!(
            "`spec.volumeMounts` has the path `{path}`; write another one: `{}` belongs to the launcher.",
            names::OWN_DIRECTORY
        )
    });
    names.chain(paths).map(Problem::invalid).collect()
}

/// Where the server may write, if it has a container.
fn scratch(context: &Context<'_>) -> &'static [(&'static str, &'static str)] {
    match context.kind() {
        Kind::Remote => &[],
        Kind::Launched | Kind::Listening => {
            &[(names::TMP_VOLUME, names::TMP_PATH), (names::HOME_VOLUME, names::HOME_PATH)]
        }
    }
}

fn is_mounted_by_user(context: &Context<'_>, path: &str) -> bool {
    context.spec.volume_mounts.iter().any(|mount| mount.mount_path.trim_end_matches('/') == path)
}

/// Whether something is mounted from our volume, and the user has none of its name.
fn is_needed(context: &Context<'_>, (name, path): &(&str, &str)) -> bool {
    let spec = context.spec;
    let mounted =
        !is_mounted_by_user(context, path) || spec.volume_mounts.iter().any(|mount| mount.name == *name);
    mounted && !spec.volumes.iter().any(|volume| volume.name == *name)
}

fn bin(context: &Context<'_>) -> Option<Volume> {
    match context.injection() {
        Injection::None => None,
        Injection::Copy | Injection::Auto => Some(empty(names::BIN_VOLUME)),
        Injection::ImageVolume => Some(Volume {
            name: names::BIN_VOLUME.to_owned(),
            image: Some(ImageVolumeSource {
                reference: Some(context.settings.proxy_image.clone()),
                pull_policy: context.settings.proxy_pull_policy.map(pull_policy),
            }),
            ..Volume::default()
        }),
    }
}

fn has_secrets(remote: &Remote) -> bool {
    !remote.headers.is_empty() || remote.ca.is_some()
}

/// Headers and certificates for a remote server, from as many Secrets as they are in.
fn secrets(remote: &Remote) -> Option<Volume> {
    let headers = remote
        .headers
        .iter()
        .enumerate()
        .map(|(index, header)| (&header.secret_key_ref, config::header_file(index)));
    let ca = remote.ca.iter().map(|ca| (ca, config::CA_FILE.to_owned()));
    let sources: Vec<VolumeProjection> = headers.chain(ca).map(|(key, path)| projection(key, path)).collect();
    (!sources.is_empty()).then(|| Volume {
        name: names::SECRETS_VOLUME.to_owned(),
        projected: Some(ProjectedVolumeSource { default_mode: Some(READABLE), sources: Some(sources) }),
        ..Volume::default()
    })
}

fn projection(key: &SecretKeySelector, path: String) -> VolumeProjection {
    let item = KeyToPath { key: key.key.clone(), path, mode: None };
    let secret = SecretProjection { name: key.name.clone(), items: Some(vec![item]), optional: None };
    VolumeProjection { secret: Some(secret), ..VolumeProjection::default() }
}

fn empty(name: &str) -> Volume {
    Volume { name: name.to_owned(), empty_dir: Some(EmptyDirVolumeSource::default()), ..Volume::default() }
}

fn mount(name: &str, path: &str) -> VolumeMount {
    VolumeMount { name: name.to_owned(), mount_path: path.to_owned(), ..VolumeMount::default() }
}

fn read_only(name: &str, path: &str) -> VolumeMount {
    VolumeMount { read_only: Some(true), ..mount(name, path) }
}
