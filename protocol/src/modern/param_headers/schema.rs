//! `x-mcp-header` in a tool's input schema, and the rules for it.

use memchr::memmem;
use serde_json::{Map, Value};

use crate::modern::header::PARAM_PREFIX;

const KEYWORD: &str = "x-mcp-header";

/// An argument that a header repeats.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Annotation {
    /// The header's name, in lower case.
    pub(super) header: Box<str>,
    /// The keys that lead from the arguments to the value.
    pub(super) path: Box<[Box<str>]>,
}

/// The annotations of a raw input schema.
///
/// # Errors
///
/// What is wrong with them; see [`annotations`]. A schema that does not fit a tree and has the keyword is wrong, too.
pub(super) fn annotations_of(schema: &[u8]) -> Result<Vec<Annotation>, String> {
    let plain = memmem::find(schema, KEYWORD.as_bytes()).is_some();
    // Keys may be spelt with escapes.
    if !plain && memmem::find(schema, br"\u").is_none() {
        return Ok(Vec::new());
    }
    match serde_json::from_slice(schema) {
        Ok(schema) => annotations(&schema),
        Err(error) if plain => Err(format!("the input schema cannot be read: {error}")),
        // Half a character in a description, say.
        Err(_) => Ok(Vec::new()),
    }
}

/// The annotations of an input schema.
///
/// # Errors
///
/// What is wrong with them: a name must be a token and unique, the value a string, an integer or a boolean, and
/// nothing but `properties` may lie on the way to it, so that every reader finds the same value.
fn annotations(schema: &Value) -> Result<Vec<Annotation>, String> {
    let mut walk = Walk { path: Vec::new(), found: Vec::new() };
    walk.schema(schema, true)?;
    Ok(walk.found)
}

/// A tree is no deeper than its parser allows, so the walk may recurse.
struct Walk<'a> {
    path: Vec<&'a str>,
    found: Vec<Annotation>,
}

impl<'a> Walk<'a> {
    /// `reachable` says that only `properties` led here.
    fn schema(&mut self, schema: &'a Value, reachable: bool) -> Result<(), String> {
        let Value::Object(keywords) = schema else { return Ok(()) };
        if let Some(name) = keywords.get(KEYWORD) {
            if !reachable || self.path.is_empty() {
                return Err(format!(
                    "{KEYWORD} {name} is not on an argument that is reached through properties only"
                ));
            }
            self.annotation(name, keywords)?;
        }
        for (keyword, value) in keywords {
            match keyword.as_str() {
                "properties" => self.named(value, reachable)?,
                "$defs" | "definitions" | "dependencies" | "dependentSchemas" | "patternProperties" => {
                    self.named(value, false)?;
                }
                "additionalItems"
                | "additionalProperties"
                | "allOf"
                | "anyOf"
                | "contains"
                | "contentSchema"
                | "else"
                | "if"
                | "items"
                | "not"
                | "oneOf"
                | "prefixItems"
                | "propertyNames"
                | "then"
                | "unevaluatedItems"
                | "unevaluatedProperties" => match value {
                    Value::Array(schemas) => {
                        schemas.iter().try_for_each(|schema| self.schema(schema, false))?;
                    }
                    schema => self.schema(schema, false)?,
                },
                // Data, as in `default` and `enum`, is no schema, whatever it looks like.
                _ => {}
            }
        }
        Ok(())
    }

    /// Schemas by name.
    fn named(&mut self, schemas: &'a Value, reachable: bool) -> Result<(), String> {
        let Value::Object(schemas) = schemas else { return Ok(()) };
        for (name, schema) in schemas {
            self.path.push(name);
            self.schema(schema, reachable)?;
            self.path.pop();
        }
        Ok(())
    }

    fn annotation(&mut self, name: &Value, keywords: &Map<String, Value>) -> Result<(), String> {
        let Some(name) = name.as_str().filter(|name| is_token(name)) else {
            return Err(format!("{KEYWORD} {name} is not a header name"));
        };
        if !matches!(keywords.get("type").and_then(Value::as_str), Some("string" | "integer" | "boolean")) {
            return Err(format!("{KEYWORD} {name:?} is not on a string, an integer or a boolean"));
        }
        let header = format!("{PARAM_PREFIX}{}", name.to_ascii_lowercase()).into_boxed_str();
        if self.found.iter().any(|other| other.header == header) {
            return Err(format!("{KEYWORD} {name:?} occurs more than once"));
        }
        self.found.push(Annotation { header, path: self.path.iter().map(|key| Box::from(*key)).collect() });
        Ok(())
    }
}

