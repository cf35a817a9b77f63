//! The real program: what it prints, where, and its exit code.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::path::PathBuf;
use std::process::{Command, Output};

/// Runs the program with nothing but these variables in its environment.
fn run(args: &[&str], env: &[(&str, &str)]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_waggle-proxy"))
        .args(args)
        .env_clear()
        // An error must not grow a backtrace.
        .env("RUST_BACKTRACE", "1")
        .envs(env.iter().copied())
        .output()
        .unwrap()
}

fn stdout(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).unwrap()
}

fn stderr(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).unwrap()
}

/// The lines on stderr of a run that is refused: exit code 64 and nothing on stdout.
fn refused(args: &[&str], env: &[(&str, &str)]) -> Vec<String> {
    let output = run(args, env);
    assert_eq!(output.status.code(), Some(64), "{args:?}: {}", stderr(&output));
    assert_eq!(stdout(&output), "", "{args:?}");
    stderr(&output).lines().map(str::to_owned).collect()
}

/// A file that goes away with its test.
struct TemporaryFile(PathBuf);

impl TemporaryFile {
    fn new(name: &str, text: &str) -> Self {
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{}-{name}", std::process::id()));
        std::fs::write(&path, text).unwrap();
        Self(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for TemporaryFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[test]
fn help_goes_to_stdout() {
    for flag in ["--help", "-h"] {
        let output = run(&[flag], &[]);
        assert_eq!(output.status.code(), Some(0));
        assert_eq!(stderr(&output), "");
        // Where lines break depends on the width of the longest name.
        let words: Vec<&str> = stdout(&output).split_whitespace().collect();
        let help = words.join(" ");
        for text in ["waggle-proxy [OPTIONS] [-- COMMAND [ARGS]...]", "--max-body <SIZE>", "[default: 4MiB]"]
        {
            assert!(help.contains(text), "{flag}: {text}");
        }
    }
    assert!(stdout(&run(&["--help"], &[])).contains("WAGGLE_MAX_BODY"));
}

#[test]
fn version_goes_to_stdout() {
    let output = run(&["--version"], &[]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(stdout(&output), concat!("waggle-proxy ", env!("CARGO_PKG_VERSION"), "\n"));
    assert_eq!(stderr(&output), "");
}

#[test]
fn check_config_prints_what_it_reads_back() {
    let args = ["--check-config", "--max-body", "5MiB", "--", "npx", "-y", "1.10"];
    let first = run(&args, &[("WAGGLE_GRACE", "7s")]);
    assert_eq!(first.status.code(), Some(0), "{}", stderr(&first));
    assert_eq!(stderr(&first), "");
    for line in ["max-body: 5MiB", "grace: 7s", "listen: 127.0.0.1:8080", "max-processes: 64"] {
        assert!(stdout(&first).lines().any(|printed| printed == line), "{line}");
    }
    let file = TemporaryFile::new("printed.yaml", stdout(&first));
    let second = run(&["--config", file.path(), "--check-config"], &[]);
    assert_eq!(second.status.code(), Some(0), "{}", stderr(&second));
    assert_eq!(stdout(&second), stdout(&first));
}

#[test]
fn three_mistakes_are_three_lines() {
    let file = TemporaryFile::new("wrong.yaml", "max-bdy: 4MiB\n");
    let lines = refused(&["--config", file.path(), "--grace", "soon"], &[("WAGGLE_MAX_PROCESSES", "0")]);
    assert_eq!(
        lines,
        [
            "error: flag `--grace`: `soon` is not a duration; write a duration with its unit from 100ms to 1h, \
             such as `250ms`, `15s`, `5m` or `1h30m`"
                .to_owned(),
            "error: `WAGGLE_MAX_PROCESSES`: `0` is too small; write a whole number from 1 to 100000".to_owned(),
            format!("error: `{}: max-bdy`: there is no such option; did you mean `max-body`?", file.path()),
        ]
    );
}

#[test]
fn a_flag_that_does_not_exist() {
    assert_eq!(
        refused(&["--max-bodyy", "1MiB", "-x"], &[]),
        [
            "error: flag `--max-bodyy`: there is no such option; did you mean `--max-body`?",
            "error: flag `-x`: there is no such option; `waggle-proxy --help` lists them all",
        ]
    );
}

#[test]
fn a_command_needs_dashes() {
    assert_eq!(
        refused(&["--grace", "5s", "npx", "foo", "--bar"], &[]),
        [
            "error: `npx` is not an option; to put a server behind the proxy write `waggle-proxy -- npx foo --bar`"
        ]
    );
}

#[test]
fn demo_stands_alone() {
    for args in
        [&["demo", "x"][..], &["demo", "--grace", "5s"], &["--grace", "5s", "demo"], &["demo", "--", "x"]]
    {
        assert_eq!(
            refused(args, &[]),
            ["error: `demo` takes no option and no command; write `waggle-proxy demo`"],
            "{args:?}"
        );
    }
}

#[test]
fn a_file_that_is_not_there() {
    let lines = refused(&["--config", "no/such/file.yaml"], &[]);
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(
        lines[0].starts_with("error: cannot read `no/such/file.yaml`, named by flag `--config`: "),
        "{lines:?}"
    );
}
