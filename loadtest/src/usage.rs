//! CPU and memory of the processes under test, from `/proc`.

use std::{collections::BTreeMap, fs, time::Duration};

/// Sums over some processes.
#[derive(Clone, Copy, Debug, Default)]
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

struct Stat {
    parent: i32,
    name: String,
    usage: Usage,
}

/// What the processes have used so far. Those that have ended and were reaped are not seen.
pub fn usage(which: &Which) -> Usage {
    let all = processes();
    let mut sum = Usage::default();
    for (pid, stat) in &all {
        let counts = match which {
            Which::Tree(root) => descends(&all, *pid, *root),
            Which::Named(name) => stat.name == *name,
        };
        if counts {
            sum.cpu += stat.usage.cpu;
            sum.resident_bytes += stat.usage.resident_bytes;
            sum.processes += 1;
        }
    }
    sum
}

fn processes() -> BTreeMap<i32, Stat> {
    let Ok(entries) = fs::read_dir("/proc") else { return BTreeMap::new() };
    let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    pids.filter_map(|pid| Some((pid, stat(pid)?))).collect()
}

fn stat(pid: i32) -> Option<Stat> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name stands in brackets and may hold anything, brackets too.
    let (open, close) = (text.find('(')?, text.rfind(')')?);
    let fields: Vec<&str> = text[close + 1..].split_whitespace().collect();
    // Fields are counted from the state, which is the third of proc_pid_stat(5).
    let number = |field: usize| fields.get(field - 3)?.parse::<u64>().ok();
    let ticks = number(14)? + number(15)?;
    let usage = Usage {
        cpu: Duration::from_nanos(ticks * 1_000_000_000 / rustix::param::clock_ticks_per_second().max(1)),
        resident_bytes: number(24)? * rustix::param::page_size() as u64,
        processes: 1,
    };
    Some(Stat { parent: number(4)?.try_into().ok()?, name: text[open + 1..close].to_owned(), usage })
}

fn descends(all: &BTreeMap<i32, Stat>, mut pid: i32, root: i32) -> bool {
    loop {
        match all.get(&pid) {
            _ if pid == root => return true,
            Some(stat) if stat.parent != pid => pid = stat.parent,
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_seen() {
        let own = usage(&Which::Tree(std::process::id().cast_signed()));
        assert!(own.processes >= 1 && own.resident_bytes > 100_000, "{own:?}");
    }
}
