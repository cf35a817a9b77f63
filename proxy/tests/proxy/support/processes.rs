//! What runs on this machine on behalf of one test.

/// The variable that marks everything which one proxy has started, however deep: it is inherited.
pub(super) const MARK: &str = "PROXY_TEST_MARK";

/// Live processes that bear the mark, with their command lines.
pub(crate) fn marked(mark: &str) -> Vec<(i32, String)> {
    let entry = format!("{MARK}={mark}");
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let pids = processes.filter_map(|process| process.file_name().to_str()?.parse::<i32>().ok());
    pids.filter_map(|pid| {
        // A process that ends meanwhile, or has ended and was not reaped, shows no environment.
        let environment = std::fs::read(format!("/proc/{pid}/environ")).ok()?;
        let bears = environment.split(|byte| *byte == 0).any(|variable| variable == entry.as_bytes());
        let command = std::fs::read(format!("/proc/{pid}/cmdline")).ok().filter(|_| bears)?;
        Some((pid, String::from_utf8_lossy(&command).replace('\0', " ")))
    })
    .collect()
}

/// Whether the process runs: a zombie does not.
pub(crate) fn is_alive(pid: i64) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(')')
        .next()
        .and_then(|rest| rest.trim_start().chars().next())
        .is_some_and(|state| state != 'Z')
}

/// What the process has open, by descriptor.
pub(crate) fn descriptors(pid: i64) -> Vec<std::path::PathBuf> {
    let numbers = descriptor_numbers(pid).into_iter();
    // One that is closed meanwhile leads nowhere.
    numbers.filter_map(|number| std::fs::read_link(format!("/proc/{pid}/fd/{number}")).ok()).collect()
}

/// The descriptors that the process has open.
pub(crate) fn descriptor_numbers(pid: i64) -> Vec<u64> {
    let open = std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap().flatten();
    let mut numbers: Vec<u64> =
        open.map(|entry| entry.file_name().to_str().unwrap().parse().unwrap()).collect();
    numbers.sort_unstable();
    numbers
}

/// Children of the process that have ended and that it has not waited for.
pub(crate) fn zombies(pid: i32) -> usize {
    children(pid).into_iter().filter(|pid| !is_alive((*pid).into())).count()
}

/// The program that `unshare` runs, if the process is that.
pub(super) fn unwrapped(pid: i32) -> i32 {
    match std::fs::read_to_string(format!("/proc/{pid}/comm")) {
        Ok(name) if name.trim() == "unshare" => children(pid).first().copied().unwrap_or(pid),
        _ => pid,
    }
}

fn children(pid: i32) -> Vec<i32> {
    let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    children.split_whitespace().map(|pid| pid.parse().unwrap()).collect()
}

/// How the kernel schedules a process: the number of the policy in `sched.h`.
pub(crate) fn scheduling_policy(pid: i64) -> u32 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    // Fields are counted from 1, and those behind the program's name, which may hold anything, from 3 (proc_pid_stat(5)).
    let (_, fields) = stat.rsplit_once(") ").unwrap();
    fields.split(' ').nth(41 - 3).unwrap().parse().unwrap()
}
