//! For programs.

use serde_json::{Value, json};

use super::Report;
use crate::usage::Usage;

/// Quantiles of the latency that are plotted.
const CURVE: [f64; 12] = [0.0, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.995, 0.999, 0.9995, 0.9999, 1.0];

/// The report as one value.
pub fn json(report: &Report) -> Value {
    let used = |usage: &Usage| {
        json!({
            "processes": usage.processes,
            "cpu_seconds": usage.cpu.as_secs_f64(),
            "cpu_microseconds_per_call": report.cpu_per_unit(usage),
            "resident_bytes": usage.resident_bytes,
        })
    };
    let watched = report.watched.iter().map(|watched| {
        let mut value = used(&watched.after.bridge);
        value["name"] = watched.which.to_string().into();
        value["resident_bytes_before"] = watched.before.bridge.resident_bytes.into();
        value["resident_bytes_peak"] = watched.peak_bytes.into();
        value["servers"] = used(&watched.after.servers);
        value
    });
    let seconds =
        |(name, time): &(&str, std::time::Duration)| json!({"name": name, "seconds": time.as_secs_f64()});
    let settings =
        report.settings.iter().map(|(name, value)| ((*name).to_owned(), Value::from(value.as_str())));
    let mut json = json!({
        "scenario": report.scenario,
        "transport": report.transport,
        "http2": report.http2,
        "settings": settings.collect::<serde_json::Map<_, _>>(),
        "phases": report.phases.iter().map(seconds).collect::<Vec<_>>(),
        "seconds": report.elapsed.as_secs_f64(),
        "unit": report.unit,
        "per_second": report.rate(),
        "latency_microseconds": {
            "p50": report.micros(0.5), "p90": report.micros(0.9), "p99": report.micros(0.99),
            "p999": report.micros(0.999), "max": report.micros(1.0),
        },
        "latency_curve": CURVE.map(|quantile| json!([quantile, report.micros(quantile)])),
        "tally": report.tally,
        "violations": report.tally.violations(),
        "errors": report.tally.errors(),
        "example_of_a_fault": report.fault,
        "watched": watched.collect::<Vec<_>>(),
        "values": report.values,
        "steps": report.steps,
        "samples": report.samples,
    });
    json[format!("{}_per_second", report.unit)] = report.rate().into();
    json
}
