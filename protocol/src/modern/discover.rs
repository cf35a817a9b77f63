//! What a server says about itself, told in the other era's words.
//!
//! A tree is right here: this is read once per server and kept.

use std::fmt;

use serde_json::{Map, Value, json};

use crate::version::{MODERN, ProtocolVersion};

const SERVER_INFO: &str = "io.modelcontextprotocol/serverInfo";

/// The result of `server/discover` from what a legacy server answered to `initialize`. `None` if that is no object.
///
/// Tasks of 2025-11-25 have nothing in common with the extension that replaced them, so they are not offered. The
/// result is not to be cached: a server that was updated answers differently after its next start.
pub fn discover_from_initialize(initialize: &[u8]) -> Option<Vec<u8>> {
    let mut legacy: Map<String, Value> = serde_json::from_slice(initialize).ok()?;
    let mut result = Map::new();
    result.insert("resultType".to_owned(), json!("complete"));
    result.insert("supportedVersions".to_owned(), json!([MODERN]));
    result.insert("capabilities".to_owned(), without_tasks(legacy.shift_remove("capabilities")));
    if let Some(instructions @ Value::String(_)) = legacy.shift_remove("instructions") {
        result.insert("instructions".to_owned(), instructions);
    }
    result.insert("ttlMs".to_owned(), json!(0));
    result.insert("cacheScope".to_owned(), json!("private"));
    if let Some(info @ Value::Object(_)) = legacy.shift_remove("serverInfo") {
        result.insert("_meta".to_owned(), json!({ SERVER_INFO: info }));
    }
    Some(Value::Object(result).to_string().into_bytes())
}

/// The result of `initialize` for a client of the revision `version`, from what a modern server answered to
/// `server/discover`. `None` if that is no object.
///
/// Capabilities stay as they are: legacy clients skip those that they do not know.
pub fn initialize_from_discover(discover: &[u8], version: ProtocolVersion) -> Option<Vec<u8>> {
    let mut modern: Map<String, Value> = serde_json::from_slice(discover).ok()?;
    let info = modern.get("_meta").and_then(|meta| meta.get(SERVER_INFO));
    // These two members are required up to 2025-11-25, and nothing of this is in 2026-07-28.
    let info = info.filter(|info| info["name"].is_string() && info["version"].is_string()).cloned();
    let mut result = Map::new();
    result.insert("protocolVersion".to_owned(), json!(version.as_str()));
    result.insert("capabilities".to_owned(), without_tasks(modern.shift_remove("capabilities")));
    let invented = || json!({ "name": "mcp-server", "version": "0" });
    result.insert("serverInfo".to_owned(), info.unwrap_or_else(invented));
    if let Some(instructions @ Value::String(_)) = modern.shift_remove("instructions") {
        result.insert("instructions".to_owned(), instructions);
    }
    Some(Value::Object(result).to_string().into_bytes())
}

fn without_tasks(capabilities: Option<Value>) -> Value {
    let Some(Value::Object(mut capabilities)) = capabilities else { return json!({}) };
    capabilities.shift_remove("tasks");
    Value::Object(capabilities)
}

/// What a client can be asked, as `capabilities` of a legacy `initialize`.
///
/// Only what the revisions define is kept, in one spelling, so there are few different ones: clients that can be asked
/// the same things may share a process, and no client can make up kinds of processes.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct LegacyCapabilities(Box<str>);

impl LegacyCapabilities {
    /// From the raw `_meta["io.modelcontextprotocol/clientCapabilities"]` of a request.
    pub fn from_modern(capabilities: &[u8]) -> Self {
        let declared: Value = serde_json::from_slice(capabilities).unwrap_or_default();
        let mut kept = Map::new();
        // In the order of their names.
        for (kind, details) in
            [("elicitation", &["form", "url"][..]), ("roots", &[]), ("sampling", &["context", "tools"])]
        {
            let Value::Object(declared) = &declared[kind] else { continue };
            let details =
                details.iter().filter(|detail| declared.get(**detail).is_some_and(Value::is_object));
            let details: Map<String, Value> =
                details.map(|detail| ((*detail).to_owned(), json!({}))).collect();
            kept.insert(kind.to_owned(), Value::Object(details));
        }
        Self(Value::Object(kept).to_string().into())
    }

    /// Whether the client can be asked nothing.
    pub fn is_empty(&self) -> bool {
        &*self.0 == "{}"
    }

