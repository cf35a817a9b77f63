//! The `loadtest` program.

use std::{
    io::{self, Write as _},
    process::ExitCode,
    time::{SystemTime, UNIX_EPOCH},
};

use clap::Parser as _;
use loadtest::{
    cli::{CallsArgs, Cli, Command, EchoArgs},
    echo,
    endpoint::Endpoint,
    scenario::calls::{self, Calls},
};

/// Something reached the wrong reader, or nobody.
const VIOLATED: u8 = 2;

fn main() -> anyhow::Result<ExitCode> {
    match Cli::parse().command {
        Command::Calls(args) => runtime(false)?.block_on(run_calls(&args)),
        Command::Echo(EchoArgs { http: Some(address), .. }) => {
            runtime(true)?.block_on(echo::http::serve(address))?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Echo(EchoArgs { strict, chatty, .. }) => {
            echo::stdio::serve(strict, chatty)?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn runtime(threads: bool) -> io::Result<tokio::runtime::Runtime> {
    match threads {
        true => tokio::runtime::Builder::new_multi_thread().enable_all().build(),
        false => tokio::runtime::Builder::new_current_thread().enable_all().build(),
    }
}

async fn run_calls(args: &CallsArgs) -> anyhow::Result<ExitCode> {
    let endpoint = Endpoint::parse(&args.url, args.allow_remote)?;
    let run = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_micros() as u64);
    let calls = Calls {
        sessions: args.sessions,
        payload: args.payload,
        duration: args.duration(),
        patience: args.patience(),
        run,
    };
    let report = calls::run(&endpoint, args.transport, &calls, &args.watched()).await;
    let mut output = io::stdout().lock();
    match args.json {
        true => writeln!(output, "{}", report.to_json())?,
        false => write!(output, "{report}")?,
    }
    Ok(match &report.tally {
        tally if tally.violations() > 0 => ExitCode::from(VIOLATED),
        tally if tally.errors() > 0 => ExitCode::FAILURE,
        _ => ExitCode::SUCCESS,
    })
}
