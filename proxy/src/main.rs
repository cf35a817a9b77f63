//! The `waggle-proxy` program.

mod banner;

use std::{
    convert::Infallible,
    future::pending,
    io::{self, Write as _},
    path::Path,
    process::ExitCode,
};

use mimalloc::MiMalloc;
use tokio::{
    runtime::{Builder, Runtime},
    signal::unix::{SignalKind, signal},
};
use waggle_proxy::{
    Proxy, Reloader,
    cli::{Cli, Mode},
    config::{Config, Mistake, Reading, Sources},
    demo,
    launch::{self, LaunchOptions, Launcher, NoCommand},
    probe::{self, ProbeOptions},
    telemetry::log,
};

/// What connections and large messages have taken goes back to the system; and it is the same one, and a quick one,
/// whatever C library the program is linked with.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// The command line or the configuration is wrong (`EX_USAGE` of `sysexits.h`).
const USAGE: u8 = 64;

fn main() -> ExitCode {
    let cli = match Cli::read(std::env::args_os()) {
        Ok(cli) => cli,
        // Help or version. Nobody is left to tell when stdout is closed.
        Err(text) => return text.print().map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS),
    };
    match cli.mode() {
        Some(Mode::Demo) => return end(serve_demo()),
        Some(Mode::Launch(options)) => return launch(options),
        Some(Mode::Install(options)) => return end(install(&options.folder)),
        Some(Mode::Probe(options)) => return end(probe(options)),
        None => {}
    }
    let check_config = cli.check_config;
    let sources = Sources::new(cli, std::env::vars_os());
    let Reading { config, digest } = sources.read();
    let config = match config {
        Ok(config) => config,
        Err(mistakes) => return refuse(&mistakes),
    };
    if check_config {
        return end(print(&config));
    }
    let log = log::init(&config).map_err(anyhow::Error::from);
    end(log.and_then(|log| serve(config, |proxy| proxy.reloader(sources, digest).with_log(log))))
}

/// Serves until the process is told to stop; told twice, it stops at once.
fn serve(config: Config, reloader: impl FnOnce(&Proxy) -> Reloader) -> anyhow::Result<()> {
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
        let reloads = follow(reloader(&proxy))?;
        banner::print(&proxy)?;
        let found = banner::print_found(proxy.found());
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let served = proxy.run(async { stopped.await.unwrap_or_default() });
        tokio::pin!(served);
        tokio::select! {
            served = &mut served => return Ok(served?),
            () = told() => drop(stop),
            never = found => match never {},
            never = reloads => match never {},
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

/// Keeps the proxy at its configuration file; a hangup has it read again. Without a file a hangup ends the program, as
/// it does any other.
fn follow(reloader: Reloader) -> io::Result<impl Future<Output = Infallible>> {
    let mut hangup = reloader.file().map(|_| signal(SignalKind::hangup())).transpose()?;
    Ok(reloader.follow(async move || match &mut hangup {
        Some(hangup) => drop(hangup.recv().await),
        None => pending().await,
    }))
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

/// Runs server processes for the proxy in another container. A command that can never be run is told in one
/// sentence, with the exit code of a shell.
fn launch(options: &LaunchOptions) -> ExitCode {
    let launched = try_launch(options);
    let never = launched.as_ref().err().and_then(|error| error.downcast_ref::<NoCommand>());
    let code = never.map(|never| ExitCode::from(never.exit_code()));
    let ended = end(launched);
    code.unwrap_or(ended)
}

/// Runs until told to stop; told twice, stops at once.
fn try_launch(options: &LaunchOptions) -> anyhow::Result<()> {
    log::init(&Config::default())?;
    let runtime = runtime()?;
    let launched = runtime.block_on(async {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let launcher = Launcher::new(options.clone())?;
        let told = async || {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        };
        launcher.run(told).await;
        Ok(())
    });
    // As for a proxy.
    drop(runtime);
    waggle_proxy::end_orphans();
    launched
}

/// Copies this program into the folder.
fn install(folder: &Path) -> anyhow::Result<()> {
    let copy = launch::install(folder).map_err(anyhow::Error::msg)?;
    Ok(writeln!(io::stdout(), "{}", copy.display())?)
}

/// Says what is found at the URL.
fn probe(options: &ProbeOptions) -> anyhow::Result<()> {
    let found = runtime()?.block_on(probe::probe(options))?;
    Ok(writeln!(io::stdout(), "{found}")?)
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
