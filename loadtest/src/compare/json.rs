//! For programs.

use serde_json::{Value, json};

use super::outcome::{Entry, Outcome, Row};
use crate::{machine, report};

/// The outcome as one value.
pub fn json(outcome: &Outcome) -> Value {
    let entry = |row: &Row, name: &str, entry: &Entry| {
        json!({
            "bridge": name, "own": entry.own, "judged": entry.judged, "meets": row.verdict(entry), "failure": entry.reason,
        })
    };
    let rows = outcome.rows.iter().map(|row| {
        let bridges = outcome.bridges.iter().zip(&row.bridges).map(|(name, found)| entry(row, name, found));
        json!({
            "cell": row.cell, "measure": row.measure, "floor": row.floor, "pipe": row.pipe,
            "bridges": bridges.collect::<Vec<_>>(), "must": row.must, "aim": row.aim,
        })
    });
    let growths = outcome.growths.iter().map(|growth| {
        let bridges = outcome.bridges.iter().zip(&growth.bridges);
        let bridges = bridges.map(|(name, share)| json!({"bridge": name, "share": share}));
        json!({"name": growth.name, "within": growth.within, "floor": growth.floor, "bridges": bridges.collect::<Vec<_>>()})
    });
    let trials = outcome.trials.iter().map(|trial| {
        json!({
            "round": trial.round, "cell": trial.cell, "contender": trial.contender,
            "report": trial.report.as_ref().ok().map(report::json::json),
            "failure": trial.report.as_ref().err(),
        })
    });
    let tally = outcome.tally(None);
    json!({
        "machine": machine::machine(),
        "rows": rows.collect::<Vec<_>>(),
        "growth": growths.collect::<Vec<_>>(),
        "tally": tally,
        "violations": tally.violations(),
        "errors": tally.errors(),
        "missed": outcome.missed(),
        "trials": trials.collect::<Vec<_>>(),
    })
}
