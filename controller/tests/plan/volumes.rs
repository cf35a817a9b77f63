//! The user's volumes and ours.

use insta::assert_snapshot;
use waggle_controller::plan::Plan;

use crate::fixture::{container, plan_with, pod, refused};

/// Where what is mounted in the server's container.
fn mounts(plan: &Plan) -> String {
    let mounts = container(plan, "mcp").volume_mounts.iter().flatten();
    let mounts: Vec<String> = mounts.map(|mount| format!("{}={}", mount.mount_path, mount.name)).collect();
    let volumes: Vec<&str> = pod(plan).volumes.iter().flatten().map(|volume| volume.name.as_str()).collect();
    format!("{} | {}", mounts.join(" "), volumes.join(" "))
}

#[test]
fn a_volume_is_mounted_beside_ours() {
    let plan = plan_with(
        "volumes: [{name: data, persistentVolumeClaim: {claimName: notes}}], volumeMounts: [{name: data, mountPath: /data}]",
    );
    assert_snapshot!(mounts(&plan));
}

#[test]
fn a_mount_at_our_path_takes_its_place() {
    let plan = plan_with(
        "volumes: [{name: fast, emptyDir: {medium: Memory}}], volumeMounts: [{name: fast, mountPath: /tmp/}]",
    );
    assert_snapshot!(mounts(&plan));
    let plan = plan_with(
        "volumes: [{name: cache, emptyDir: {}}], volumeMounts: [{name: cache, mountPath: /home/mcp}]",
    );
    assert_snapshot!(mounts(&plan));
}

#[test]
fn a_volume_of_our_name_takes_its_place() {
    let plan = plan_with("volumes: [{name: home, persistentVolumeClaim: {claimName: cache}}]");
    assert_snapshot!(mounts(&plan));
    let home = pod(&plan).volumes.iter().flatten().find(|volume| volume.name == "home").unwrap();
    assert_eq!(home.persistent_volume_claim.as_ref().unwrap().claim_name, "cache");
}

#[test]
fn our_home_can_be_mounted_elsewhere_too() {
    let plan = plan_with(
        "volumeMounts: [{name: home, mountPath: /root}, {name: home, mountPath: /home/mcp, subPath: x}]",
    );
    assert_snapshot!(mounts(&plan));
}

#[test]
fn what_the_launcher_needs_is_not_the_users() {
    let plan = plan_with("volumes: [{name: waggle-bin, emptyDir: {}}]");
    assert_snapshot!(refused(&plan));
    let plan =
        plan_with("volumes: [{name: x, emptyDir: {}}], volumeMounts: [{name: x, mountPath: /waggle/bin}]");
    assert_snapshot!(refused(&plan));
}
