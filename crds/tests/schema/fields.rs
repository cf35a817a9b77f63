//! The fields of the schema.

use serde_json::Value;

/// Fields of Kubernetes' own types, with what `kubectl explain` calls them. What is inside them is told there.
pub(crate) const KUBERNETES: [(&str, &str); 16] = [
    ("spec.imagePullSecrets[]", "pod.spec.imagePullSecrets"),
    ("spec.env[]", "pod.spec.containers.env"),
    ("spec.envFrom[]", "pod.spec.containers.envFrom"),
    ("spec.resources", "pod.spec.containers.resources"),
    ("spec.volumes[]", "pod.spec.volumes"),
    ("spec.volumeMounts[]", "pod.spec.containers.volumeMounts"),
    ("spec.podTemplate.metadata.labels{}", "pod.metadata.labels"),
    ("spec.podTemplate.metadata.annotations{}", "pod.metadata.annotations"),
    ("spec.podTemplate.spec", "pod.spec"),
    ("spec.proxy.resources", "pod.spec.containers.resources"),
    ("spec.remote.headers[].secretKeyRef", "pod.spec.containers.env.valueFrom.secretKeyRef"),
    ("spec.remote.ca", "pod.spec.containers.env.valueFrom.secretKeyRef"),
    ("spec.networkPolicy.from[]", "networkpolicy.spec.ingress.from"),
    ("spec.networkPolicy.metricsFrom[]", "networkpolicy.spec.ingress.from"),
    ("spec.networkPolicy.egress[]", "networkpolicy.spec.egress"),
    ("status.conditions[]", "deployment.status.conditions"),
];

/// One schema in the tree, with its place: `spec.env[].name`.
pub(crate) struct Field<'a> {
    pub(crate) path: String,
    pub(crate) schema: &'a Value,
    /// Whether it must be written where its object is.
    pub(crate) required: bool,
}

impl Field<'_> {
    pub(crate) fn description(&self) -> &str {
        self.schema["description"].as_str().unwrap_or_default()
    }

    /// The YAML after `Example:`, which ends a description.
    pub(crate) fn example(&self) -> Option<&str> {
        self.description().split_once("Example: `")?.1.strip_suffix('`')
    }

    /// Whether it is a property, and not the entries of a list or a map.
    pub(crate) fn is_property(&self) -> bool {
        !self.path.ends_with(['}', ']'])
    }

    /// Whether it is inside a pod template, where only the first fields are described.
    pub(crate) fn is_in_a_template(&self) -> bool {
        self.path.starts_with("spec.podTemplate.spec.")
    }

    /// Whether it is inside one of Kubernetes' own types.
    pub(crate) fn is_inside_kubernetes(&self) -> bool {
        KUBERNETES.iter().any(|(path, _)| self.path.len() > path.len() && self.path.starts_with(path))
    }
}

pub(crate) fn root(definition: &Value) -> &Value {
    &definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
}

/// All fields, each after the one that it is in.
pub(crate) fn fields(definition: &Value) -> Vec<Field<'_>> {
    let mut all = Vec::new();
    properties(root(definition), "", &mut all);
    all
}

fn properties<'a>(schema: &'a Value, path: &str, all: &mut Vec<Field<'a>>) {
    let required = schema["required"].as_array();
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        let required = required.is_some_and(|names| names.contains(&Value::from(name.as_str())));
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        visit(property, path, required, all);
    }
}

fn visit<'a>(schema: &'a Value, path: String, required: bool, all: &mut Vec<Field<'a>>) {
    all.push(Field { path: path.clone(), schema, required });
    properties(schema, &path, all);
    for (key, suffix) in [("items", "[]"), ("additionalProperties", "{}")] {
        if schema[key].is_object() {
            visit(&schema[key], format!("{path}{suffix}"), false, all);
        }
    }
}
