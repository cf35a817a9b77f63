//! The tools: which there are, and how a call reaches one.

mod catalog;
mod interactive;
mod local;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::caller::{Caller, Revision};
use super::error::Error;
use super::message::params;
use super::peer::{ClientError, Peer};

/// The tools and what they remember for as long as the process lives, whoever calls.
#[derive(Default)]
pub(super) struct Tools {
    counted: AtomicU64,
    bonus: AtomicBool,
}

/// What a call knows besides its arguments.
pub(super) struct Context {
    caller: Caller,
    peer: Peer,
    /// Where to report progress; absent when the caller does not want to know.
    progress: Option<Value>,
}

impl Context {
    /// The context of the call with these params.
    pub(super) fn new(caller: Caller, peer: Peer, params: &Value) -> Self {
        let token = &params["_meta"]["progressToken"];
        let progress = (token.is_string() || token.is_number()).then(|| token.clone());
        Self { caller, peer, progress }
    }
}

/// Why a tool gave no result.
#[derive(Debug, thiserror::Error)]
enum ToolError {
    #[error("no tool {0:?}: see tools/list")]
    Unknown(String),
    #[error("invalid arguments: {0}")]
    Arguments(String),
    #[error("{0}")]
    Failed(String),
    #[error(transparent)]
    Client(#[from] ClientError),
}

#[derive(Deserialize)]
struct Call {
    name: String,
    #[serde(default)]
    arguments: Map<String, Value>,
}

impl Tools {
    /// The result of `tools/list`.
    pub(super) fn list(&self) -> Value {
        json!({ "tools": catalog::tools(self.has_bonus()) })
    }

    /// Runs `tools/call`. Dropping the future cancels the call.
    pub(super) async fn call(self: Arc<Self>, request: Value, context: Context) -> Result<Value, Error> {
        let Call { name, arguments } = params(request)?;
        match self.run(name, arguments, &context).await {
            Ok(result) => Ok(result),
            Err(error @ ToolError::Unknown(_)) => Err(Error::InvalidParams(error.to_string())),
            // Since 2025-11-25 a model sees its mistake and can correct it; before, it was a protocol error.
            Err(error @ ToolError::Arguments(_)) if context.caller.revision < Revision::V2025_11_25 => {
                Err(Error::InvalidParams(error.to_string()))
            }
            Err(error) => Ok(json!({ "content": [text(&error.to_string())], "isError": true })),
        }
    }

    async fn run(
        &self,
        name: String,
        arguments: Map<String, Value>,
        context: &Context,
    ) -> Result<Value, ToolError> {
        match name.as_str() {
            "echo" => Ok(local::echo(read(arguments)?)),
            "time" => Ok(local::time()),
            "count" => Ok(local::count(&self.counted)),
            "image" => Ok(local::image()),
            "slow" => local::slow(read(arguments)?, context).await,
            "log" => Ok(local::log(read(arguments)?, context).await),
            "toggle" => Ok(self.toggle(context).await),
            "bonus" if self.has_bonus() => Ok(says("Bzzz! You found the bonus tool.")),
            "ask" => interactive::ask(read(arguments)?, context).await,
            "sample" => interactive::sample(read(arguments)?, context).await,
            "roots" => interactive::roots(context).await,
            _ => Err(ToolError::Unknown(name)),
        }
    }
}

fn read<T: DeserializeOwned>(arguments: Map<String, Value>) -> Result<T, ToolError> {
    serde_json::from_value(Value::Object(arguments)).map_err(|error| ToolError::Arguments(error.to_string()))
}

/// A text content block.
fn text(text: &str) -> Value {
    json!({ "type": "text", "text": text })
}

/// A result of one text.
fn says(message: &str) -> Value {
    json!({ "content": [text(message)] })
}

/// A result that programs can read, and beside it the same as text, for clients older than 2025-06-18.
fn structured(value: Value) -> Value {
    json!({ "content": [text(&value.to_string())], "structuredContent": value })
}
