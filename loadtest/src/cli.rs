//! What can be said on the command line.

use std::{net::SocketAddr, num::NonZeroUsize, path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand};

use crate::{
    echo::Era,
    scenario::{
        Scenario, calls::Calls, connect::Connect, fanout::Fanout, idle::Idle, mixed::Mixed, ramp::Ramp,
        slow::Slow,
    },
    transport::Transport,
    usage::Which,
};

/// Drives an MCP endpoint and verifies every answer. The exit code is 2 if anything leaked, was lost, doubled, mixed up or
/// corrupted, and 1 if calls failed with errors.
#[derive(Debug, Parser)]
#[command(name = "loadtest", version)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Sessions that each make one call after the other.
    Calls(Load<Calls>),
    /// Notifications to many open streams.
    Fanout(Load<Fanout>),
    /// Sessions that come and go.
    Connect(Load<Connect>),
    /// Sessions that are there and do nothing: memory for each.
    Idle(Load<Idle>),
    /// What clients do in real life: lists, calls, progress, cancels, reconnects, and pauses to think.
    Mixed(Load<Mixed>),
    /// Some clients do not read, and the others must not feel it.
    Slow(Load<Slow>),
    /// Load that rises until it is too much.
    Ramp(Load<Ramp>),
    /// Several bridges in turn, each beside what the same server does without any.
    Compare(CompareArgs),
    /// Be the echo server: on stdin and stdout, or over HTTP with --http.
    Echo(EchoArgs),
}

/// A scenario's own options, and those of every scenario.
#[derive(Args, Debug)]
pub struct Load<T: Args> {
    /// The options of the scenario.
    #[command(flatten)]
    pub scenario: T,
    /// The others.
    #[command(flatten)]
    pub common: Common,
}

/// What can be said of every scenario.
#[derive(Args, Clone, Debug)]
pub struct Common {
    /// The MCP endpoint, such as `http://127.0.0.1:8080/mcp`. Behind it is the server `loadtest echo`, or for most scenarios
    /// any with a tool `echo` that gives back its argument `text`.
    pub url: String,
    /// How it is spoken to.
    #[arg(long, value_enum, default_value = "streamable-http")]
    pub transport: Transport,
    /// HTTP/2 with prior knowledge, over so many connections that the sessions share. Without it each session has an HTTP/1.1
    /// connection of its own.
    #[arg(long, value_name = "N", value_parser = connections)]
    pub http2: Option<NonZeroUsize>,
    /// Seconds after which something counts as lost.
    #[arg(long, default_value_t = 30.0)]
    pub patience: f64,
    /// The bridge's process, to measure it and all that descend from it; may be repeated.
    #[arg(long)]
    pub pid: Vec<i32>,
    /// The name of processes that are measured together; may be repeated.
    #[arg(long)]
    pub process: Vec<String>,
    /// Also drive endpoints that are not on this machine.
    #[arg(long)]
    pub allow_remote: bool,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
    /// Also write a report with plots to this file.
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
}

/// Options of `compare`.
#[derive(Args, Clone, Debug)]
pub struct CompareArgs {
    /// What is compared: see the examples beside this program's source.
    pub file: PathBuf,
    /// How often every cell is run, in place of what the file says.
    #[arg(long)]
    pub rounds: Option<u32>,
    /// Only cells whose name contains this; may be repeated.
    #[arg(long, value_name = "NAME")]
    pub cell: Vec<String>,
    /// Only this bridge; may be repeated.
    #[arg(long, value_name = "NAME")]
    pub bridge: Vec<String>,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
    /// Write a report with plots to this file.
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// Write the table to this file, as Markdown.
    #[arg(long, value_name = "FILE")]
    pub markdown: Option<PathBuf>,
    /// Write the plots to this folder.
    #[arg(long, value_name = "DIR")]
    pub svg: Option<PathBuf>,
    /// Exit with 3 if a bridge misses what the file says it must reach.
    #[arg(long)]
    pub enforce: bool,
}

/// Options of `echo`.
#[derive(Args, Clone, Debug)]
pub struct EchoArgs {
    /// Serve Streamable HTTP at /mcp and HTTP+SSE at /sse of this address, in place of stdio.
    #[arg(long)]
    pub http: Option<SocketAddr>,
    /// The revisions to speak: up to 2025-11-25, 2026-07-28, or both. By default the former on stdio, and both over HTTP.
    #[arg(long, value_enum)]
    pub era: Option<Era>,
    /// Write a line to stderr for each message.
    #[arg(long, conflicts_with = "http")]
    pub chatty: bool,
    /// Refuse every request before the handshake, as strict servers do.
    #[arg(long, conflicts_with = "http")]
    pub strict: bool,
}

impl Command {
    /// The scenario and what goes with it, if it is one.
    pub fn load(&self) -> Option<(Scenario, &Common)> {
        Some(match self {
            Self::Calls(load) => (Scenario::Calls(load.scenario.clone()), &load.common),
            Self::Fanout(load) => (Scenario::Fanout(load.scenario.clone()), &load.common),
            Self::Connect(load) => (Scenario::Connect(load.scenario.clone()), &load.common),
            Self::Idle(load) => (Scenario::Idle(load.scenario.clone()), &load.common),
            Self::Mixed(load) => (Scenario::Mixed(load.scenario.clone()), &load.common),
            Self::Slow(load) => (Scenario::Slow(load.scenario.clone()), &load.common),
            Self::Ramp(load) => (Scenario::Ramp(load.scenario.clone()), &load.common),
            Self::Compare(_) | Self::Echo(_) => return None,
        })
    }
}

impl Common {
    /// The processes to measure.
    pub fn watched(&self) -> Vec<Which> {
        let named = self.process.iter().cloned().map(Which::Named);
        self.pid.iter().copied().map(Which::Tree).chain(named).collect()
    }

    /// See `--patience`.
    pub fn patience(&self) -> Duration {
        Duration::from_secs_f64(if self.patience.is_finite() {
            self.patience.clamp(0.0, 3600.0)
        } else {
            3600.0
        })
    }
}

fn connections(text: &str) -> Result<NonZeroUsize, &'static str> {
    text.parse().map_err(|_| "write a number of connections, 1 or more")
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_is_well_formed() {
        Cli::command().debug_assert();
    }
}
