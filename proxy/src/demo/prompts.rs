//! Prompts, and completion of their arguments and of the resource template's.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::error::Error;
use super::message::params;
use super::resources;

const LANGUAGES: [&str; 10] =
    ["Danish", "Dutch", "English", "French", "German", "Greek", "Italian", "Polish", "Portuguese", "Spanish"];
const NAMES: [&str; 6] = ["Ada", "Alan", "Barbara", "Edsger", "Grace", "Karl"];

#[derive(Deserialize)]
struct Get {
    name: String,
    #[serde(default)]
    arguments: Map<String, Value>,
}

#[derive(Deserialize)]
struct Complete {
    r#ref: Reference,
    argument: Argument,
}

#[derive(Deserialize)]
#[serde(tag = "type")]
enum Reference {
    #[serde(rename = "ref/prompt")]
    Prompt { name: String },
    #[serde(rename = "ref/resource")]
    Resource { uri: String },
}

#[derive(Deserialize)]
struct Argument {
    name: String,
    value: String,
}

/// The result of `prompts/list`.
pub(super) fn list() -> Value {
    json!({ "prompts": [
        {
            "name": "haiku",
            "title": "Haiku",
            "description": "Asks for a haiku",
            "arguments": [{ "name": "topic", "description": "What it is about", "required": true }],
        },
        {
            "name": "greet",
            "title": "Greeting",
            "description": "Asks for a greeting in a language; the language can be completed",
            "arguments": [{ "name": "language", "description": "The language to greet in", "required": true }],
        },
    ] })
}

/// The result of `prompts/get`.
pub(super) fn get(request: Value) -> Result<Value, Error> {
    let Get { name, arguments } = params(request)?;
    let argument = |key: &str| {
        let missing =
            || Error::InvalidParams(format!("prompt {name:?} needs the argument {key:?}, a string"));
        arguments.get(key).and_then(Value::as_str).ok_or_else(missing)
    };
    let (description, text) = match name.as_str() {
        "haiku" => {
            ("A haiku", format!("Write a haiku about {}. Answer with the haiku only.", argument("topic")?))
        }
        "greet" => {
            ("A greeting", format!("Greet a beekeeper in {}, in one sentence.", argument("language")?))
        }
        _ => return Err(Error::InvalidParams(format!("no prompt {name:?}: see prompts/list"))),
    };
    Ok(json!({
        "description": description,
        "messages": [{ "role": "user", "content": { "type": "text", "text": text } }],
    }))
}

/// The result of `completion/complete`.
pub(super) fn complete(request: Value) -> Result<Value, Error> {
    let Complete { r#ref, argument } = params(request)?;
    let known: &[&str] = match (&r#ref, argument.name.as_str()) {
        (Reference::Prompt { name }, "language") if name == "greet" => &LANGUAGES,
        // Free text: nothing to suggest.
        (Reference::Prompt { name }, "topic") if name == "haiku" => &[],
        (Reference::Resource { uri }, "name") if uri == resources::GREETING => &NAMES,
        _ => {
            return Err(Error::InvalidParams(format!(
                "nothing to complete: no argument {:?} there",
                argument.name
            )));
        }
    };
    let typed = argument.value.to_lowercase();
    let values: Vec<_> = known.iter().filter(|value| value.to_lowercase().starts_with(&typed)).collect();
    Ok(json!({ "completion": { "values": values, "total": values.len(), "hasMore": false } }))
}
