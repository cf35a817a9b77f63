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
