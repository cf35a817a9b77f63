//! The program when it is to end by itself.

use super::program::Options;
use super::{eventually, marked, within};

/// How a run has ended.
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    /// What it says to people: the lines on stderr that are no log lines.
    pub(crate) sentences: Vec<String>,
}

/// Runs the program to its end; nothing that it has started may be left.
pub(crate) async fn run(options: Options) -> Ended {
    let (mut command, mark) = options.command();
    let output = within("the program's end", command.output()).await.unwrap();
    eventually("nothing is left", || async { marked(&mark).is_empty() }).await;
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(!stderr.contains("panicked"), "{stderr}");
    Ended {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        sentences: stderr.lines().filter(|line| !line.starts_with('{')).map(str::to_owned).collect(),
    }
}
