//! What `tools/list` tells about each tool.

use serde_json::{Value, json};

/// Bounds of the tool `slow`: the schema shows them, the tool enforces them.
pub(super) const MAX_SECONDS: u32 = 60;
/// See [`MAX_SECONDS`].
pub(super) const MAX_STEPS: u32 = 100;

/// The definitions of all tools.
pub(super) fn tools(bonus: bool) -> Vec<Value> {
    let mut tools = vec![echo(), time(), slow(), log(), ask(), sample(), roots(), image(), count(), toggle()];
    if bonus {
        tools.push(tool("bonus", "Bonus", "Here only after an odd number of toggles", no_arguments(), PURE));
    }
    tools
}

/// What a tool does to the world.
struct Effect {
    read_only: bool,
    idempotent: bool,
    /// Whether it reaches beyond this server: to the person or the model behind the client.
    open_world: bool,
}

const PURE: Effect = Effect { read_only: true, idempotent: true, open_world: false };
const STATEFUL: Effect = Effect { read_only: false, idempotent: false, open_world: false };
const OUTWARD: Effect = Effect { read_only: true, idempotent: false, open_world: true };

fn tool(name: &str, title: &str, description: &str, input: Value, effect: Effect) -> Value {
    json!({
        "name": name,
        "title": title,
        "description": description,
        "inputSchema": input,
        "annotations": {
            "title": title,
            "readOnlyHint": effect.read_only,
            "destructiveHint": false,
            "idempotentHint": effect.idempotent,
            "openWorldHint": effect.open_world,
        },
    })
}

fn with_output(mut tool: Value, property: &str, schema: Value) -> Value {
    tool["outputSchema"] =
        json!({ "type": "object", "properties": { property: schema }, "required": [property] });
    tool
}

fn no_arguments() -> Value {
    json!({ "type": "object", "properties": {} })
}

fn one_text(name: &str, description: &str) -> Value {
    json!({
        "type": "object",
        "properties": { name: { "type": "string", "description": description } },
        "required": [name],
    })
}

fn echo() -> Value {
    tool("echo", "Echo", "Gives a message back, unchanged", one_text("message", "What to give back"), PURE)
}

fn time() -> Value {
    let effect = Effect { idempotent: false, ..PURE };
    let tool = tool("time", "Time", "Tells the time of day in UTC", no_arguments(), effect);
    with_output(tool, "utc", json!({ "type": "string", "format": "date-time" }))
}

fn slow() -> Value {
    let input = json!({
        "type": "object",
        "properties": {
            "seconds": {
                "type": "number", "minimum": 0, "maximum": MAX_SECONDS, "default": 5,
                "description": "How long it takes",
            },
            "steps": {
                "type": "integer", "minimum": 1, "maximum": MAX_STEPS, "default": 5,
                "description": "How many times it reports progress",
            },
        },
    });
    tool("slow", "Slow", "Takes its time, reports progress and can be cancelled", input, PURE)
}

fn log() -> Value {
    let input = json!({
        "type": "object",
        "properties": {
            "message": { "type": "string", "description": "What to log" },
            "level": {
                "type": "string", "default": "info", "description": "How severe it is",
                "enum": ["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"],
            },
        },
        "required": ["message"],
    });
    tool("log", "Log", "Sends a log message, unless its level is below the one set", input, PURE)
}

fn ask() -> Value {
    let input = one_text("question", "What to ask");
    tool("ask", "Ask the user", "Asks you a question through your client's own form", input, OUTWARD)
}

fn sample() -> Value {
    let input = one_text("prompt", "What to ask the model");
    tool("sample", "Ask the model", "Asks the model behind your client", input, OUTWARD)
}

fn roots() -> Value {
    let description = "Lists the folders that your client opened to servers";
    tool("roots", "Roots", description, no_arguments(), OUTWARD)
}

fn image() -> Value {
    tool("image", "Image", "Draws a small picture", no_arguments(), PURE)
}

fn count() -> Value {
    let description = "Counts its calls in this process: it shows who shares one";
    let tool = tool("count", "Count", description, no_arguments(), STATEFUL);
    with_output(tool, "count", json!({ "type": "integer", "minimum": 1 }))
}

fn toggle() -> Value {
    let description = "Adds the tool bonus, or removes it: watch the list of tools change";
    tool("toggle", "Toggle the bonus tool", description, no_arguments(), STATEFUL)
}
