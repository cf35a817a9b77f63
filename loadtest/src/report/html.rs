//! One file with plots, for people who were not there. It needs nothing but itself.

use super::{
    Report,
    chart::{Axis, Lines, escape},
};

/// The frame of a page.
pub(crate) fn page(title: &str, body: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"/><meta name=\"viewport\" content=\"width=device-width\"/><title>{title}</title><style>:root{{color-scheme:light dark}}body{{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}}pre{{overflow-x:auto}}table{{border-collapse:collapse}}td,th{{padding:.2rem .7rem;text-align:left;border-bottom:1px solid #8884}}svg{{width:100%;height:auto;margin:.5rem 0}}.bad{{color:#d55e00}}</style></head><body><h1>{title}</h1>{body}</body></html>\n",
        title = escape(title)
    )
}

/// The page of one report.
pub fn html(report: &Report) -> String {
    let mut body = format!("<pre>{}</pre>", escape(&report.to_string()));
    for plot in plots(&[(report.scenario, report)]) {
        body.push_str(&plot.svg());
    }
    page(&format!("loadtest {}", report.scenario), &body)
}

/// Latency, throughput and memory of reports beside each other.
pub(crate) fn plots(reports: &[(&str, &Report)]) -> Vec<Lines> {
    let mut plots = Vec::new();
    if reports.iter().any(|(_, report)| !report.latency.is_empty()) {
        plots.push(latency("Latency", reports));
    }
    let seconds = Axis { label: "seconds", logarithmic: false };
    let series = |points: fn(&Report) -> Vec<(f64, f64)>| {
        reports.iter().map(|(name, report)| ((*name).to_owned(), points(report))).collect::<Vec<_>>()
    };
    plots.push(Lines {
        title: format!("Throughput ({} per second)", reports.first().map_or("", |(_, report)| report.unit)),
        x: seconds.clone(),
        y: Axis { label: "per second", logarithmic: false },
        series: series(throughput),
        marks: None,
    });
    if reports.iter().any(|(_, report)| !report.watched.is_empty()) {
        let memory = |report: &Report| {
            report
                .samples
                .iter()
                .map(|sample| (sample.seconds, sample.resident_bytes as f64 / 1048576.0))
                .collect()
        };
        plots.push(Lines {
            title: "Memory".to_owned(),
            x: seconds,
            y: Axis { label: "MiB", logarithmic: false },
            series: series(memory),
            marks: None,
        });
    }
    if let [(_, report)] = reports
        && !report.steps.is_empty()
    {
        let of = |quantile: fn(&super::Step) -> f64| {
            report.steps.iter().map(|step| (step.rate, quantile(step))).collect()
        };
        plots.push(Lines {
            title: "Latency at each rate".to_owned(),
            x: Axis { label: "calls per second", logarithmic: false },
            y: Axis { label: "microseconds", logarithmic: true },
            series: vec![
                ("p50".to_owned(), of(|step| step.p50_microseconds)),
                ("p99".to_owned(), of(|step| step.p99_microseconds)),
            ],
            marks: None,
        });
    }
    plots
}

/// Latency by percentile. Each mark to the right is a tenth of the calls that the one before it leaves out.
pub(crate) fn latency(title: &str, reports: &[(&str, &Report)]) -> Lines {
    let series = reports.iter().filter(|(_, report)| !report.latency.is_empty()).map(|(name, report)| {
        // No further than there are calls to tell.
        let most = (report.latency.len() as f64).log10().min(5.0);
        let steps = (most * 10.0).ceil() as u32;
        let points = (0..=steps).map(|step| {
            let rest = 10_f64.powf(-f64::from(step) / 10.0);
            (1.0 / rest, report.micros(1.0 - rest))
        });
        ((*name).to_owned(), points.collect())
    });
    Lines {
        title: title.to_owned(),
        x: Axis { label: "percentile", logarithmic: true },
        y: Axis { label: "microseconds", logarithmic: true },
        series: series.collect(),
        marks: Some(percentile),
    }
}

fn percentile(mark: f64) -> String {
    let percent = format!("{:.4}", 100.0 - 100.0 / mark);
    format!("{} %", percent.trim_end_matches('0').trim_end_matches('.'))
}

/// Between one sample and the next.
fn throughput(report: &Report) -> Vec<(f64, f64)> {
    let mut before = (0.0, 0);
    let mut points = Vec::new();
    for sample in &report.samples {
        let time = sample.seconds - before.0;
        // The last one comes when all is over, and may follow at once.
        if time >= 0.02 {
            points.push((sample.seconds, sample.done.saturating_sub(before.1) as f64 / time));
            before = (sample.seconds, sample.done);
        }
    }
    points
}
