//! The `waggle-controller` program.

#![forbid(unsafe_code)]

use std::{
    io::{self, Write as _},
    process::ExitCode,
};

use anyhow::Context as _;
use kube::Config;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use waggle_controller::{
    cli::{Options, Stop},
    log, run,
};

/// The command line is wrong (`EX_USAGE` of `sysexits.h`).
const USAGE: u8 = 64;

fn main() -> ExitCode {
    // One thread: there is more waiting than work, and each thread more is memory.
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return end(Err(error.into())),
    };
    runtime.block_on(start())
}

async fn start() -> ExitCode {
    // Before the first TLS connection, once for all crates.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let config = Config::infer().await;
    let namespace = config.as_ref().map_or("default", |config| config.default_namespace.as_str());
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").ok().map(|name| name.trim().to_owned());
    let options = match Options::read(std::env::args_os(), namespace, host) {
        Ok(options) => options,
        // Nobody is left to tell when stdout is closed.
        Err(Stop::Text(text)) => return text.print().map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS),
        Err(Stop::Mistakes(mistakes)) => {
            for mistake in mistakes {
                let _ = writeln!(io::stderr(), "error: {mistake}");
            }
            return ExitCode::from(USAGE);
        }
    };
    end(work(options, config.context("cannot find the API server")).await)
}

async fn work(options: Options, config: anyhow::Result<Config>) -> anyhow::Result<()> {
    log::init(&options.log, options.log_format)?;
    let stop = CancellationToken::new();
    let told = stop.clone();
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let listening = async {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        told.cancel();
        std::future::pending().await
    };
    tokio::select! {
        ended = run::run(options, config?, stop) => ended,
        never = listening => never,
    }
}

/// Says in one sentence why the program could not go on.
fn end(result: anyhow::Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
