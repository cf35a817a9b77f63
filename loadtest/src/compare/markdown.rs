//! For a document.

use super::{
    outcome::Outcome,
    page::drawings,
    table::{cells, grown, head, shown},
};
use crate::machine::machine;

/// The machine, the table, the counters, and the plots if they were written to a folder of this name.
pub fn markdown(outcome: &Outcome, plots: Option<&str>) -> String {
    let machine = machine();
    let rounds = outcome.trials.iter().map(|trial| trial.round + 1).max().unwrap_or(0);
    let mut text = format!(
        "{} cores of {}, {} GiB, {}. {rounds} rounds; median [lowest..highest].\n\n",
        machine.cores, machine.processor, machine.memory_gib, machine.kernel
    );
    let head = head(outcome);
    text.push_str(&line(&head));
    text.push_str(&line(&vec!["---".to_owned(); head.len()]));
    for row in &outcome.rows {
        text.push_str(&line(&cells(row, shown)));
    }
    for growth in &outcome.growths {
        text.push_str(&line(&grown(growth)));
    }
    text.push_str("\n| | good | leaks | wrong | corrupt | lost | duplicates | errors |\n|---|---|---|---|---|---|---|---|\n");
    for name in ["floor", "pipe"].into_iter().chain(outcome.bridges.iter().map(String::as_str)) {
        if outcome.trials.iter().any(|trial| trial.contender == name) {
            let tally = outcome.tally(Some(name));
            let counts = [
                tally.good,
                tally.leaks,
                tally.wrong,
                tally.corrupt,
                tally.lost,
                tally.duplicates,
                tally.errors(),
            ];
            let counts = counts.map(|count| count.to_string());
            text.push_str(&line(&[&[name.to_owned()], counts.as_slice()].concat()));
        }
    }
    if let Some(folder) = plots {
        for (name, title, _) in drawings(outcome) {
            text.push_str(&format!("\n![{title}]({folder}/{name}.svg)\n"));
        }
    }
    text
}

fn line(columns: &[String]) -> String {
    format!("| {} |\n", columns.iter().map(|text| text.replace('|', "\\|")).collect::<Vec<_>>().join(" | "))
}
