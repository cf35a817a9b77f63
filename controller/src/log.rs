//! Log lines, to stderr.

use std::io::{self, IsTerminal as _};

use tracing_subscriber::{EnvFilter, fmt};

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

    let mut filters = EnvFilter::try_new(filter)?;
    if !filter.contains(ECHO) {
        filters = filters.add_directive(format!("{ECHO}=off").parse()?);
    }
    let builder = fmt().with_env_filter(filters).with_writer(io::stderr);
    match format {
        Format::Text => builder.with_ansi(io::stderr().is_terminal()).finish().try_init()?,
        // The event's fields at the top level: log stores index them without a path.
        Format::Json => builder.json().flatten_event(true).with_span_list(false).finish().try_init()?,
    }
    Ok(())
}
