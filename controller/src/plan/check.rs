//! Whether a specification can be carried out at all.

use super::{config, context::Context, names, problem::Problem, routes, volumes};

/// Every mistake in it. The schema refuses most of them already when they are written.
pub(super) fn check(context: &Context<'_>) -> Vec<Problem> {
    [name(context), source(context), config::check(context), volumes::check(context), routes::check(context)]
        .concat()
}

/// The name becomes one of a Service and a label, which may hold less than the name of a resource.
fn name(context: &Context<'_>) -> Vec<Problem> {
    let longest = names::LONGEST_NAME - names::PREFIX.len();
    let name = context.instance();
    if name.len() <= longest && !name.contains('.') {
        return Vec::new();
    }
    vec![Problem {
        reason: "InvalidName",
        message: format!(
            "No Service can be named after `{name}`; create the MCPServer again with a name without dots of at most {longest} characters."
        ),
    }]
}

fn source(context: &Context<'_>) -> Vec<Problem> {
    let spec = context.spec;
    let image = spec.image.as_deref().is_some_and(|image| !image.trim().is_empty());
    if image != spec.remote.is_some() {
        return Vec::new();
    }
    vec![Problem::invalid("Write exactly one of `spec.image` and `spec.remote`.")]
}
