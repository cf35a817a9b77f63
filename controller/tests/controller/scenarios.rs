//! What happens to one server.

use serde_json::{Value, json};

use crate::world::World;

/// Long enough for several looks at a server for no reason.
const HOURS: u64 = 3 * 3600;

#[tokio::test(start_paused = true)]
async fn a_new_server_gets_its_objects_and_a_status() {
    let world = World::new().await;
    world.server("notes", json!({}));
    world.pass(2).await;
    for plural in ["serviceaccounts", "configmaps", "deployments", "services"] {
        let object = world.fake.get(plural, "mcp-notes").unwrap();
        let owner = &object["metadata"]["ownerReferences"][0];
        assert_eq!((&owner["name"], &owner["controller"]), (&json!("notes"), &json!(true)), "{plural}");
    }
    assert_eq!(world.condition("notes", "Accepted").0, "True");
    assert_eq!(world.fake.get("mcpservers", "notes").unwrap()["status"]["observedGeneration"], 1);
}

#[tokio::test(start_paused = true)]
async fn what_is_as_planned_is_not_written() {
    let world = World::new().await;
    world.server(
        "notes",
        json!({"resources": {"limits": {"memory": "1024Mi"}}, "networkPolicy": {}, "replicas": 2}),
    );
    world.pass(2).await;
    let (writes, versions) = (world.fake.writes(), world.fake.state().objects.clone());
    world.pass(HOURS).await;
    assert_eq!(world.fake.writes(), writes);
    // Nor by a controller that knows nothing from before.
    let fake = world.stop().await;
    let world = World::with(fake).await;
    world.pass(HOURS).await;
    assert_eq!(world.fake.writes(), writes);
    assert_eq!(world.fake.state().objects, versions);
    assert!(world.metrics.encode().contains("reconciles_total{outcome=\"Done\"}"));
}

#[tokio::test(start_paused = true)]
async fn what_others_change_in_our_fields_is_restored_and_what_they_add_stays() {
    let world = World::new().await;
    world.server("notes", json!({}));
    world.pass(2).await;
    world.fake.edit("services", "mcp-notes", |service| service["spec"]["ports"][0]["port"] = json!(8088));
    world.fake.edit("deployments", "mcp-notes", |deployment| {
        deployment["metadata"]["annotations"]["example.org/mine"] = json!("x");
        deployment["spec"]["template"]["spec"]["containers"][0]["image"] = json!("evil:1");
    });
    world.fake.remove("configmaps", "mcp-notes");
    world.pass(2).await;
    let deployment = world.fake.get("deployments", "mcp-notes").unwrap();
    assert_eq!(deployment["spec"]["template"]["spec"]["containers"][0]["image"], "notes:1");
    assert_eq!(deployment["metadata"]["annotations"]["example.org/mine"], "x");
    assert_eq!(world.fake.get("services", "mcp-notes").unwrap()["spec"]["ports"][0]["port"], 80);
    assert!(world.fake.get("configmaps", "mcp-notes").is_some());
}

#[tokio::test(start_paused = true)]
async fn a_list_that_others_have_made_invalid_is_restored_as_a_whole() {
    let world = World::new().await;
    world.server("notes", json!({}));
    world.pass(2).await;
    // Ports are merged by their number: ours beside the edited one would be two of the same name.
    let status = json!({"kind": "Status", "code": 422, "reason": "Invalid", "message": "spec.ports[1].name: Duplicate"});
    world.fake.fail("patch services", 1, status);
    world.fake.edit("services", "mcp-notes", |service| service["spec"]["ports"][0]["port"] = json!(8088));
    world.pass(2).await;
    assert_eq!(world.fake.get("services", "mcp-notes").unwrap()["spec"]["ports"][0]["port"], 80);
    assert_eq!(world.condition("notes", "Accepted").0, "True");
}

#[tokio::test(start_paused = true)]
async fn an_object_that_lost_our_label_is_found_and_restored() {
    let world = World::new().await;
    world.server("notes", json!({}));
    world.pass(2).await;
    let label = "app.kubernetes.io/managed-by";
    world.fake.edit("services", "mcp-notes", |service| service["metadata"]["labels"][label] = json!("me"));
    world.pass(2).await;
    assert_eq!(
        world.fake.get("services", "mcp-notes").unwrap()["metadata"]["labels"][label],
        "waggle-controller"
    );
}

#[tokio::test(start_paused = true)]
async fn a_field_that_leaves_the_plan_leaves_the_object() {
    let world = World::new().await;
    world.server("notes", json!({"service": {"annotations": {"example.org/a": "1", "example.org/b": "2"}}}));
    world.pass(2).await;
    let annotations = json!({"example.org/b": "2"});
    world.fake.edit("mcpservers", "notes", |notes| notes["spec"]["service"]["annotations"] = annotations);
    world.pass(2).await;
    let service = world.fake.get("services", "mcp-notes").unwrap();
    let annotations = service["metadata"]["annotations"].as_object().unwrap();
    assert!(!annotations.contains_key("example.org/a") && annotations.contains_key("example.org/b"));
}

