//! CPU and memory of the processes under test, from `/proc`.

mod processes;

use std::{fmt, time::Duration};

use processes::{Stat, all, is_echo_server, stat};

/// Sums over some processes.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Usage {
    /// User and system time since each process began.
    pub cpu: Duration,
    /// Resident memory in bytes.
    pub resident_bytes: u64,
    /// How many processes there are.
    pub processes: usize,
}

/// Which processes are counted together.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Which {
    /// This one and all that descend from it.
    Tree(i32),
    /// All whose name (`comm`, at most 15 bytes) is this.
    Named(String),
}

/// What some processes have used, apart from the echo servers among them: those would be there without a bridge, too.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reading {
    /// The bridge.
    pub bridge: Usage,
    /// The echo servers that descend from it, and all descendants that have ended.
    pub servers: Usage,
}

/// Processes that are looked at again and again.
#[derive(Debug)]
pub struct Watch {
    /// Which they are.
    pub which: Which,
    /// Each, and whether it is one of the servers.
    pids: Vec<(i32, bool)>,
}

impl Watch {
    /// Finds the processes.
    pub fn new(which: Which) -> Self {
        let mut watch = Self { which, pids: Vec::new() };
        watch.find();
        watch
    }

    /// Finds them again: some may have begun or ended.
    pub fn find(&mut self) {
        let all = all();
        let counts = |pid: i32, stat: &Stat| match &self.which {
            Which::Tree(root) => processes::descends(&all, pid, *root),
            Which::Named(name) => stat.name == *name,
        };
        let pids = all.iter().filter(|(pid, stat)| counts(**pid, stat)).map(|(pid, _)| *pid);
        self.pids = match self.which {
            Which::Tree(root) => pids.map(|pid| (pid, pid != root && is_echo_server(pid))).collect(),
            Which::Named(_) => pids.map(|pid| (pid, false)).collect(),
        };
    }

    /// What they have used so far.
    pub fn read(&self) -> Reading {
        let mut reading = Reading::default();
        for (pid, is_server) in &self.pids {
            let Some(stat) = stat(*pid) else { continue };
            let sum = if *is_server { &mut reading.servers } else { &mut reading.bridge };
            sum.cpu += stat.usage.cpu;
            sum.resident_bytes += stat.usage.resident_bytes;
            sum.processes += 1;
            reading.servers.cpu += stat.children;
        }
        reading
    }
}

impl Usage {
    /// What was used since then; memory and number are those of now.
    pub fn since(self, before: Self) -> Self {
        Self { cpu: self.cpu.saturating_sub(before.cpu), ..self }
    }
}

impl fmt::Display for Which {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tree(pid) => write!(formatter, "pid {pid}"),
            Self::Named(name) => formatter.write_str(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_seen() {
        let own = Watch::new(Which::Tree(std::process::id().cast_signed())).read().bridge;
        assert!(own.processes >= 1 && own.resident_bytes > 100_000, "{own:?}");
    }
}
