//! The `waggle-proxy` program.

mod banner;

use std::{
    io::{self, Write as _},
    process::ExitCode,
};

use tokio::{
    runtime::{Builder, Runtime},
    signal::unix::{SignalKind, signal},
};
use waggle_proxy::{
    Proxy,
    cli::Cli,
    config::{Config, Mistake},
    demo,
    telemetry::log,
};

/// The command line or the configuration is wrong (`EX_USAGE` of `sysexits.h`).
const USAGE: u8 = 64;

fn main() -> ExitCode {
    let cli = match Cli::read(std::env::args_os()) {
        Ok(cli) => cli,
        // Help or version. Nobody is left to tell when stdout is closed.
        Err(text) => return text.print().map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS),
    };
    if cli.is_demo() && cli.mistakes().is_empty() {
        return end(serve_demo());
    }
    let config = match Config::resolve(&cli, std::env::vars_os(), |path| std::fs::read_to_string(path)) {
        Ok(config) => config,
        Err(mistakes) => return refuse(&mistakes),
    };
    if cli.check_config {
        return end(print(&config));
    }
    end(log::init(&config).map_err(anyhow::Error::from).and_then(|()| serve(config)))
}

/// Serves until the process is told to stop; told twice, it stops at once.
fn serve(config: Config) -> anyhow::Result<()> {
    // One thread for the whole data path: requests that are ready together then leave in one write.
    let runtime = runtime()?;
    let result = runtime.block_on(async {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let mut told = async || {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        };
        let proxy = Proxy::start(config).await?;
        banner::print(&proxy)?;
        let found = banner::print_found(proxy.found());
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let served = proxy.run(async { stopped.await.unwrap_or_default() });
        tokio::pin!(served);
        tokio::select! {
            served = &mut served => return Ok(served?),
            () = told() => drop(stop),
            never = found => match never {},
        }
        tokio::select! {
            served = served => Ok(served?),
            () = told() => Ok(()),
        }
    });
    // Dropping the runtime kills the process groups that are left.
    drop(runtime);
    waggle_proxy::end_orphans();
    result
}

fn runtime() -> io::Result<Runtime> {
    Builder::new_current_thread().enable_all().build()
}

/// Runs the demo server on stdin and stdout.
fn serve_demo() -> anyhow::Result<()> {
    let runtime = runtime()?;
    let served = runtime.block_on(demo::serve(tokio::io::stdin(), tokio::io::stdout()));
    // A read of stdin cannot be interrupted: it is left behind.
    runtime.shutdown_background();
    Ok(served?)
}

/// Prints the effective configuration.
fn print(config: &Config) -> anyhow::Result<()> {
    Ok(io::stdout().write_all(config.to_yaml()?.as_bytes())?)
}

/// Says what is wrong with the command line or the configuration, a line for each mistake.
fn refuse(mistakes: &[Mistake]) -> ExitCode {
    for mistake in mistakes {
        let _ = writeln!(io::stderr(), "error: {mistake}");
    }
    ExitCode::from(USAGE)
}

/// Says in one sentence why the program could not go on.
fn end(result: anyhow::Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}
