//! What the user says of the pod.

use insta::{assert_snapshot, assert_yaml_snapshot};

use crate::fixture::{container, plan, plan_with, pod, refused};

#[test]
fn fields_are_added_and_replaced() {
    let plan = plan_with(
        "podTemplate: {metadata: {labels: {team: ai}, annotations: {example.org/scrape: 'true'}}, spec: {
            nodeSelector: {disk: ssd}, tolerations: [{key: gpu, operator: Exists}], priorityClassName: high,
            securityContext: {runAsUser: 1000}, terminationGracePeriodSeconds: 90}}",
    );
    let template = &plan.deployment.as_ref().unwrap().spec.as_ref().unwrap().template;
    assert_yaml_snapshot!("template-metadata", template.metadata);
    let pod = pod(&plan);
    assert_eq!(pod.node_selector.as_ref().unwrap()["disk"], "ssd");
    assert_eq!(pod.tolerations.as_ref().unwrap()[0].key.as_deref(), Some("gpu"));
    assert_eq!(pod.termination_grace_period_seconds, Some(90));
    let security = pod.security_context.as_ref().unwrap();
    assert_eq!((security.run_as_user, security.run_as_non_root), (Some(1000), Some(true)));
}

#[test]
fn containers_merge_by_name() {
    let plan = plan_with(
        "env: [{name: A, value: '1'}],
         podTemplate: {spec: {
            containers: [
                {name: mcp, workingDir: /srv, securityContext: {readOnlyRootFilesystem: false},
                 env: [{name: A, valueFrom: {fieldRef: {fieldPath: metadata.name}}}, {name: B, value: '2'}],
                 volumeMounts: [{mountPath: /tmp, name: scratch}]},
                {name: beside, image: busybox:1.37}],
            initContainers: [{name: waggle-proxy, env: [{name: RUST_BACKTRACE, value: '1'}]}, {name: fetch, image: busybox:1.37}],
            volumes: [{name: scratch, emptyDir: {sizeLimit: 1Gi}}, {name: tmp, persistentVolumeClaim: {claimName: t}}]}}",
    );
    assert_yaml_snapshot!("template-containers", pod(&plan));
}

#[test]
fn a_template_without_a_word_changes_nothing() {
    assert_eq!(
        plan_with("podTemplate: {spec: {containers: []}}").deployment,
        plan_with("args: []").deployment
    );
}

#[test]
fn what_would_break_the_pod_is_refused() {
    let sentences: Vec<String> = [
        "metadata: {labels: {waggle.dev/server: other}}",
        "spec: {restartPolicy: OnFailure}",
        "spec: {containers: [{name: mcp, command: [sh]}]}",
        "spec: {containers: [{name: mcp, args: [x]}]}",
        "spec: {containers: [{name: mcp, image: other}]}",
        "spec: {containers: [{name: mcp, volumeMounts: [{mountPath: /waggle/run, name: x}]}]}",
        "spec: {containers: [{name: waggle-proxy, resources: {}}]}",
        "spec: {initContainers: [{name: mcp, image: other}]}",
        "spec: {initContainers: [{name: waggle-proxy, restartPolicy: Never}]}",
        "spec: {initContainers: [{name: waggle-proxy, args: [--listen, '0.0.0.0:1']}]}",
        "spec: {initContainers: [{name: waggle-proxy, ports: [{containerPort: 8080, name: web}]}]}",
        "spec: {initContainers: [{name: waggle-proxy, image: other}]}",
        "spec: {initContainers: [{name: waggle-proxy, lifecycle: {postStart: {exec: {command: [x]}}}}]}",
        "spec: {volumes: [{name: waggle-config, emptyDir: {}}]}",
    ]
    .map(|template| refused(&plan_with(&format!("podTemplate: {{{template}}}"))))
    .into();
    assert_snapshot!(sentences.join("\n"));
}

#[test]
fn a_port_beside_those_of_the_proxy_is_fine() {
    let plan = plan_with(
        "podTemplate: {spec: {initContainers: [{name: waggle-proxy, ports: [{containerPort: 7000}]}]}}",
    );
    assert_eq!(container(&plan, "waggle-proxy").ports.as_ref().unwrap().len(), 3);
}

#[test]
fn an_http_server_is_free_to_be_changed() {
    let plan = plan(
        "{image: a/b:1, transport: sse, port: 3000, podTemplate: {spec: {containers: [{name: mcp, lifecycle: {preStop: {sleep: {seconds: 20}}}}]}}}",
    );
    let sleep = container(&plan, "mcp").lifecycle.clone().unwrap().pre_stop.unwrap().sleep.unwrap();
    assert_eq!(sleep.seconds, 20);
}
