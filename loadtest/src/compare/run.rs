//! Rounds of cells.

use std::time::Duration;

use super::{
    file::{Bridge, Cell, File},
    outcome::Outcome,
    process::{Running, echo, floor},
    trial::Trial,
};
use crate::{
    echo::Era,
    report::Report,
    scenario::{Context, Scenario},
    transport::{Pipe, Target},
    usage::Which,
};

/// Runs every cell in every round, with each contender in turn, so that what changes on the machine meets them all. What
/// happens is told to `tell`.
///
/// # Errors
/// This program cannot start itself.
pub async fn run(file: &File, mut tell: impl FnMut(String)) -> anyhow::Result<Outcome> {
    let floor = floor()?;
    let contenders: Vec<&Bridge> = std::iter::once(&floor).chain(&file.bridges).collect();
    let patience = Duration::from_secs_f64(file.patience.clamp(0.1, 3600.0));
    let mut trials = Vec::new();
    for round in 0..file.rounds {
        for cell in &file.cells {
            if file.pipe && matches!(cell.scenario, Scenario::Calls(_)) {
                let report = through_pipe(cell, patience).await;
                trials.push(trial(round, cell, "pipe", report, &mut tell));
            }
            for bridge in &contenders {
                let is_asked =
                    cell.only.is_empty() || cell.only.contains(&bridge.name) || bridge.name == "floor";
                if !is_asked {
                    continue;
                }
                if let Some(report) = through_bridge(cell, bridge, patience).await {
                    trials.push(trial(round, cell, &bridge.name, report, &mut tell));
                }
            }
        }
    }
    Ok(Outcome::new(file, trials))
}

fn trial(
    round: u32,
    cell: &Cell,
    contender: &str,
    report: Result<Report, String>,
    tell: &mut impl FnMut(String),
) -> Trial {
    let told = match &report {
        Ok(report) => {
            let numbers: Vec<_> = cell
                .measures
                .iter()
                .filter_map(|measure| {
                    Some(format!("{} {}", measure.name(), measure.show(measure.of(report)?)))
                })
                .collect();
            let tally = &report.tally;
            let bad = match (tally.violations(), tally.errors()) {
                (0, 0) => String::new(),
                (violations, errors) => format!(", violations {violations}, errors {errors}"),
            };
            format!("{}{bad}", numbers.join(", "))
        }
        Err(reason) => reason.clone(),
    };
    tell(format!("round {}, {}, {contender}: {told}", round + 1, cell.name));
    Trial { round, cell: cell.name.clone(), contender: contender.to_owned(), report }
}

async fn through_bridge(cell: &Cell, bridge: &Bridge, patience: Duration) -> Option<Result<Report, String>> {
    let running = match Running::start(bridge, cell).await {
        Ok(running) => running?,
        Err(reason) => return Some(Err(reason)),
    };
    let context = Context::new(running.target.clone(), patience, vec![Which::Tree(running.pid())]);
    let report = cell.scenario.run(&context).await;
    running.stop().await;
    Some(Ok(report))
}

async fn through_pipe(cell: &Cell, patience: Duration) -> Result<Report, String> {
    let command = echo(Era::Legacy).map_err(|error| error.to_string())?;
    let pipe = Pipe::start(&command).await.map_err(|error| error.to_string())?;
    let watched = pipe.pid().map(Which::Tree).into_iter().collect();
    Ok(cell.scenario.run(&Context::new(Target::Pipe(pipe), patience, watched)).await)
}
