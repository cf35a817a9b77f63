//! The `loadtest` program.

#![forbid(unsafe_code)]

use std::{
    fs,
    io::{self, Write as _},
    process::ExitCode,
};

use clap::Parser as _;
use loadtest::{
    cli::{Cli, Command, Common, CompareArgs, EchoArgs},
    compare::{self, File},
    echo::{self, Era},
    endpoint::Endpoint,
    limits, report,
    scenario::{Context, Scenario},
    transport::{Route, Target},
    verify::Tally,
};

/// Something reached the wrong reader, or nobody.
const VIOLATED: u8 = 2;
/// A bridge is slower than it must be.
const MISSED: u8 = 3;
/// Ended by the user, as shells say it.
const INTERRUPTED: u8 = 130;

fn main() -> anyhow::Result<ExitCode> {
    let command = Cli::parse().command;
    if let Some((scenario, common)) = command.load() {
        return runtime()?.block_on(run(&scenario, common));
    }
    match command {
        Command::Echo(args) => serve(&args),
        Command::Compare(args) => runtime()?.block_on(async {
            tokio::select! {
                done = compare(&args) => done,
                // What was started ends with what is dropped here.
                _ = tokio::signal::ctrl_c() => Ok(ExitCode::from(INTERRUPTED)),
            }
        }),
        _ => Ok(ExitCode::SUCCESS),
    }
}

async fn compare(args: &CompareArgs) -> anyhow::Result<ExitCode> {
    let mut file = File::read(&args.file)?;
    file.rounds = args.rounds.unwrap_or(file.rounds);
    file.keep(&args.cell, &args.bridge)?;
    let outcome = compare::run(&file, |line| {
        // Nobody may be listening.
        let _ = writeln!(io::stderr(), "{line}");
    })
    .await?;
    if let Some(path) = &args.html {
        fs::write(path, compare::page::html(&outcome))?;
    }
    if let Some(folder) = &args.svg {
        fs::create_dir_all(folder)?;
        for (name, _, drawing) in compare::page::drawings(&outcome) {
            fs::write(folder.join(format!("{name}.svg")), drawing)?;
        }
    }
    if let Some(path) = &args.markdown {
        let folder =
            args.svg.as_ref().and_then(|folder| folder.file_name()).map(|name| name.to_string_lossy());
        fs::write(path, compare::markdown::markdown(&outcome, folder.as_deref()))?;
    }
    let mut output = io::stdout().lock();
    match args.json {
        true => writeln!(output, "{}", compare::json::json(&outcome))?,
        false => write!(output, "{outcome}")?,
    }
    Ok(match verdict(&outcome.tally(None)) {
        ExitCode::SUCCESS if args.enforce && outcome.missed() > 0 => ExitCode::from(MISSED),
        code => code,
    })
}

/// One thread: what is measured shares the machine.
fn runtime() -> io::Result<tokio::runtime::Runtime> {
    limits::raise_open_files();
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}

fn serve(args: &EchoArgs) -> anyhow::Result<ExitCode> {
    let Some(address) = args.http else {
        echo::stdio::serve(args.era.unwrap_or(Era::Legacy), args.strict, args.chatty)?;
        return Ok(ExitCode::SUCCESS);
    };
    limits::raise_open_files();
    // A thread for each core, as servers on tokio are.
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let server = echo::http::EchoHttp::bind(address, args.era.unwrap_or(Era::Dual)).await?;
        writeln!(io::stdout(), "http://{}/mcp", server.address()?)?;
        server.serve().await;
        Ok(ExitCode::SUCCESS)
    })
}

async fn run(scenario: &Scenario, common: &Common) -> anyhow::Result<ExitCode> {
    let endpoint = Endpoint::parse(&common.url, common.allow_remote)?;
    let target = Target::Http(Route::new(endpoint, common.http2), common.transport);
    let report = scenario.run(&Context::new(target, common.patience(), common.watched())).await;
    let mut output = io::stdout().lock();
    match common.json {
        true => writeln!(output, "{}", report::json::json(&report))?,
        false => write!(output, "{report}")?,
    }
    if let Some(path) = &common.html {
        fs::write(path, report::html::html(&report))?;
    }
    Ok(verdict(&report.tally))
}

fn verdict(tally: &Tally) -> ExitCode {
    match tally {
        tally if tally.violations() > 0 => ExitCode::from(VIOLATED),
        tally if tally.errors() > 0 => ExitCode::FAILURE,
        _ => ExitCode::SUCCESS,
    }
}
