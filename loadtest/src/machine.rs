//! The shape of this machine, without which numbers say little.

use serde::Serialize;

/// What it is.
#[derive(Clone, Debug, Serialize)]
pub struct Machine {
    /// Cores that this process may use.
    pub cores: usize,
    /// What the system calls them.
    pub processor: String,
    /// Memory in GiB.
    pub memory_gib: u64,
    /// Name and release of the kernel.
    pub kernel: String,
}

/// This machine.
pub fn machine() -> Machine {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let cpuinfo = read("/proc/cpuinfo");
    let processor = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    let meminfo = read("/proc/meminfo");
    let memory = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let kibibytes = memory.and_then(|text| text.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
    let system = rustix::system::uname();
    Machine {
        cores: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        processor: processor.map_or("unknown", |(_, name)| name.trim()).to_owned(),
        memory_gib: kibibytes.unwrap_or_default().div_ceil(1 << 20),
        kernel: format!("{} {}", system.sysname().to_string_lossy(), system.release().to_string_lossy()),
    }
}
