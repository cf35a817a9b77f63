//! What the user says of the pod, over what is planned: as `kubectl patch` merges.

use k8s_openapi::{
    DeepMerge,
    api::core::v1::{Container, PodSpec, PodTemplateSpec},
};

use super::{context::Context, labels, names, problem::Problem};

/// Merges `given` over `planned`: containers, variables and volumes by name, mounts by path, everything else by field.
pub(super) fn merge(
    context: &Context<'_>,
    planned: PodTemplateSpec,
    given: &PodTemplateSpec,
) -> Result<PodTemplateSpec, Problem> {
    let mut merged = planned.clone();
    make_room(&mut merged, given);
    merged.merge_from(given.clone());
    fits(context, &planned, &merged)?;
    Ok(merged)
}

/// A volume has one source and a variable one value: where the user gives one, the planned one goes.
fn make_room(merged: &mut PodTemplateSpec, given: &PodTemplateSpec) {
    let (Some(merged), Some(given)) = (merged.spec.as_mut(), given.spec.as_ref()) else { return };
    let volumes = given.volumes.iter().flatten();
    for volume in volumes.filter(|volume| !is_essential(&volume.name)) {
        merged.volumes.iter_mut().for_each(|all| all.retain(|ours| ours.name != volume.name));
    }
    let all = merged.containers.iter_mut().chain(merged.init_containers.iter_mut().flatten());
    for container in all {
        let same = |other: &&Container| other.name == container.name;
        let Some(given) = given.containers.iter().chain(given.init_containers.iter().flatten()).find(same)
        else {
            continue;
        };
        for variable in given.env.iter().flatten() {
            container.env.iter_mut().for_each(|all| all.retain(|ours| ours.name != variable.name));
        }
    }
}

/// Whether the pod is still what the Service, the proxy and the launcher expect.
fn fits(context: &Context<'_>, planned: &PodTemplateSpec, merged: &PodTemplateSpec) -> Result<(), Problem> {
    for (label, value) in labels::selected(&context.instance()) {
        let found = merged.metadata.as_ref().and_then(|metadata| metadata.labels.as_ref()?.get(&label));
        if found != Some(&value) {
            return Err(Problem::template(format!(
                "`spec.podTemplate` changes the label `{label}`, by which the pods are found; leave it out."
            )));
        }
    }
    if hash(merged) != hash(planned) {
        return Err(Problem::template(format!(
            "`spec.podTemplate` sets the annotation `{}`, which says when the pods are started anew; leave it out.",
            names::RESTART_HASH
        )));
    }
    let (Some(planned), Some(merged)) = (&planned.spec, &merged.spec) else { return Ok(()) };
    if merged.restart_policy.as_deref().is_some_and(|policy| policy != "Always") {
        return Err(Problem::template(
            "`spec.podTemplate` sets `restartPolicy`, which has to be `Always`; leave it out.",
        ));
    }
    for volume in planned.volumes.iter().flatten().filter(|volume| is_essential(&volume.name)) {
        if !merged.volumes.iter().flatten().any(|other| other == volume) {
            return Err(Problem::template(format!(
                "`spec.podTemplate` changes the volume `{}`, which belongs to the pod itself; write one of another name.",
                volume.name
            )));
        }
    }
    for (planned, list) in each(planned) {
        let Some(merged) = each(merged).find(|(other, place)| other.name == planned.name && *place == list)
        else {
            continue;
        };
        container_fits(planned, merged.0)?;
    }
    twice(merged)
}

fn hash(template: &PodTemplateSpec) -> Option<&String> {
    template.metadata.as_ref()?.annotations.as_ref()?.get(names::RESTART_HASH)
}

/// Each container with the list in which it stands.
fn each(pod: &PodSpec) -> impl Iterator<Item = (&Container, &'static str)> {
    let init = pod.init_containers.iter().flatten().map(|container| (container, "initContainers"));
    init.chain(pod.containers.iter().map(|container| (container, "containers")))
}

/// One name in both lists: the user meant the planned container and wrote it into the other list.
fn twice(pod: &PodSpec) -> Result<(), Problem> {
    let [init, normal] = ["initContainers", "containers"].map(|wanted| {
        each(pod)
            .filter(|(_, list)| *list == wanted)
            .map(|(container, _)| container.name.as_str())
            .collect::<Vec<_>>()
    });
    match normal.iter().find(|name| init.contains(name)) {
        Some(name) => {
            let list = if *name == names::SERVER { "containers" } else { "initContainers" };
            Err(Problem::template(format!(
                "`spec.podTemplate` has a second container `{name}`; write what you mean of it under `{list}`."
            )))
        }
        None => Ok(()),
    }
}

fn container_fits(planned: &Container, merged: &Container) -> Result<(), Problem> {
    let name = &planned.name;
    let server = *name == names::SERVER;
    let refused = |what: &str, instead: &str| {
        Err(Problem::template(format!(
            "`spec.podTemplate` changes {what} of the container `{name}`; {instead}."
        )))
    };
    if planned.command != merged.command {
        let instead = if server { "write `spec.command` and `spec.args`" } else { "leave it out" };
        return refused("`command`", instead);
    }
    if planned.image != merged.image {
        let instead = if server {
            "write `spec.image`"
        } else {
            "set the proxy's image where the controller is installed"
        };
        return refused("`image`", instead);
    }
    if planned.args != merged.args {
        let instead = if server { "write `spec.args`" } else { "write `spec.proxy`" };
        return refused("`args`", instead);
    }
    if planned.restart_policy != merged.restart_policy {
        return refused("`restartPolicy`", "leave it out");
    }
    let post_start = |container: &Container| container.lifecycle.as_ref()?.post_start.clone();
    if !server && post_start(planned) != post_start(merged) {
        return refused("`lifecycle.postStart`", "leave it out: the server is started once that has ended");
    }
    let ports = |container: &Container| container.ports.clone().unwrap_or_default();
    if !ports(planned).iter().all(|port| ports(merged).contains(port)) {
        return refused("the ports", "write other numbers");
    }
    let lost = planned.volume_mounts.iter().flatten().find(|mount| {
        is_essential(&mount.name) && !merged.volume_mounts.iter().flatten().any(|other| other == *mount)
    });
    match lost {
        Some(mount) => refused(&format!("the mount at `{}`", mount.mount_path), "write another path"),
        None => Ok(()),
    }
}

/// Whether the pod cannot do without the volume. Where the server may write is the user's to replace.
fn is_essential(volume: &str) -> bool {
    volume.starts_with(names::RESERVED)
}
