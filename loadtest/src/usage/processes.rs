//! The files of `/proc`.

use std::{collections::BTreeMap, fs, path::PathBuf, sync::LazyLock, time::Duration};

use super::Usage;

static OWN_PROGRAM: LazyLock<Option<PathBuf>> = LazyLock::new(|| program("self"));

pub(super) struct Stat {
    parent: i32,
    pub(super) name: String,
    pub(super) usage: Usage,
    /// Time of children that have ended.
    pub(super) children: Duration,
}

pub(super) fn all() -> BTreeMap<i32, Stat> {
    let Ok(entries) = fs::read_dir("/proc") else { return BTreeMap::new() };
    let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    pids.filter_map(|pid| Some((pid, stat(pid)?))).collect()
}

pub(super) fn stat(pid: i32) -> Option<Stat> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name stands in brackets and may hold anything, brackets too.
    let (open, close) = (text.find('(')?, text.rfind(')')?);
    let fields: Vec<&str> = text[close + 1..].split_whitespace().collect();
    // Fields are counted from the state, which is the third of proc_pid_stat(5).
    let number = |field: usize| fields.get(field - 3)?.parse::<u64>().ok();
    let usage = Usage {
        cpu: time(number(14)? + number(15)?),
        resident_bytes: number(24)? * rustix::param::page_size() as u64,
        processes: 1,
    };
    let children = time(number(16)? + number(17)?);
    Some(Stat {
        parent: number(4)?.try_into().ok()?,
        name: text[open + 1..close].to_owned(),
        usage,
        children,
    })
}

fn time(ticks: u64) -> Duration {
    Duration::from_nanos(ticks * 1_000_000_000 / rustix::param::clock_ticks_per_second().max(1))
}

pub(super) fn descends(all: &BTreeMap<i32, Stat>, mut pid: i32, root: i32) -> bool {
    loop {
        match all.get(&pid) {
            _ if pid == root => return true,
            Some(stat) if stat.parent != pid => pid = stat.parent,
            _ => return false,
        }
    }
}

/// Whether the process runs this very program.
pub(super) fn is_echo_server(pid: i32) -> bool {
    OWN_PROGRAM.is_some() && program(&pid.to_string()) == *OWN_PROGRAM
}

fn program(pid: &str) -> Option<PathBuf> {
    fs::read_link(format!("/proc/{pid}/exe")).ok()
}
