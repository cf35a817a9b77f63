//! The command lines of `launch` and `install`.

use std::{ffi::OsString, path::PathBuf, time::Duration};

use clap::Args;

use crate::config::{parse_patience, parse_socket};

/// What `waggle-proxy launch` was told.
#[derive(Clone, Debug, Args)]
pub struct LaunchOptions {
    /// The Unix socket on which the proxy listens (its `--launcher`). It may come later.
    #[arg(long, value_name = "PATH", value_parser = parse_socket)]
    pub socket: PathBuf,

    /// Environment variables that the proxy may set for a server process (its `--server-env`), besides those that
    /// this program has and passes on
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub allow_env: Vec<String>,

    /// How long server processes have to end after SIGTERM
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = parse_patience)]
    pub grace: Duration,

    /// File for the sentence that says why this program could not start; written only if it exists
    #[arg(long, value_name = "FILE", default_value = "/dev/termination-log")]
    pub termination_log: PathBuf,

    /// The stdio MCP server to run for the proxy, with its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub command: Vec<String>,
}

/// What `waggle-proxy install` was told.
#[derive(Clone, Debug, Args)]
pub struct InstallOptions {
    /// The folder to copy this program to, under the name `waggle-proxy`
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,

    /// Go on as the copy, with these arguments
    #[arg(last = true, value_name = "ARGS")]
    pub arguments: Vec<OsString>,
}
