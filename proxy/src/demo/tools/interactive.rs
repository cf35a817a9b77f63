//! Tools that ask the client back: the person behind it, its model, its folders.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Context, ToolError, says};

#[derive(Deserialize)]
pub(super) struct Ask {
    question: String,
}

#[derive(Deserialize)]
pub(super) struct Sample {
    prompt: String,
}

/// Longest answer asked of a model.
const MAX_TOKENS: u32 = 200;

pub(super) async fn ask(Ask { question }: Ask, context: &Context) -> Result<Value, ToolError> {
    needs(context.caller.capabilities.elicitation_form, "elicitation")?;
    let form = json!({
        "message": question,
        "requestedSchema": {
            "type": "object",
            "properties": {
                "answer": { "type": "string", "title": "Your answer", "minLength": 1 },
                "mood": { "type": "string", "title": "Your mood", "enum": ["busy", "calm", "sleepy"] },
                "sure": { "type": "boolean", "title": "Are you sure?", "default": true },
            },
            "required": ["answer"],
        },
    });
    let result = context.peer.request("elicitation/create", form).await?;
    match result["action"].as_str() {
        Some("accept") => accepted(&result["content"]),
        Some("decline") => Ok(says("You declined to answer.")),
        Some("cancel") => Ok(says("You closed the question.")),
        _ => Err(malformed("elicitation/create", "action must be accept, decline or cancel")),
    }
}

fn accepted(content: &Value) -> Result<Value, ToolError> {
    let Some(answer) = content["answer"].as_str() else {
        return Err(malformed("elicitation/create", "the accepted form lacks the answer"));
    };
    let mut sentence = format!("You answered: {answer}");
    if let Some(mood) = content["mood"].as_str() {
        sentence += &format!(" (mood: {mood})");
    }
    if content["sure"] == false {
        sentence += " (not sure)";
    }
    Ok(says(&sentence))
}

pub(super) async fn sample(Sample { prompt }: Sample, context: &Context) -> Result<Value, ToolError> {
    needs(context.caller.capabilities.sampling, "sampling")?;
    let request = json!({
        "messages": [{ "role": "user", "content": { "type": "text", "text": prompt } }],
        "systemPrompt": "Answer in one short sentence.",
        "maxTokens": MAX_TOKENS,
    });
    let result = context.peer.request("sampling/createMessage", request).await?;
    // One block, or since 2025-11-25 possibly several.
    let blocks = match &result["content"] {
        Value::Array(blocks) => blocks.as_slice(),
        block => std::slice::from_ref(block),
    };
    let texts: Vec<_> = blocks.iter().filter_map(|block| block["text"].as_str()).collect();
    if texts.is_empty() {
        return Err(malformed("sampling/createMessage", "the message has no text"));
    }
    let model = result["model"].as_str().unwrap_or("the model");
    Ok(says(&format!("{model} says: {}", texts.join("\n"))))
}

pub(super) async fn roots(context: &Context) -> Result<Value, ToolError> {
    needs(context.caller.capabilities.roots, "roots")?;
    let result = context.peer.request("roots/list", json!({})).await?;
    let Some(roots) = result["roots"].as_array() else {
        return Err(malformed("roots/list", "the list of roots is missing"));
    };
    if roots.is_empty() {
        return Ok(says("Your client opened no folder."));
    }
    let lines: Vec<_> = roots.iter().filter_map(describe).collect();
    Ok(says(&lines.join("\n")))
}

fn describe(root: &Value) -> Option<String> {
    let uri = root["uri"].as_str()?;
    Some(root["name"].as_str().map_or_else(|| uri.to_owned(), |name| format!("{name}: {uri}")))
}

/// A request may only be sent to a client that declared it can answer.
fn needs(declared: bool, capability: &str) -> Result<(), ToolError> {
    if declared {
        return Ok(());
    }
    Err(ToolError::Failed(format!(
        "your client did not declare the capability {capability:?}, which this tool needs: try a client that has it"
    )))
}

fn malformed(method: &str, why: &str) -> ToolError {
    ToolError::Failed(format!("the client's answer to {method} makes no sense: {why}"))
}
