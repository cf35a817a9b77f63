//! The command line of `probe`.

use std::time::Duration;

use clap::Args;

use crate::config::{UpstreamUrl, parse_patience};

/// What `waggle-proxy probe` was told.
#[derive(Clone, Debug, Args)]
pub struct ProbeOptions {
    /// The URL of the MCP endpoint, such as http://127.0.0.1:8080/mcp
    #[arg(value_name = "URL", value_parser = parse_url)]
    pub url: UpstreamUrl,

    /// How long a try may take
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = parse_patience)]
    pub timeout: Duration,

    /// How long to try again while the server does not answer
    #[arg(long, value_name = "DURATION", default_value = "0s", value_parser = parse_patience)]
    pub wait: Duration,
}

fn parse_url(text: &str) -> Result<UpstreamUrl, String> {
    text.parse()
        .map_err(|problem| format!("`{text}` {problem}; write a URL such as http://127.0.0.1:8080/mcp"))
}
