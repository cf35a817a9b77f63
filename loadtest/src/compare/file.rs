//! What is compared, as it is written.

use std::{
    collections::{BTreeMap, BTreeSet},
    num::NonZeroUsize,
    path::Path,
};

use serde::Deserialize;

use super::measure::Measure;
use crate::{echo::Era, scenario::Scenario, transport::Transport};

/// A file that says what is compared.
#[derive(Clone, Debug)]
pub struct File {
    /// How often every cell is run.
    pub rounds: u32,
    /// Seconds after which something counts as lost.
    pub patience: f64,
    /// Whether raw round trips through the pipe are measured, too.
    pub pipe: bool,
    /// The bridges, in their order.
    pub bridges: Vec<Bridge>,
    /// The cells, in their order.
    pub cells: Vec<Cell>,
    /// What must not grow.
    pub growths: Vec<Growth>,
}

/// A bridge and how it is started.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Bridge {
    /// Its name in the tables.
    pub name: String,
    /// Its command line, with `{port}`, `{echo}` and `{args}`.
    pub command: Vec<String>,
    /// What `{args}` stands for in cells that give nothing else.
    #[serde(default)]
    pub args: Vec<String>,
    /// Where it serves, for each transport that it has.
    pub urls: BTreeMap<String, String>,
    /// Variables of its environment.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
}

/// One kind of load.
#[derive(Clone, Debug)]
pub struct Cell {
    /// Its name in the tables.
    pub name: String,
    /// The load.
    pub scenario: Scenario,
    /// How bridges are spoken to.
    pub transport: Transport,
    /// The number of connections of HTTP/2 that the sessions share; without it each has an HTTP/1.1 connection of its own.
    pub http2: Option<NonZeroUsize>,
    /// What the server behind them speaks.
    pub server: Era,
    /// What is taken from the reports.
    pub measures: Vec<Measure>,
    /// Bounds that must be met.
    pub must: BTreeMap<Measure, f64>,
    /// Bounds that would be better still.
    pub aim: BTreeMap<Measure, f64>,
    /// What `{args}` stands for, by the bridge's name.
    pub args: BTreeMap<String, Vec<String>>,
    /// The bridges that run it; empty for all.
    pub only: BTreeSet<String>,
}

/// A number that must not grow from cell to cell.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Growth {
    /// Its name in the tables.
    pub name: String,
    /// The names of the cells, which count as growing with their payload and in the order of the file.
    pub cells: Vec<String>,
    /// What is compared.
    pub measure: GrowthMeasure,
    /// By how much one may exceed that of a smaller cell, as a share.
    pub within: f64,
}

/// What must not grow.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub enum GrowthMeasure {
    /// The bridge's CPU for each call.
    Cpu,
    /// The same as a multiple of the floor's: caches hold less of many sessions, whoever serves them.
    CpuOfFloor,
    /// What each further byte of the payload adds to the median latency, from one size to the next.
    Slope,
    /// The same as a multiple of the floor's: caches hold less of large messages, whoever passes them on.
    SlopeOfFloor,
}

