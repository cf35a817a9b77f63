//! `docs/mcpserver.md` says what the schema says.

use std::fmt::Write as _;

use serde_json::Value;
use waggle_crds::schema::definition;

use crate::fields::{Field, KUBERNETES, fields};
use crate::generated::generated_part;

const BEGIN: &str = "<!-- fields: begin (generated; BLESS=1 cargo test -p waggle-crds generated) -->\n";
const END: &str = "<!-- fields: end -->\n";

#[test]
fn generated_reference() {
    let definition = definition();
    let all = fields(&definition);
    let mut text = String::new();
    for part in parts(&all) {
        text.push_str(&section(part, &all));
    }
    generated_part("docs/mcpserver.md", BEGIN, &format!("{text}\n"), END);
}

/// The fields with fields of ours, `spec` first.
fn parts<'a>(all: &'a [Field<'a>]) -> impl Iterator<Item = &'a Field<'a>> {
    let is_listed = |field: &&Field<'_>| {
        field.schema["properties"].is_object()
            && !field.is_inside_kubernetes()
            && KUBERNETES.iter().all(|(path, _)| field.path != *path)
    };
    all.iter().filter(is_listed)
}

fn section(part: &Field<'_>, all: &[Field<'_>]) -> String {
    let mut text = format!("\n### `{}`\n\n", part.path);
    if part.is_property() {
        let _ = writeln!(text, "{}\n", split(part).0);
    } else {
        let _ = writeln!(text, "Each entry: {}\n", part.description());
    }
    let status = part.path.starts_with("status");
    text.push_str(if status { STATUS_HEAD } else { SPEC_HEAD });
    let prefix = format!("{}.", part.path);
    for field in all {
        let name = field.path.strip_prefix(&prefix).filter(|name| !name.contains(['.', '[', '{']));
        if let Some(name) = name {
            text.push_str(&row(name, field, all, status));
        }
    }
    text + &rules(part.schema)
}

const SPEC_HEAD: &str = "| Field | Takes | Default | Meaning | Example |\n|---|---|---|---|---|\n";
const STATUS_HEAD: &str = "| Field | Holds | Meaning | Example |\n|---|---|---|---|\n";

fn row(name: &str, field: &Field<'_>, all: &[Field<'_>], status: bool) -> String {
    let (meaning, default, example) = split(field);
    let mut cells = vec![format!("`{name}`"), takes(field, all), meaning.to_owned(), example.to_owned()];
    if !status {
        cells.insert(2, default);
    }
    let cells: Vec<_> = cells.into_iter().map(|cell| cell.replace('|', "\\|")).collect();
    format!("| {} |\n", cells.join(" | "))
}

/// Meaning, default and example.
fn split<'a>(field: &Field<'a>) -> (&'a str, String, &'a str) {
    let description = field.schema["description"].as_str().unwrap_or_default();
    let (told, example) = description.split_once(" Example: ").unwrap_or((description, ""));
    match told.split_once(" Default: ") {
        Some((meaning, default)) => (meaning, default.trim_end_matches('.').to_owned(), example),
        None => (told, default_of(field), example),
    }
}

fn default_of(field: &Field<'_>) -> String {
    match field.schema.get("default") {
        _ if field.required => "**required**".to_owned(),
        Some(Value::String(text)) => format!("`{text}`"),
        Some(Value::Number(number)) => format!("`{number}`"),
        _ => "see its fields".to_owned(),
    }
}

fn takes(field: &Field<'_>, all: &[Field<'_>]) -> String {
    let schema = field.schema;
    let explained =
        KUBERNETES.iter().find(|(path, _)| path.trim_end_matches(['[', ']', '{', '}']) == field.path);
    if let Some((_, explained)) = explained {
        return format!("as `{explained}`");
    }
    if let Some(names) = schema["enum"].as_array() {
        let names: Vec<_> = names.iter().filter_map(Value::as_str).map(|name| format!("`{name}`")).collect();
        return names.join(", ");
    }
    let inner = |suffix: &str| {
        let path = format!("{}{suffix}", field.path);
        all.iter().find(|field| field.path == path).map_or_else(String::new, |field| takes(field, all))
    };
    match schema["type"].as_str() {
        Some("string") => form(schema),
        Some("integer") => match (schema["minimum"].as_i64(), schema["maximum"].as_i64()) {
            (Some(least), Some(most)) => format!("{least} to {most}"),
            _ => "a number".to_owned(),
        },
        Some("boolean") => "`true`, `false`".to_owned(),
        Some("array") => format!("list: {}", inner("[]")),
        Some("object") if schema["properties"].is_object() => {
            let anchor = field.path.replace(['.', '[', ']'], "").to_lowercase();
            format!("[fields](#{anchor})")
        }
        Some("object") if schema["additionalProperties"].is_object() => "names with values".to_owned(),
        Some("object") => "fields".to_owned(),
        _ => "a number or a text".to_owned(),
    }
}

/// The form of a text, from the sentence that asks for it.
fn form(schema: &Value) -> String {
    let message = schema["x-kubernetes-validations"][0]["message"].as_str().unwrap_or_default();
    let forms = ["duration", "size", "origin", "host name", "image", "name of an object", "path"];
    let found = forms.iter().find(|form| message.contains(&format!(" {form}")));
    found.map_or("text", |form| form).to_owned()
}

/// What the fields of a part demand of each other.
fn rules(schema: &Value) -> String {
    let rules = schema["x-kubernetes-validations"].as_array().map(Vec::as_slice).unwrap_or_default();
    if rules.is_empty() {
        return String::new();
    }
    let mut text = "\nRefused, with what to do about it:\n\n".to_owned();
    let mut told: Vec<(&str, Vec<String>)> = Vec::new();
    for rule in rules {
        let message = rule["message"].as_str().unwrap_or_default();
        let path = rule["fieldPath"].as_str().map(|path| format!("`{}`", path.trim_start_matches('.')));
        match told.iter_mut().find(|(known, _)| *known == message) {
            Some((_, paths)) => paths.extend(path),
            None => told.push((message, path.into_iter().collect())),
        }
    }
    for (message, paths) in told {
        let subject = if paths.is_empty() { String::new() } else { format!("{}: ", paths.join(", ")) };
        let _ = writeln!(text, "- {subject}{message}.");
    }
    text
}
