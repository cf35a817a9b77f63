//! What Kubernetes' own types need besides their generated schemas.

use serde_json::{Map, Value, json};

use super::rule::Rule;

/// The API server's own patterns for quantities.
const QUANTITY: &str = r"^(\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))(([KMGTPE]i)|[numkMGTPE]|([eE](\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))))?$";

/// Types that name one thing: whoever writes one field of them means all fields.
const ATOMIC: [&str; 7] = [
    "ConfigMapKeySelector",
    "FileKeySelector",
    "LabelSelector",
    "LocalObjectReference",
    "ObjectFieldSelector",
    "ResourceFieldSelector",
    "SecretKeySelector",
];

/// The schema of the type `name`, completed if it is one of Kubernetes' own.
pub(super) fn completed(name: &str, mut schema: Map<String, Value>) -> Map<String, Value> {
    if !name.starts_with("io.k8s.") {
        return schema;
    }
    shorten(&mut schema);
    let kind = name.rsplit('.').next().unwrap_or(name);
    match kind {
        "Quantity" => {
            schema
                .insert("description".to_owned(), "An amount, such as `250m`, `1`, `64Mi` or `1Gi`.".into());
            schema.insert("anyOf".to_owned(), either());
            schema.insert("pattern".to_owned(), QUANTITY.into());
        }
        "IntOrString" => {
            schema.insert("description".to_owned(), "A number or a text.".into());
            schema.insert("anyOf".to_owned(), either());
            // The type holds no larger ones, and what the API server lets in must be readable.
            schema.insert("maximum".to_owned(), i32::MAX.into());
        }
        "ResourceRequirements" => {
            let claims = &mut schema["properties"]["claims"];
            claims["x-kubernetes-list-type"] = "map".into();
            claims["x-kubernetes-list-map-keys"] = json!(["name"]);
        }
        "Condition" => {
            schema["properties"]["status"]["enum"] = json!(["True", "False", "Unknown"]);
        }
        "EnvVar" => {
            let properties = &mut schema["properties"];
            properties["name"]["minLength"] = 1.into();
            properties["name"]["maxLength"] = 1024.into();
            let one = "!has(self.valueFrom) || !has(self.value) || self.value == ''";
            rules(&mut schema, &[Rule::new(one, "write `value` or `valueFrom`, not both")]);
        }
        "EnvFromSource" => {
            let one = "has(self.configMapRef) != has(self.secretRef)";
            rules(&mut schema, &[Rule::new(one, "write exactly one of `configMapRef` and `secretRef`")]);
        }
        "Volume" => {
            schema["properties"]["name"]["maxLength"] = 63.into();
            let free =
                "self.name.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$') && !self.name.startsWith('waggle-')";
            let message = "write a name of lower-case letters, digits and `-` that does not start with `waggle-`: \
                           those volumes are the controller's";
            rules(&mut schema, &[Rule::new(free, message).at(".name")]);
        }
        "VolumeMount" => {
            let properties = &mut schema["properties"];
            properties["name"]["maxLength"] = 63.into();
            properties["mountPath"]["maxLength"] = 1024.into();
            let absolute = Rule::new(
                "self.mountPath.startsWith('/') && !self.mountPath.contains(':')",
                "write a path that starts with `/` and has no `:`, such as `/data`",
            );
            let free = Rule::new(
                "!(self.mountPath + '/').startsWith('/waggle/')",
                "choose another path: `/waggle` is where the launcher is",
            );
            rules(&mut schema, &[absolute.at(".mountPath"), free.at(".mountPath")]);
        }
        _ if ATOMIC.contains(&kind) => {
            schema.insert("x-kubernetes-map-type".to_owned(), "atomic".into());
            if let Some(name) = schema.get_mut("properties").and_then(|properties| properties.get_mut("name"))
            {
                name["minLength"] = 1.into();
            }
        }
        _ => {}
    }
    schema
}

fn rules(schema: &mut Map<String, Value>, rules: &[Rule]) {
    schema.insert("x-kubernetes-validations".to_owned(), json!(rules));
}

fn either() -> Value {
    json!([{ "type": "integer" }, { "type": "string" }])
}

/// Keeps the first sentence of each description: whole, they are most of the schema.
fn shorten(schema: &mut Map<String, Value>) {
    let of_properties = schema.get_mut("properties").and_then(Value::as_object_mut);
    for property in of_properties.into_iter().flat_map(Map::values_mut) {
        if let Value::Object(property) = property {
            shorten(property);
        }
    }
    if let Some(Value::String(text)) = schema.get_mut("description") {
        *text = first_sentence(text);
    }
}

fn first_sentence(text: &str) -> String {
    let first = text.split("\n\n").next().unwrap_or_default();
    // Not after abbreviations: what follows a sentence starts with a capital.
    let ends = first.match_indices(". ").map(|(at, _)| at + 1);
    let end = ends.into_iter().find(|end| first[*end..].trim_start().starts_with(char::is_uppercase));
    first[..end.unwrap_or(first.len())].replace('\n', " ")
}
