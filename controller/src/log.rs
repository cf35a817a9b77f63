//! Log lines, to stderr.

use std::io::{self, IsTerminal as _};

use tracing_subscriber::{
    filter::{LevelFilter, Targets},
    fmt,
    layer::{Layer as _, SubscriberExt as _},
};

/// The shape of the log.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Format {
    /// Lines for people.
    Text,
    /// A JSON object a line.
    Json,
}

/// What a failed request is logged by besides us, who know what it was for.
const ECHO: &str = "kube_client::client::builder";

/// Starts logging for the whole process.
///
/// # Errors
///
/// When the filter is malformed or logging was started before.
pub fn init(filter: &str, format: Format) -> anyhow::Result<()> {
    use tracing_subscriber::util::SubscriberInitExt as _;

    let mut filters: Targets = filter.parse()?;
    if !filter.contains(ECHO) {
        filters = filters.with_target(ECHO, LevelFilter::OFF);
    }
    let lines = fmt::layer().with_writer(io::stderr);
    let lines = match format {
        Format::Text => lines.with_ansi(io::stderr().is_terminal()).boxed(),
        // The event's fields at the top level: log stores index them without a path.
        Format::Json => lines.json().flatten_event(true).with_span_list(false).boxed(),
    };
    Ok(tracing_subscriber::registry().with(filters).with(lines).try_init()?)
}
