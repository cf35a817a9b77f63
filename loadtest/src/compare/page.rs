//! One file with plots, and the plots alone.

use super::{
    measure::Measure,
    outcome::{Outcome, Row},
    table::{cells, head, shown},
};
use crate::{
    machine::machine,
    report::{
        Report,
        chart::{Bars, bars::Bar, escape},
        html::{latency, page, plots},
    },
};

/// Everything in one page.
pub fn html(outcome: &Outcome) -> String {
    let machine = machine();
    let mut body = format!(
        "<p>{} cores of {}, {} GiB, {}</p><table><tr>",
        machine.cores,
        escape(&machine.processor),
        machine.memory_gib,
        escape(&machine.kernel)
    );
    head(outcome).iter().for_each(|text| body.push_str(&format!("<th>{}</th>", escape(text))));
    for row in &outcome.rows {
        body.push_str("</tr><tr>");
        cells(row, shown).iter().for_each(|text| body.push_str(&format!("<td>{}</td>", escape(text))));
    }
    body.push_str(&format!("</tr></table><pre>{}</pre>", escape(&outcome.to_string())));
    for measure in measures(outcome) {
        body.push_str(&bars(outcome, measure).svg());
    }
    for cell in cell_names(outcome) {
        let reports = reports(outcome, cell);
        body.push_str(&format!("<h2>{}</h2>", escape(cell)));
        plots(&reports).iter().for_each(|plot| body.push_str(&plot.svg()));
    }
    for trial in &outcome.trials {
        if let Err(reason) = &trial.report {
            let text = escape(&format!("{}, {}: {reason}", trial.cell, trial.contender));
            body.push_str(&format!("<pre class=\"bad\">{text}</pre>"));
        }
    }
    page("loadtest compare", &body)
}

/// The plots for documents: names of files without their ending, titles, and drawings.
pub fn drawings(outcome: &Outcome) -> Vec<(String, String, String)> {
    let mut drawings = Vec::new();
    for measure in measures(outcome) {
        let bars = bars(outcome, measure);
        drawings.push((slug(measure.name()), bars.title.clone(), bars.svg()));
    }
    let timed = |measure| matches!(measure, Measure::P50 | Measure::P99 | Measure::P50OfBoth);
    for cell in cell_names(outcome) {
        if outcome.rows.iter().any(|row| row.cell == cell && timed(row.measure)) {
            let title = format!("Latency: {cell}");
            let plot = latency(&title, &reports(outcome, cell));
            drawings.push((slug(&format!("latency {cell}")), title, plot.svg()));
        }
    }
    drawings
}

fn cell_names(outcome: &Outcome) -> Vec<&str> {
    let mut names: Vec<_> = outcome.rows.iter().map(|row| row.cell.as_str()).collect();
    names.dedup();
    names
}

fn measures(outcome: &Outcome) -> Vec<Measure> {
    let mut measures: Vec<_> = outcome.rows.iter().map(|row| row.measure).collect();
    measures.sort();
    measures.dedup();
    measures
}

/// The last report of each contender.
fn reports<'a>(outcome: &'a Outcome, cell: &str) -> Vec<(&'a str, &'a Report)> {
    let names = ["floor"].into_iter().chain(outcome.bridges.iter().map(String::as_str)).chain(["pipe"]);
    names.filter_map(|name| Some((name, outcome.last(cell, name)?))).collect()
}

fn bars(outcome: &Outcome, measure: Measure) -> Bars {
    let bar = |row: &Row, index: usize| {
        let spread = row.bridges.get(index)?.judged?;
        Some(Bar { value: spread.median, low: spread.low, high: spread.high })
    };
    let groups = outcome.rows.iter().filter(|row| row.measure == measure);
    let groups = groups
        .map(|row| (row.cell.clone(), (0..outcome.bridges.len()).map(|index| bar(row, index)).collect()));
    let (title, line) = match measure {
        Measure::Rate => ("Throughput, as a share of the floor's (more is better)".to_owned(), Some(1.0)),
        Measure::RateOfPipe => {
            ("Throughput, as a share of the raw pipe's (more is better)".to_owned(), Some(1.0))
        }
        Measure::Memory => {
            ("Memory of an idle session with its stream, KiB (less is better)".to_owned(), None)
        }
        Measure::Rest => ("Memory at rest, MiB (less is better)".to_owned(), None),
        Measure::Cpu => {
            ("CPU of the bridge for each call, times the floor's (less is better)".to_owned(), Some(1.0))
        }
        other => (format!("{}, times the floor's (less is better)", other.name()), Some(1.0)),
    };
    Bars { title, names: outcome.bridges.clone(), groups: groups.collect(), line }
}

fn slug(name: &str) -> String {
    let mut slug = String::new();
    for character in name.to_lowercase().chars() {
        match character {
            'a'..='z' | '0'..='9' => slug.push(character),
            _ if slug.ends_with('-') => {}
            _ => slug.push('-'),
        }
    }
    slug.trim_matches('-').to_owned()
}
