//! Methods answered at once and alike for everyone: no session is needed to know the answer.

use serde_json::Value;

use super::clock::Clock;
use super::error::Error;
use super::tools::Tools;
use super::{prompts, resources};

/// Answers one request.
pub(super) fn answer(tools: &Tools, clock: &Clock, method: &str, params: Value) -> Result<Value, Error> {
    match method {
        "tools/list" => Ok(tools.list()),
        "resources/list" => Ok(resources::list()),
        "resources/templates/list" => Ok(resources::templates()),
        "resources/read" => resources::read(params, clock),
        "prompts/list" => Ok(prompts::list()),
        "prompts/get" => prompts::get(params),
        "completion/complete" => prompts::complete(params),
        _ => Err(Error::UnknownMethod(method.to_owned())),
    }
}
