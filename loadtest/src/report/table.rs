//! For people at a terminal.

use std::fmt;

use super::Report;

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let settings: Vec<_> = self.settings.iter().map(|(name, value)| format!("{name} {value}")).collect();
        write!(formatter, "{} over {}", self.scenario, self.transport)?;
        match self.http2 {
            Some(1) => write!(formatter, ", HTTP/2 on 1 connection")?,
            Some(count) => write!(formatter, ", HTTP/2 on {count} connections")?,
            None => {}
        }
        writeln!(formatter, ": {}", settings.join(", "))?;
        let phases: Vec<_> =
            self.phases.iter().map(|(name, time)| format!("{name} {:.2} s", time.as_secs_f64())).collect();
        writeln!(formatter, "  time       {}", phases.join(", "))?;
        writeln!(formatter, "  {:<10} {}, {:.0}/s", self.unit, self.tally.good, self.rate())?;
        if !self.latency.is_empty() {
            let quantiles = [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999), ("max", 1.0)];
            let quantiles =
                quantiles.map(|(name, quantile)| format!("{name} {}", micros(self.micros(quantile))));
            writeln!(formatter, "  latency    {}", quantiles.join(", "))?;
        }
        for value in &self.values {
            writeln!(formatter, "  {:<10} {:.2} {}", value.name, value.value, value.unit)?;
        }
        for step in &self.steps {
            writeln!(
                formatter,
                "  {:>8.0}/s  {:.0}/s reached, p50 {}, p99 {}{}",
                step.rate,
                step.reached,
                micros(step.p50_microseconds),
                micros(step.p99_microseconds),
                if step.kept { "" } else { ": too much" }
            )?;
        }
        for watched in &self.watched {
            let (bridge, servers) = (&watched.after.bridge, &watched.after.servers);
            write!(
                formatter,
                "  {:<10} {} processes, {:.1} us CPU each, {} resident, {} at most",
                watched.which.to_string(),
                bridge.processes,
                self.cpu_per_unit(bridge),
                mebibytes(bridge.resident_bytes),
                mebibytes(watched.peak_bytes)
            )?;
            match servers.processes {
                0 => writeln!(formatter)?,
                count => writeln!(
                    formatter,
                    "; its {count} servers {:.1} us, {}",
                    self.cpu_per_unit(servers),
                    mebibytes(servers.resident_bytes)
                )?,
            }
        }
        let tally = &self.tally;
        writeln!(
            formatter,
            "  violations {} (leaks {}, wrong {}, corrupt {}, lost {}, duplicates {})",
            tally.violations(),
            tally.leaks,
            tally.wrong,
            tally.corrupt,
            tally.lost,
            tally.duplicates
        )?;
        writeln!(
            formatter,
            "  errors     {} (refused {}, answered {}, broken {})",
            tally.errors(),
            tally.refused,
            tally.rpc_errors,
            tally.broken
        )?;
        match &self.fault {
            Some(fault) => writeln!(formatter, "  such as    {fault}"),
            None => Ok(()),
        }
    }
}

/// A time with its unit.
pub(crate) fn micros(micros: f64) -> String {
    match micros {
        ..1e3 => format!("{micros:.0} us"),
        ..1e6 => format!("{:.2} ms", micros / 1e3),
        _ => format!("{:.2} s", micros / 1e6),
    }
}

fn mebibytes(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}
