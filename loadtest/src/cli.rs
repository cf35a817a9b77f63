//! What can be said on the command line.

use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use crate::{transport::Transport, usage::Which};

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
    Calls(CallsArgs),
    /// Be the echo server: on stdin and stdout, or over Streamable HTTP with --http.
    Echo(EchoArgs),
}

/// Options of `calls`.
#[derive(Args, Debug)]
pub struct CallsArgs {
    /// The MCP endpoint, such as `http://127.0.0.1:8080/mcp`. It needs a tool `echo` with an argument `text`.
    pub url: String,
    /// How it is spoken to.
    #[arg(long, value_enum, default_value = "streamable-http")]
    pub transport: Transport,
    /// Clients at once.
    #[arg(long, default_value_t = 16)]
    pub sessions: usize,
    /// Bytes of each payload.
    #[arg(long, default_value_t = 200)]
    pub payload: usize,
    /// Seconds of load.
    #[arg(long, default_value_t = 5.0)]
    pub seconds: f64,
    /// Seconds after which a call counts as lost.
    #[arg(long, default_value_t = 30.0)]
    pub patience: f64,
    /// A process whose tree is measured; may be repeated.
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
}

/// Options of `echo`.
#[derive(Args, Clone, Debug)]
pub struct EchoArgs {
    /// Serve Streamable HTTP on this address, path `/mcp`, in place of stdio.
    #[arg(long)]
    pub http: Option<std::net::SocketAddr>,
    /// Write a line to stderr for each call.
    #[arg(long)]
    pub chatty: bool,
    /// Refuse every request before the handshake, as strict servers do.
    #[arg(long)]
    pub strict: bool,
}

impl CallsArgs {
    /// The processes to measure.
    pub fn watched(&self) -> Vec<Which> {
        let named = self.process.iter().cloned().map(Which::Named);
        self.pid.iter().copied().map(Which::Tree).chain(named).collect()
    }

    /// See `--seconds`.
    pub fn duration(&self) -> Duration {
        Duration::from_secs_f64(self.seconds.clamp(0.0, 3600.0))
    }

    /// See `--patience`.
    pub fn patience(&self) -> Duration {
        Duration::from_secs_f64(self.patience.clamp(0.0, 3600.0))
    }
}
