//! A plain tree, as the API server wants schemas: each type in its place, no null, one type for each value.

use serde_json::{Map, Value};

use super::kubernetes;

const DEFINITIONS: &str = "#/$defs/";

/// Puts each definition in the places where it is referred to, and says in the API server's words what is left.
pub(super) fn rewrite(mut schema: Value) -> Value {
    let definitions = match schema.as_object_mut().and_then(|object| object.shift_remove("$defs")) {
        Some(Value::Object(definitions)) => definitions,
        _ => Map::new(),
    };
    Rewrite { definitions }.schema(schema)
}

struct Rewrite {
    definitions: Map<String, Value>,
}

impl Rewrite {
    fn schema(&self, schema: Value) -> Value {
        let Value::Object(mut schema) = schema else { return schema };
        schema.shift_remove("$schema");
        schema.shift_remove("title");
        let mut schema = self.resolved(without_null(schema));
        as_enumeration(&mut schema);
        if let Some(Value::String(text)) = schema.get_mut("description") {
            *text = paragraphs(text);
        }
        for key in ["items", "additionalProperties"] {
            if let Some(inner) = schema.get_mut(key) {
                *inner = self.schema(inner.take());
            }
        }
        if let Some(Value::Object(properties)) = schema.get_mut("properties") {
            for property in properties.values_mut() {
                *property = self.schema(property.take());
            }
        }
        plain_default(&mut schema);
        Value::Object(ordered(schema))
    }

    /// The definition that is referred to, under what is said beside the reference.
    fn resolved(&self, mut schema: Map<String, Value>) -> Map<String, Value> {
        let Some(Value::String(reference)) = schema.shift_remove("$ref") else { return schema };
        let name = reference.trim_start_matches(DEFINITIONS);
        let Some(Value::Object(definition)) = self.definitions.get(name).cloned() else { return schema };
        let mut definition = self.resolved(kubernetes::completed(name, definition));
        definition.append(&mut schema);
        definition
    }
}

/// A field that may be left out is no field that may be null: the API server drops nulls by itself.
fn without_null(mut schema: Map<String, Value>) -> Map<String, Value> {
    if let Some(Value::Array(types)) = schema.get_mut("type") {
        types.retain(|name| name != "null");
        if let [name] = types.as_slice() {
            schema["type"] = name.clone();
        }
    }
    let Some(Value::Array(mut choices)) = schema.shift_remove("anyOf") else { return schema };
    let all = choices.len();
    choices.retain(|choice| choice.get("type").is_none_or(|name| name != "null"));
    if choices.len() == all {
        schema.insert("anyOf".to_owned(), Value::Array(choices));
        return schema;
    }
    let Some(Value::Object(mut choice)) = choices.pop() else { return schema };
    choice.append(&mut schema);
    choice
}

/// Documented variants come as a choice of constants.
fn as_enumeration(schema: &mut Map<String, Value>) {
    let Some(Value::Array(variants)) = schema.get("oneOf") else { return };
    let Some(names) = variants.iter().map(|variant| variant.get("const").cloned()).collect() else { return };
    schema.shift_remove("oneOf");
    schema.insert("type".to_owned(), "string".into());
    schema.insert("enum".to_owned(), Value::Array(names));
}

/// Lines become paragraphs, for the width of a source file is nobody's else.
fn paragraphs(text: &str) -> String {
    text.split("\n\n").map(|paragraph| paragraph.replace('\n', " ")).collect::<Vec<_>>().join("\n\n")
}

/// The defaults of an object stand at its fields; it needs an empty one so that they take effect when it is left out.
fn plain_default(schema: &mut Map<String, Value>) {
    if !schema.get("default").is_some_and(Value::is_object) {
        return;
    }
    let some_inside = schema
        .get("properties")
        .and_then(Value::as_object)
        .is_some_and(|properties| properties.values().any(|property| property.get("default").is_some()));
    if some_inside {
        schema.insert("default".to_owned(), Value::Object(Map::new()));
    } else {
        schema.shift_remove("default");
    }
}

/// The keys in the order in which a person asks: what it is, what may be written, then the details.
fn ordered(mut schema: Map<String, Value>) -> Map<String, Value> {
    const LAST: [&str; 5] =
        ["x-kubernetes-validations", "items", "additionalProperties", "required", "properties"];
    let mut ordered = Map::new();
    for key in ["description", "type", "enum", "default"] {
        ordered.extend(schema.shift_remove_entry(key));
    }
    let last: Vec<_> = LAST.iter().filter_map(|key| schema.shift_remove_entry(*key)).collect();
    ordered.append(&mut schema);
    ordered.extend(last);
    ordered
}