#[tokio::test(start_paused = true)]
async fn a_part_that_leaves_the_plan_is_deleted() {
    let world = World::new().await;
    world.server("notes", json!({"ingress": {"host": "notes.example.org"}}));
    world.pass(2).await;
    assert!(world.fake.get("ingresses", "mcp-notes").is_some());
    world
        .fake
        .edit("mcpservers", "notes", |notes| drop(notes["spec"].as_object_mut().unwrap().remove("ingress")));
    world.pass(2).await;
    assert!(world.fake.get("ingresses", "mcp-notes").is_none());
    assert_eq!(world.fake.count("delete "), 1);
}

#[tokio::test(start_paused = true)]
async fn what_belongs_to_others_is_never_touched() {
    let owned = |by: Value| json!({"metadata": {"ownerReferences": [by]}, "data": {"a": "b"}});
    for (plural, object) in [
        ("services", json!({"spec": {"ports": [{"port": 1}]}})),
        ("configmaps", json!({"data": {"a": "b"}})),
        (
            "configmaps",
            owned(json!({"kind": "MCPServer", "name": "notes", "uid": "old", "controller": true})),
        ),
    ] {
        let world = World::new().await;
        world.fake.put(plural, "mcp-notes", object);
        let before = world.fake.get(plural, "mcp-notes");
        world.server("notes", json!({}));
        world.pass(HOURS).await;
        assert_eq!(world.fake.get(plural, "mcp-notes"), before);
        let (status, reason, message) = world.condition("notes", "Ready");
        assert_eq!((status.as_str(), reason.as_str()), ("False", "ForeignObject"));
        assert!(message.contains("`mcp-notes`"), "{message}");
        assert_eq!(world.fake.count(&format!("patch {plural}")), 0);
        assert_eq!(world.fake.count("create events"), 1, "told once");
        // No pod runs with somebody else's configuration.
        assert_eq!(world.fake.get("deployments", "mcp-notes").is_none(), plural == "configmaps");
    }
}

#[tokio::test(start_paused = true)]
async fn a_conflict_is_looked_at_again_soon() {
    let world = World::new().await;
    let status = json!({"kind": "Status", "code": 409, "reason": "Conflict", "message": "changed"});
    world.fake.fail("patch deployments", 2, status);
    world.server("notes", json!({}));
    world.pass(2).await;
    assert!(world.fake.get("deployments", "mcp-notes").is_some());
    assert_eq!(world.fake.count("patch deployments"), 3);
    assert!(world.metrics.encode().contains("reconciles_total{outcome=\"Conflict\"} 2"));
}

#[tokio::test(start_paused = true)]
async fn a_refused_plan_is_told_and_not_tried_in_a_loop() {
    let world = World::new().await;
    let message = "Deployment.apps \"mcp-notes\" is invalid: spec.template.spec.priorityClassName: nope";
    let status = json!({"kind": "Status", "code": 422, "reason": "Invalid", "message": message});
    world.fake.fail("patch deployments", usize::MAX, status);
    world.server("notes", json!({}));
    world.pass(3600).await;
    let (status, reason, said) = world.condition("notes", "Accepted");
    assert_eq!((status.as_str(), reason.as_str()), ("False", "Invalid"));
    assert!(said.contains(message) && said.contains("podTemplate"), "{said}");
    assert_eq!(world.condition("notes", "Ready").0, "False");
    // The other parts are there, and an hour has six looks without a reason.
    assert!(world.fake.get("services", "mcp-notes").is_some());
    let tries = world.fake.count("patch deployments");
    assert!((3..=12).contains(&tries), "{tries}");
    // An edit is tried at once, and what was told goes.
    world.fake.state().forget_answers();
    world.fake.edit("mcpservers", "notes", |notes| notes["spec"]["image"] = json!("notes:2"));
    world.pass(2).await;
    assert!(world.fake.get("deployments", "mcp-notes").is_some());
    assert_eq!(world.condition("notes", "Accepted").0, "True");
}

#[tokio::test(start_paused = true)]
async fn a_missing_right_is_told_by_its_name() {
    let world = World::new().await;
    let status = json!({"kind": "Status", "code": 403, "reason": "Forbidden", "message": "no"});
    world.fake.fail("patch services", usize::MAX, status);
    world.server("notes", json!({}));
    world.pass(60).await;
    let (_, reason, message) = world.condition("notes", "Ready");
    assert_eq!(reason, "Forbidden");
    assert!(message.contains("the verb \"patch\" for \"services\""), "{message}");
}

