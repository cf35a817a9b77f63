//! The schema of the pod template.

use k8s_openapi::api::core::v1::PodSpec;
use schemars::{Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value, json};

use super::rules;
use crate::schema::{rule::Rule, tree};

/// A pod template in which nothing is required, as it is merged into another one. Fields that a pod does not have are
/// refused here, for who would notice them later?
pub(super) fn template_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "properties": {
            "metadata": {
                "description": "Labels and annotations of the pods.",
                "type": "object",
                "properties": {
                    "labels": strings("More labels of the pods. Default: none. Example: `{team: tools}`"),
                    "annotations": strings(
                        "More annotations of the pods. Default: none. Example: `{example.org/owner: tools}`"
                    ),
                },
            },
            "spec": specification(),
        },
    })
}

fn strings(description: &str) -> Value {
    json!({
        "description": description,
        "type": "object",
        "maxProperties": 128,
        "additionalProperties": { "type": "string" },
        "x-kubernetes-validations": rules::reserved(),
    })
}

/// Kubernetes' own, without the descriptions inside its fields: they are told of pods, and seven times as long as all
/// else.
fn specification() -> Value {
    let mut schema = tree::<PodSpec>();
    let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) else { return schema };
    // No template may have them.
    properties.shift_remove("ephemeralContainers");
    for property in properties.values_mut().filter_map(Value::as_object_mut) {
        let description = property.get("description").cloned();
        bare(property);
        property.extend(description.map(|text| ("description".to_owned(), text)));
    }
    merged_by("name", 64, &mut properties["volumes"]);
    merged_by("name", 32, &mut properties["imagePullSecrets"]);
    for list in ["containers", "initContainers"] {
        merged_by("name", 64, &mut properties[list]);
        let fields = &mut properties[list]["items"]["properties"];
        merged_by("name", 512, &mut fields["env"]);
        merged_by("mountPath", 64, &mut fields["volumeMounts"]);
    }
    for (name, description) in OURS {
        properties[name]["description"] = description.into();
    }
    properties["restartPolicy"]["enum"] = json!(["Always"]);
    properties["containers"]["x-kubernetes-validations"] = json!([Rule::new(
        "self.all(one, one.name != 'mcp' || !has(one.image) && !has(one.command) && !has(one.args))",
        "write the server's image, command and arguments in `spec.image`, `spec.command` and `spec.args`",
    )]);
    schema["description"] =
        "Any field of a pod's specification; `kubectl explain pod.spec` tells more of each. \
                             Example: `{nodeSelector: {disk: ssd}}`"
            .into();
    if let Some(schema) = schema.as_object_mut() {
        schema.shift_remove("required");
    }
    schema
}

/// What is to be said of fields here and not of pods.
const OURS: [(&str, &str); 4] = [
    (
        "containers",
        "More about the containers `mcp` (the server) and `waggle-proxy`, or containers beside them. Default: none. \
         Example: `[{name: mcp, workingDir: /srv}]`",
    ),
    (
        "initContainers",
        "Containers that run before the server, or beside it with `restartPolicy: Always`. Default: none. \
         Example: `[{name: fetch, image: \"busybox:1.37\", command: [wget, \"-P\", /data, \"http://files/notes.db\"]}]`",
    ),
    ("volumes", "Volumes, as in `spec.volumes`. Default: none. Example: `[{name: cache, emptyDir: {}}]`"),
    (
        "restartPolicy",
        "Only `Always`, since a server runs until it is deleted. Default: `Always`. Example: `Always`",
    ),
];

/// Leaves the types alone. The rules would cost too much in lists in lists, and the Deployment is checked anyway.
fn bare(schema: &mut Map<String, Value>) {
    schema.shift_remove("description");
    schema.shift_remove("x-kubernetes-validations");
    for key in ["items", "additionalProperties"] {
        if let Some(inner) = schema.get_mut(key).and_then(Value::as_object_mut) {
            bare(inner);
        }
    }
    let properties = schema.get_mut("properties").and_then(Value::as_object_mut);
    properties.into_iter().flat_map(Map::values_mut).filter_map(Value::as_object_mut).for_each(bare);
}

fn merged_by(key: &str, most: u32, list: &mut Value) {
    list["x-kubernetes-list-type"] = "map".into();
    list["x-kubernetes-list-map-keys"] = json!([key]);
    list["maxItems"] = most.into();
}
