//! What the API server demands of a schema, and what people may expect of it.

use serde_json::Value;
use waggle_crds::schema::definition;

use crate::fields::{Field, fields};
use crate::validate::validate;

#[track_caller]
fn none(what: &str, wrong: impl Iterator<Item = String>) {
    let wrong: Vec<_> = wrong.collect();
    assert!(wrong.is_empty(), "{what}: {wrong:#?}");
}

#[test]
fn each_field_is_described() {
    let definition = definition();
    let all = fields(&definition);
    assert!(all.len() > 400);
    none(
        "without description",
        all.iter()
            .filter(|field| field.is_property() && field.description().is_empty())
            .filter(|field| !field.is_in_a_template())
            .map(path),
    );
}

#[test]
fn each_field_of_ours_has_a_default_and_an_example() {
    let definition = definition();
    let all = fields(&definition);
    let ours = || {
        all.iter().filter(|field| {
            field.path.starts_with("spec.") && field.is_property() && !field.is_inside_kubernetes()
        })
    };
    // Parts with defaults inside have nothing to say in sum.
    let told = |field: &Field<'_>| {
        field.required || field.schema["properties"].is_object() || field.schema.get("default").is_some()
    };
    none(
        "without default",
        ours().filter(|field| !told(field) && !field.description().contains("Default: ")).map(path),
    );
    let outline = |field: &&Field<'_>| !["spec.podTemplate.metadata"].contains(&field.path.as_str());
    none("without example", ours().filter(outline).filter(|field| field.example().is_none()).map(path));
}

#[test]
fn the_schema_is_structural() {
    let definition = definition();
    for field in fields(&definition) {
        let (path, schema) = (&field.path, field.schema);
        let either = schema["x-kubernetes-int-or-string"] == true;
        let open = schema["x-kubernetes-preserve-unknown-fields"] == true;
        assert!(schema["type"].is_string() || either || open, "{path} has no type");
        for key in ["nullable", "$ref", "oneOf", "allOf", "not", "const", "title", "uniqueItems"] {
            assert!(schema.get(key).is_none(), "{path} has `{key}`");
        }
        assert_eq!(schema.get("anyOf").is_some(), either, "{path}");
        assert!(schema["type"] != "array" || schema["items"].is_object(), "{path} has no items");
        if let Some(default) = schema.get("default") {
            assert_eq!(validate(schema, default), Vec::<String>::new(), "the default of {path}");
        }
        for key in schema["x-kubernetes-list-map-keys"].as_array().into_iter().flatten() {
            let required = schema["items"]["required"].as_array();
            assert!(required.is_some_and(|names| names.contains(key)), "{path} may lack its key");
        }
    }
}

#[test]
fn lists_say_how_they_merge_and_how_long_they_may_be() {
    let definition = definition();
    let all = fields(&definition);
    let lists = || {
        all.iter().filter(|field| {
            field.path.starts_with("spec.")
                && field.schema["type"] == "array"
                && !field.is_inside_kubernetes()
        })
    };
    none("without merge", lists().filter(|list| list.schema["x-kubernetes-list-type"].is_null()).map(path));
    none("without end", lists().filter(|list| list.schema["maxItems"].is_null()).map(path));
}

#[test]
fn a_client_can_keep_it_in_an_annotation() {
    let text = definition().to_string();
    assert!(text.len() < 176 * 1024, "{} bytes; all annotations of an object have 256 KiB", text.len());
}

#[test]
fn sentences_speak_to_a_person() {
    let definition = definition();
    for field in fields(&definition) {
        for rule in field.schema["x-kubernetes-validations"].as_array().into_iter().flatten() {
            let message = rule["message"].as_str().unwrap();
            assert!(!message.ends_with('.') && !message.contains('\n'), "{}: {message}", field.path);
            assert!(rule["rule"].as_str().unwrap().contains("self"), "{}: {message}", field.path);
        }
    }
}

#[test]
fn columns_show_fields_that_there_are() {
    let definition = definition();
    let paths: Vec<String> = fields(&definition).iter().map(path).collect();
    let columns = definition["spec"]["versions"][0]["additionalPrinterColumns"].as_array().unwrap();
    let names: Vec<_> = columns.iter().map(|column| column["name"].as_str().unwrap()).collect();
    assert_eq!(
        names,
        ["Ready", "Transport", "URL", "Server", "Tools", "Age", "Reason", "Era", "Replicas", "Image"]
    );
    for column in columns {
        let path = column["jsonPath"].as_str().unwrap().trim_start_matches('.');
        let path = path.replace("[?(@.type==\"Ready\")]", "[]");
        assert!(paths.contains(&path) || path.starts_with("metadata."), "{path}");
    }
}

fn path(field: &Field<'_>) -> String {
    field.path.clone()
}

#[test]
fn the_validation_of_these_tests_can_fail() {
    let definition = definition();
    let spec = &crate::fields::root(&definition)["properties"]["spec"];
    for (wrong, problem) in [
        (r#"{"imgae": "a"}"#, "imgae: there is no such field"),
        (r#"{"env": [{"value": "b"}]}"#, "env[0].name: is required"),
        (r#"{"era": "old"}"#, "era: is none of"),
        (r#"{"port": 65536}"#, "port: is more than"),
        (r#"{"process": {"max": 0}}"#, "process.max: is less than"),
        (r#"{"port": "3000"}"#, "port: is no integer"),
        (r#"{"resources": {"limits": {"cpu": "many"}}}"#, "resources.limits.cpu: does not match"),
        (r#"{"disruptionBudget": {"maxUnavailable": true}}"#, "maxUnavailable: is neither"),
    ] {
        let value: Value = serde_json::from_str(wrong).unwrap();
        let problems = validate(spec, &value).join("; ");
        assert!(problems.contains(problem), "{wrong}: {problems}");
    }
}