impl GrowthMeasure {
    /// Whether it is the number beside the floor's.
    pub fn is_of_floor(self) -> bool {
        matches!(self, Self::CpuOfFloor | Self::SlopeOfFloor)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Raw {
    #[serde(default = "three")]
    rounds: u32,
    #[serde(default)]
    seconds: Option<f64>,
    #[serde(default = "thirty")]
    patience: f64,
    #[serde(default = "yes")]
    pipe: bool,
    #[serde(default, rename = "bridge")]
    bridges: Vec<Bridge>,
    #[serde(default, rename = "cell")]
    cells: Vec<toml::Table>,
    #[serde(default, rename = "growth")]
    growths: Vec<Growth>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct RawCell {
    name: String,
    scenario: String,
    #[serde(default)]
    transport: Transport,
    http2: Option<usize>,
    #[serde(default)]
    server: Era,
    measures: Option<Vec<Measure>>,
    #[serde(default)]
    must: BTreeMap<Measure, f64>,
    #[serde(default)]
    aim: BTreeMap<Measure, f64>,
    #[serde(default)]
    args: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    only: BTreeSet<String>,
}

/// Keys of a cell that are no options of its scenario.
const CELL_KEYS: [&str; 10] =
    ["name", "scenario", "transport", "http2", "server", "measures", "must", "aim", "args", "only"];

fn three() -> u32 {
    3
}

fn thirty() -> f64 {
    30.0
}

fn yes() -> bool {
    true
}

/// Why a file says nothing.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It cannot be read.
    #[error("{path} cannot be read: {reason}")]
    Unreadable {
        /// Its path.
        path: String,
        /// Why.
        reason: std::io::Error,
    },
    /// Something is wrong with it.
    #[error("{0}")]
    Wrong(String),
}

impl File {
    /// Reads the file.
    ///
    /// # Errors
    /// See [`FileError`].
    pub fn read(path: &Path) -> Result<Self, FileError> {
        let unreadable = |reason| FileError::Unreadable { path: path.display().to_string(), reason };
        let text = std::fs::read_to_string(path).map_err(unreadable)?;
        Self::parse(&text).map_err(|reason| FileError::Wrong(format!("{}: {reason}", path.display())))
    }

    /// Reads the text of a file.
    ///
    /// # Errors
    /// A sentence that says what to write instead.
    pub fn parse(text: &str) -> Result<Self, String> {
        let raw: Raw = toml::from_str(text).map_err(|error| error.to_string().trim_end().to_owned())?;
        let mut cells = Vec::new();
        for (index, table) in raw.cells.into_iter().enumerate() {
            let place = match table.get("name").and_then(toml::Value::as_str) {
                Some(name) => format!("cell `{name}`"),
                None => format!("cell {}", index + 1),
            };
            cells.push(cell(table, raw.seconds).map_err(|reason| format!("{place}: {reason}"))?);
        }
        let file = Self {
            rounds: raw.rounds,
            patience: raw.patience,
            pipe: raw.pipe,
            bridges: raw.bridges,
            cells,
            growths: raw.growths,
        };
        file.check()?;
        Ok(file)
    }

    /// Leaves only some cells and bridges; all where none is named.
    ///
    /// # Errors
    /// Nothing is left.
    pub fn keep(&mut self, cells: &[String], bridges: &[String]) -> Result<(), FileError> {
        if !cells.is_empty() {
            self.cells.retain(|cell| cells.iter().any(|part| cell.name.contains(part)));
        }
        if !bridges.is_empty() {
            self.bridges.retain(|bridge| bridges.contains(&bridge.name));
        }
        self.growths.retain(|growth| {
            growth.cells.iter().all(|name| self.cells.iter().any(|cell| cell.name == *name))
        });
        match self.cells.is_empty() || (self.bridges.is_empty() && !bridges.is_empty()) {
            true => Err(FileError::Wrong("no cell, or no bridge, of the file has such a name".to_owned())),
            false => Ok(()),
        }
    }

    fn check(&self) -> Result<(), String> {
        if self.rounds == 0 {
            return Err("`rounds` is 0; write 1 or more".to_owned());
        }
        if self.cells.is_empty() {
            return Err("there is nothing to run; write a [[cell]] with `name` and `scenario`".to_owned());
        }
        let mut names = BTreeSet::new();
        for bridge in &self.bridges {
            bridge.check().map_err(|reason| format!("bridge `{}`: {reason}", bridge.name))?;
            if ["floor", "pipe"].contains(&bridge.name.as_str()) || !names.insert(bridge.name.as_str()) {
                return Err(format!("bridge `{}`: the name is taken; give it another", bridge.name));
            }
        }
        let mut cells = BTreeSet::new();
        for cell in &self.cells {
            if !cells.insert(cell.name.as_str()) {
                return Err(format!("cell `{}`: there are two of this name; give one another", cell.name));
            }
            let unknown = cell.args.keys().chain(&cell.only).find(|name| !names.contains(name.as_str()));
            if let Some(name) = unknown {
                let known: Vec<_> = names.iter().copied().collect();
                return Err(format!(
                    "cell `{}`: there is no bridge `{name}`; write one of {}",
                    cell.name,
                    known.join(", ")
                ));
            }
        }
        for growth in &self.growths {
            if let Some(name) = growth.cells.iter().find(|name| !cells.contains(name.as_str())) {
                return Err(format!("growth `{}`: there is no cell `{name}`", growth.name));
            }
        }
        Ok(())
    }
}

impl Bridge {
    fn check(&self) -> Result<(), String> {
        if self.command.is_empty() {
            return Err("`command` is empty; write a list such as [\"bridge\", \"--port\", \"{port}\", \"--\", \"{echo}\"]".to_owned());
        }
        for (transport, url) in &self.urls {
            if Transport::named(transport).is_none() {
                return Err(format!(
                    "`urls` has `{transport}`, which is no transport; write streamable-http, sse or stateless"
                ));
            }
            if !url.starts_with("http://127.0.0.1:{port}") {
                return Err(format!(
                    "`{url}` does not begin with http://127.0.0.1:{{port}}, and bridges are compared on this machine"
                ));
            }
        }
        match self.urls.is_empty() {
            true => {
                Err("`urls` is empty; write such as { streamable-http = \"http://127.0.0.1:{port}/mcp\" }"
                    .to_owned())
            }
            false => Ok(()),
        }
    }

    /// Where it serves this transport.
    pub fn url(&self, transport: Transport) -> Option<&str> {
        self.urls.get(transport.name()).map(String::as_str)
    }
}

fn cell(table: toml::Table, seconds: Option<f64>) -> Result<Cell, String> {
    let (own, mut options): (toml::Table, toml::Table) =
        table.into_iter().partition(|(key, _)| CELL_KEYS.contains(&key.as_str()));
    let own: RawCell = own.try_into().map_err(|error: toml::de::Error| error.message().to_owned())?;
    if let Some(seconds) = seconds {
        options.entry("seconds").or_insert(seconds.into());
    }
    let scenario = Scenario::read(&own.scenario, options)?;
    let connections =
        |count| NonZeroUsize::new(count).ok_or("`http2` is 0; write 1 or more connections, or leave it out");
    let http2 = own.http2.map(connections).transpose()?;
    let measures = own.measures.unwrap_or_else(|| Measure::usual(&scenario));
    if let Some(measure) = own.must.keys().chain(own.aim.keys()).find(|measure| !measures.contains(measure)) {
        return Err(format!(
            "there is a bound for {}, which is not among `measures`; add it",
            measure.name()
        ));
    }
    Ok(Cell {
        name: own.name,
        scenario,
        transport: own.transport,
        http2,
        server: own.server,
        measures,
        must: own.must,
        aim: own.aim,
        args: own.args,
        only: own.only,
    })
}

#[cfg(test)]
mod tests;