    /// The raw JSON object; equal for equal capabilities.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for LegacyCapabilities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(raw: Option<Vec<u8>>) -> Value {
        serde_json::from_slice(&raw.unwrap()).unwrap()
    }

    #[test]
    fn a_legacy_server_is_discovered() {
        let initialize = json!({
            "protocolVersion": "2025-11-25",
            "capabilities": {
                "logging": {}, "completions": {}, "prompts": { "listChanged": true },
                "resources": { "subscribe": true }, "tools": {}, "tasks": { "list": {} },
            },
            "serverInfo": { "name": "bees", "version": "1.2", "title": "Bees" },
            "instructions": "Ask for flowers.",
        });
        assert_eq!(
            tree(discover_from_initialize(initialize.to_string().as_bytes())),
            json!({
                "resultType": "complete",
                "supportedVersions": ["2026-07-28"],
                "capabilities": {
                    "logging": {}, "completions": {}, "prompts": { "listChanged": true },
                    "resources": { "subscribe": true }, "tools": {},
                },
                "instructions": "Ask for flowers.",
                "ttlMs": 0,
                "cacheScope": "private",
                "_meta": { SERVER_INFO: { "name": "bees", "version": "1.2", "title": "Bees" } },
            })
        );
        assert_eq!(
            tree(discover_from_initialize(b"{}")),
            json!({
                "resultType": "complete", "supportedVersions": ["2026-07-28"], "capabilities": {},
                "ttlMs": 0, "cacheScope": "private",
            })
        );
        assert_eq!(discover_from_initialize(b"[]"), None);
    }

    #[test]
    fn a_modern_server_is_initialized() {
        let discover = json!({
            "resultType": "complete",
            "supportedVersions": ["2026-07-28"],
            "capabilities": {
                "tools": { "listChanged": true }, "resources": { "subscribe": true }, "tasks": {},
                "extensions": { "example.com/ext": {} },
            },
            "instructions": "Ask for flowers.",
            "ttlMs": 60000,
            "cacheScope": "public",
            "_meta": { SERVER_INFO: { "name": "bees", "version": "1.2" } },
        });
        assert_eq!(
            tree(initialize_from_discover(discover.to_string().as_bytes(), ProtocolVersion::V2025_06_18)),
            json!({
                "protocolVersion": "2025-06-18",
                "capabilities": {
                    "tools": { "listChanged": true }, "resources": { "subscribe": true },
                    "extensions": { "example.com/ext": {} },
                },
                "serverInfo": { "name": "bees", "version": "1.2" },
                "instructions": "Ask for flowers.",
            })
        );
        for nameless in [r#"{}"#, r#"{"_meta":{"io.modelcontextprotocol/serverInfo":{"name":"bees"}}}"#] {
            assert_eq!(
                tree(initialize_from_discover(nameless.as_bytes(), ProtocolVersion::LATEST)),
                json!({
                    "protocolVersion": "2025-11-25", "capabilities": {},
                    "serverInfo": { "name": "mcp-server", "version": "0" },
                })
            );
        }
        assert_eq!(initialize_from_discover(b"null", ProtocolVersion::LATEST), None);
    }

    #[test]
    fn capabilities_that_mean_the_same_are_spelt_the_same() {
        for (modern, legacy) in [
            (r#"{}"#, "{}"),
            (r#"{"extensions":{"a":{}},"experimental":{"b":{}},"tasks":{}}"#, "{}"),
            (r#"{"roots":true,"sampling":null,"elicitation":[]}"#, "{}"),
            (r#"[]"#, "{}"),
            ("", "{}"),
            (r#"{"roots":{"listChanged":true}}"#, r#"{"roots":{}}"#),
            (
                r#"{"sampling":{"tools":{"x":1},"context":{}},"elicitation":{"url":{},"form":{"y":2},"z":{}}}"#,
                r#"{"elicitation":{"form":{},"url":{}},"sampling":{"context":{},"tools":{}}}"#,
            ),
            (
                r#"{"elicitation":{"form":{},"url":{}},"sampling":{"tools":{},"context":{}}}"#,
                r#"{"elicitation":{"form":{},"url":{}},"sampling":{"context":{},"tools":{}}}"#,
            ),
            (r#"{"elicitation":{}}"#, r#"{"elicitation":{}}"#),
        ] {
            let capabilities = LegacyCapabilities::from_modern(modern.as_bytes());
            assert_eq!(capabilities.as_str(), legacy, "{modern}");
            assert_eq!(capabilities.is_empty(), legacy == "{}");
        }
    }
}