#[tokio::test(start_paused = true)]
async fn a_namespace_that_goes_away_is_left_alone() {
    let world = World::new().await;
    let causes = json!({"causes": [{"reason": "NamespaceTerminating"}]});
    let status =
        json!({"kind": "Status", "code": 403, "reason": "Forbidden", "message": "no", "details": causes});
    world.fake.fail("patch serviceaccounts", usize::MAX, status);
    world.server("notes", json!({}));
    world.pass(HOURS).await;
    assert_eq!((world.fake.count("patch serviceaccounts"), world.fake.count("create events")), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn the_time_that_a_busy_api_server_asks_for_is_kept() {
    let world = World::new().await;
    world.fake.put_off("patch configmaps", 1, "40");
    world.server("notes", json!({}));
    world.pass(39).await;
    assert_eq!(world.fake.count("patch configmaps"), 1);
    world.pass(10).await;
    assert_eq!(world.fake.count("patch configmaps"), 2);
    assert!(world.fake.get("deployments", "mcp-notes").is_some());
}

#[tokio::test(start_paused = true)]
async fn failures_are_tried_again_ever_more_seldom_until_one_succeeds() {
    let world = World::new().await;
    let status = json!({"kind": "Status", "code": 500, "reason": "InternalError", "message": "etcd"});
    world.fake.fail("patch configmaps", 1000, status);
    world.server("notes", json!({}));
    world.pass(3600).await;
    let tries = world.fake.count("patch configmaps");
    assert!((15..45).contains(&tries), "{tries}");
    world.fake.state().forget_answers();
    world.pass(310).await;
    assert!(world.fake.get("deployments", "mcp-notes").is_some());
}

#[tokio::test(start_paused = true)]
async fn nothing_is_missed_when_watches_end() {
    let world = World::new().await;
    world.server("notes", json!({}));
    world.pass(2).await;
    world.fake.cut(None);
    world.fake.edit("services", "mcp-notes", |service| service["spec"]["ports"][0]["port"] = json!(81));
    world.pass(60).await;
    assert_eq!(world.fake.get("services", "mcp-notes").unwrap()["spec"]["ports"][0]["port"], 80);
    let writes = world.fake.writes();
    world.fake.cut(Some(json!({"kind": "Status", "code": 410, "reason": "Expired", "message": "too old"})));
    world.server("maps", json!({}));
    world.pass(60).await;
    assert!(world.fake.get("deployments", "mcp-maps").is_some());
    assert_eq!(world.fake.count("patch deployments"), 2);
    assert!(world.fake.writes() > writes);
}

#[tokio::test(start_paused = true)]
async fn a_resource_that_is_being_deleted_is_left_alone() {
    let world = World::new().await;
    world.server("notes", json!({}));
    world.pass(2).await;
    let going = json!("2026-11-23T10:00:00Z");
    world.fake.edit("mcpservers", "notes", |notes| notes["metadata"]["deletionTimestamp"] = going);
    let writes = world.fake.writes();
    world.fake.remove("deployments", "mcp-notes");
    world.pass(HOURS).await;
    assert_eq!(world.fake.writes(), writes);
    world.fake.remove("mcpservers", "notes");
    world.pass(HOURS).await;
    assert_eq!(world.fake.writes(), writes);
}

#[tokio::test(start_paused = true)]
async fn an_api_that_comes_later_is_noticed_and_used() {
    let world = World::new().await;
    world.server(
        "notes",
        json!({"httpRoute": {"parentRefs": [{"name": "public"}], "hostnames": ["a.example.org"]}}),
    );
    world.pass(60).await;
    assert!(world.fake.get("httproutes", "mcp-notes").is_none());
    world.fake.state().groups.insert("gateway.networking.k8s.io".to_owned(), "HTTPRoute");
    world.pass(60).await;
    assert!(world.fake.get("httproutes", "mcp-notes").is_some());
    let writes = world.fake.writes();
    let world = World::with(world.stop().await).await;
    world.pass(HOURS).await;
    assert_eq!(world.fake.writes(), writes);
}

#[tokio::test(start_paused = true)]
async fn a_resource_that_cannot_be_read_is_told_so_and_hides_no_other() {
    let world = World::new().await;
    world.server("notes", json!({"podTemplate": {"spec": {"nodeSelector": 3}}}));
    world.server("maps", json!({}));
    world.pass(HOURS).await;
    assert!(world.fake.get("deployments", "mcp-maps").is_some());
    let (status, reason, message) = world.condition("notes", "Accepted");
    assert_eq!((status.as_str(), reason.as_str()), ("False", "Unreadable"));
    assert!(message.contains("integer `3`") && message.contains("spec.podTemplate"), "{message}");
    let writes = world.fake.count("patch mcpservers/status");
    world.fake.edit("mcpservers", "notes", |notes| notes["spec"]["podTemplate"] = json!({}));
    world.pass(2).await;
    assert_eq!(world.condition("notes", "Accepted").0, "True");
    assert!(writes <= 4, "{writes}");
}