/// RFC 9110 §5.6.2.
fn is_token(name: &str) -> bool {
    !name.is_empty()
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn found(schema: Value) -> Vec<(String, String)> {
        let annotations = annotations(&schema).unwrap();
        annotations.iter().map(|found| (found.header.to_string(), found.path.join("/"))).collect()
    }

    fn text(header: &str) -> Value {
        json!({ "type": "string", "x-mcp-header": header })
    }

    #[test]
    fn annotations_are_found_at_any_depth_of_properties() {
        let schema = json!({ "type": "object", "properties": {
            "region": text("Region"),
            "plain": { "type": "string" },
            "page": { "type": "object", "properties": {
                "size": { "type": "integer", "x-mcp-header": "Page-Size" },
                "all": { "type": "boolean", "x-mcp-header": "all" },
            } },
        } });
        let expected = [
            ("mcp-param-region", "region"),
            ("mcp-param-page-size", "page/size"),
            ("mcp-param-all", "page/all"),
        ];
        assert_eq!(found(schema), expected.map(|(header, path)| (header.to_owned(), path.to_owned())));
    }

    #[test]
    fn what_only_looks_like_an_annotation_is_none() {
        for schema in [
            json!(null),
            json!(true),
            json!({ "properties": { "x-mcp-header": { "type": "string" } } }),
            json!({ "properties": { "a": { "default": text("A"), "enum": [text("A")], "const": text("A") } } }),
            json!({ "properties": { "properties": { "type": "string" } }, "examples": [text("A")] }),
        ] {
            assert_eq!(annotations(&schema), Ok(vec![]), "{schema}");
        }
    }

    #[test]
    fn only_an_annotated_schema_must_fit_a_tree() {
        let of = |schema: &str| annotations_of(schema.as_bytes()).map(|found| found.len());
        let schema = |keyword: &str, description: &str| {
            format!(
                r#"{{"properties":{{"a":{{"type":"string","{keyword}":"A","description":{description}}}}}}}"#
            )
        };
        for description in ["\"plain\"", r#""\ud83d""#, "1e999"] {
            assert_eq!(of(&schema("x-mcp-footer", description)), Ok(0), "{description}");
        }
        assert_eq!(of(&schema("x-mcp-header", r#""\u00e9""#)), Ok(1));
        assert_eq!(of(&schema(r"x\u002dmcp-header", "0")), Ok(1));
        for description in [r#""\ud83d""#, "1e999"] {
            assert!(of(&schema("x-mcp-header", description)).is_err(), "{description}");
        }
    }

    #[test]
    fn annotations_that_break_a_rule_are_refused() {
        let argument = |schema: Value| json!({ "properties": { "a": schema } });
        for schema in [
            text("Root"),
            argument(text("")),
            argument(text("a b")),
            argument(text("é")),
            argument(text("a:b")),
            argument(text("a\r\nb")),
            argument(json!({ "type": "string", "x-mcp-header": 1 })),
            argument(json!({ "type": "number", "x-mcp-header": "A" })),
            argument(json!({ "type": "object", "x-mcp-header": "A" })),
            argument(json!({ "type": "array", "x-mcp-header": "A" })),
            argument(json!({ "type": ["string", "null"], "x-mcp-header": "A" })),
            argument(json!({ "x-mcp-header": "A" })),
            argument(json!({ "items": text("A") })),
            argument(json!({ "anyOf": [{ "type": "null" }, text("A")] })),
            argument(json!({ "additionalProperties": text("A") })),
            json!({ "oneOf": [{ "properties": { "a": text("A") } }] }),
            json!({ "if": {}, "then": { "properties": { "a": text("A") } } }),
            json!({ "$defs": { "a": text("A") }, "properties": { "a": { "$ref": "#/$defs/a" } } }),
            json!({ "patternProperties": { ".*": text("A") } }),
            json!({ "properties": { "a": text("Same"), "b": { "properties": { "c": text("sAME") } } } }),
        ] {
            assert!(annotations(&schema).is_err(), "{schema}");
        }
    }
}
