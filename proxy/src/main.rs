//! The `waggle-proxy` program.

use std::io::{self, Write as _};
use std::process::ExitCode;

use waggle_proxy::cli::Cli;
use waggle_proxy::config::{Config, Mistake};
use waggle_proxy::telemetry::log;

/// The command line or the configuration is wrong (`EX_USAGE` of `sysexits.h`).
const USAGE: u8 = 64;

fn main() -> ExitCode {
    let cli = match Cli::read(std::env::args_os()) {
        Ok(cli) => cli,
        // Help or version. Nobody is left to tell when stdout is closed.
        Err(text) => return text.print().map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS),
    };
    if cli.is_demo() && cli.mistakes().is_empty() {
        return demo();
    }
    let config = match Config::resolve(&cli, std::env::vars_os(), |path| std::fs::read_to_string(path)) {
        Ok(config) => config,
        Err(mistakes) => return refuse(&mistakes),
    };
    if cli.check_config {
        return print(&config);
    }
    if let Err(error) = log::init(&config) {
        return fail(&error);
    }
    serve(config)
}

/// Serves until the process is told to stop.
fn serve(_config: Config) -> ExitCode {
    ExitCode::SUCCESS
}

/// Runs the demo server on stdin and stdout.
fn demo() -> ExitCode {
    ExitCode::SUCCESS
}

/// Prints the effective configuration.
fn print(config: &Config) -> ExitCode {
    match config.to_yaml().map_err(io::Error::other).and_then(|yaml| io::stdout().write_all(yaml.as_bytes()))
    {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error),
    }
}

/// Says what is wrong with the command line or the configuration, a line for each mistake.
fn refuse(mistakes: &[Mistake]) -> ExitCode {
    for mistake in mistakes {
        let _ = writeln!(io::stderr(), "error: {mistake}");
    }
    ExitCode::from(USAGE)
}

/// Says why the program cannot go on.
fn fail(error: &dyn std::error::Error) -> ExitCode {
    let _ = writeln!(io::stderr(), "error: {error}");
    ExitCode::FAILURE
}
