//! The program itself: every scenario on every transport, against the bundled server and through a real bridge.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, wherever it does")]

use std::{
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::OnceLock,
};

use serde_json::Value;

const LOADTEST: &str = env!("CARGO_BIN_EXE_loadtest");

/// Small runs of every scenario; what must be there afterwards is more than nothing.
const SCENARIOS: [&[&str]; 7] = [
    &["calls", "--sessions=4", "--seconds=0.2", "--payload=1000"],
    &["fanout", "--streams=5", "--notifications=7", "--seconds=0"],
    &["connect", "--clients=3", "--seconds=0.2"],
    &["idle", "--sessions=6", "--seconds=0.1"],
    &["mixed", "--sessions=6", "--seconds=0.6", "--think=1"],
    &["slow", "--sessions=4", "--seconds=0.2"],
    &["ramp", "--sessions=4", "--from=50", "--seconds=0.1", "--steps=2", "--limit=5000"],
];

/// A server that prints its URL and ends with the test.
struct Server {
    child: Child,
    url: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    fn start(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn().unwrap();
        let mut url = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut url).unwrap();
        assert!(url.starts_with("http://"), "{url}");
        Self { child, url: url.trim().to_owned() }
    }

    fn floor() -> Self {
        Self::start(Command::new(LOADTEST).args(["echo", "--http", "127.0.0.1:0"]))
    }

    fn waggle(arguments: &[&str], era: &str) -> Self {
        let mut command = Command::new(waggle_proxy());
        command.args(["--listen", "127.0.0.1:0", "--admin-listen", "off", "--log", "warn"]).args(arguments);
        Self::start(command.args(["--", LOADTEST, "echo", "--era", era]))
    }

    fn load(&self, scenario: &[&str], transport: &str) -> Value {
        let url = match transport {
            "sse" => self.url.replace("/mcp", "/sse"),
            _ => self.url.clone(),
        };
        let pid = self.child.id().to_string();
        let output =
            run(&[scenario, &[&url, "--transport", transport, "--json", "--patience=120", "--pid", &pid]]
                .concat());
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert!(output.status.success(), "{scenario:?} over {transport}: {report:#}");
        assert!(report["tally"]["good"].as_u64().unwrap() > 0, "{scenario:?} over {transport}: {report:#}");
        assert!(report["watched"][0]["resident_bytes"].as_u64().unwrap() > 100_000, "{report:#}");
        report
    }
}

fn run(arguments: &[&str]) -> Output {
    Command::new(LOADTEST).args(arguments).output().unwrap()
}

/// The bridge of this workspace, built if it is not.
fn waggle_proxy() -> &'static Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| {
        let folder = Path::new(LOADTEST).parent().unwrap();
        let built = Command::new(env!("CARGO"))
            .args(["build", "--package", "waggle-proxy", "--bin", "waggle-proxy"])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .status();
        assert!(built.unwrap().success());
        folder.join("waggle-proxy")
    })
}

fn every_scenario(server: &Server) {
    for transport in ["streamable-http", "sse", "stateless"] {
        for scenario in SCENARIOS {
            assert!(server.load(scenario, transport)["http2"].is_null());
            let report = server.load(&[scenario, &["--http2=2"]].concat(), transport);
            assert_eq!(report["http2"], 2, "{report:#}");
            // A connection that stalls goes on when it is next pinged, after 15 s.
            let slowest = report["latency_microseconds"]["max"].as_f64();
            assert!(
                slowest.is_none_or(|slowest| slowest < 14e6),
                "{scenario:?} over {transport}: {report:#}"
            );
        }
    }
}

#[test]
fn the_floor_is_correct_in_every_scenario() {
    every_scenario(&Server::floor());
}

#[test]
fn a_bridge_is_driven_in_every_scenario() {
    every_scenario(&Server::waggle(&["--process-mode", "shared"], "legacy"));
}

#[test]
fn a_bridge_is_driven_in_front_of_a_modern_server_and_with_a_process_each() {
    let modern = Server::waggle(&["--process-mode", "shared"], "modern");
    for transport in ["streamable-http", "stateless"] {
        modern.load(SCENARIOS[0], transport);
        modern.load(SCENARIOS[1], transport);
    }
    let each = Server::waggle(&["--process-mode", "session"], "legacy");
    let report = each.load(SCENARIOS[0], "streamable-http");
    assert!(report["watched"][0]["servers"]["processes"].as_u64().unwrap() >= 4, "{report:#}");
}

#[test]
fn a_rate_is_kept_and_updates_reach_subscribers() {
    let floor = Server::floor();
    let report = floor.load(&["calls", "--sessions=4", "--seconds=0.5", "--rate=100"], "streamable-http");
    assert_eq!(report["tally"]["good"], 50, "{report:#}");
    for transport in ["streamable-http", "sse", "stateless"] {
        floor.load(
            &["fanout", "--streams=3", "--notifications=4", "--seconds=0", "--kind=resource-updated"],
            transport,
        );
    }
}

#[test]
fn a_server_takes_as_long_as_it_is_told_to() {
    let server = Server::waggle(&["--process-mode", "shared"], "legacy");
    let report = server.load(&["calls", "--sessions=3", "--seconds=0.2", "--delay=10"], "streamable-http");
    assert!(report["latency_microseconds"]["p50"].as_f64().unwrap() >= 10_000.0, "{report:#}");
}

/// Behind one process for all, what one session asks for is told to all of them.
#[test]
fn sessions_are_told_of_what_they_ask_for_and_of_nothing_else() {
    let own = ["fanout", "--own", "--streams=5", "--notifications=7", "--seconds=0.1"];
    let deliveries = |report: Value| {
        let rounds = report["values"][0]["value"].as_f64().unwrap();
        assert_eq!(report["tally"]["good"].as_f64().unwrap(), rounds * 5.0 * 7.0, "{report:#}");
    };
    let floor = Server::floor();
    deliveries(floor.load(&own, "streamable-http"));
    deliveries(floor.load(&[&own[..], &["--kind=resource-updated"]].concat(), "streamable-http"));
    deliveries(Server::waggle(&["--process-mode", "session"], "legacy").load(&own, "streamable-http"));
    let shared = Server::waggle(&["--process-mode", "shared"], "legacy");
    let output = run(&[&own[..], &[&shared.url, "--json", "--patience=20"]].concat());
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (output.status.code(), report["tally"]["leaks"].as_u64() > Some(0)),
        (Some(2), true),
        "{report:#}"
    );
    let output = run(&[&own[..], &[&floor.url, "--transport=stateless"]].concat());
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stdout).contains("`--own` needs"), "{output:?}");
}

#[test]
fn what_cannot_be_driven_is_said() {
    let output = run(&["calls", "http://192.0.2.1/mcp"]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("--allow-remote"));
    assert_eq!(output.status.code(), Some(1));
    let output = run(&["calls", "http://127.0.0.1:1/mcp", "--http2=0"]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("1 or more"), "{output:?}");
    // Nobody is there.
    let output = run(&["calls", "http://127.0.0.1:1/mcp", "--sessions=2", "--seconds=0.1"]);
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn bridges_are_compared_and_the_results_are_well_formed() {
    let folder = std::env::temp_dir().join(format!("loadtest-test-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = |name: &str| folder.join(name).display().to_string();
    let file = format!(
        r#"
        rounds = 2
        seconds = 0.1
        [[bridge]]
        name = "waggle & co"
        command = ["{}", "--listen", "127.0.0.1:{{port}}", "--admin-listen", "off", "{{args}}", "--", "{{echo}}"]
        args = ["--process-mode", "shared"]
        urls = {{ streamable-http = "http://127.0.0.1:{{port}}/mcp" }}
        [[bridge]]
        name = "absent"
        command = ["/nonexistent", "{{port}}"]
        urls = {{ streamable-http = "http://127.0.0.1:{{port}}/mcp" }}
        [[cell]]
        name = "two <sessions>"
        scenario = "calls"
        sessions = 2
        measures = ["rate", "p50", "p50-of-both", "cpu"]
        must = {{ rate = 0.000001 }}
        only = ["waggle & co"]
        [[cell]]
        name = "idle"
        scenario = "idle"
        sessions = 2
        must = {{ rest = 0.000001 }}
        [[cell]]
        name = "sse"
        scenario = "calls"
        transport = "sse"
        sessions = 1
        "#,
        waggle_proxy().display()
    );
    std::fs::write(path("compare.toml"), file).unwrap();
    let output = run(&[
        "compare",
        &path("compare.toml"),
        "--json",
        "--html",
        &path("all.html"),
        "--markdown",
        &path("all.md"),
        "--svg",
        &path("plots"),
    ]);
    let outcome: Value = serde_json::from_slice(&output.stdout).unwrap();
    // One of the bridges is not there, and that is an error, and no violation.
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!((&outcome["violations"], &outcome["missed"]), (&0.into(), &1.into()));
    let row = &outcome["rows"][0];
    assert_eq!((&row["bridges"][0]["meets"], &row["bridges"][1]["own"]), (&true.into(), &Value::Null));
    assert!(row["pipe"]["median"].as_f64().unwrap() > 0.0 && row["floor"]["median"].as_f64().unwrap() > 0.0);
    assert!(outcome["rows"][4]["bridges"][1]["failure"].as_str().unwrap().contains("does not start"));
    let page = std::fs::read_to_string(path("all.html")).unwrap();
    well_formed(page.strip_prefix("<!doctype html>").unwrap());
    assert!(page.contains("<svg") && !page.contains("src=") && !page.contains("href="));
    let markdown = std::fs::read_to_string(path("all.md")).unwrap();
    assert!(
        markdown.contains("| two <sessions> | rate |") && markdown.contains("](plots/rate.svg)"),
        "{markdown}"
    );
    let plots: Vec<_> =
        std::fs::read_dir(path("plots")).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(plots.len() >= 5, "{plots:?}");
    for plot in plots {
        well_formed(&std::fs::read_to_string(plot).unwrap());
    }
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn the_examples_are_read() {
    for name in ["waggle.toml", "bridges.toml"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(name);
        loadtest::compare::File::read(&path).unwrap();
    }
}

/// Every tag is closed by its own, and nothing else looks like one.
fn well_formed(text: &str) {
    let mut open: Vec<&str> = Vec::new();
    let mut rest = text;
    while let Some(begin) = rest.find('<') {
        let end = begin + rest[begin..].find('>').unwrap();
        let tag = &rest[begin + 1..end];
        assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
        let name = tag.split([' ', '/']).find(|part| !part.is_empty()).unwrap();
        if tag.starts_with('/') {
            assert_eq!(open.pop(), Some(name), "{tag}");
        } else if !tag.ends_with('/') {
            open.push(name);
        }
        rest = &rest[end + 1..];
    }
    assert_eq!(open, Vec::<&str>::new());
    assert!(!text.contains("NaN") && !text.contains("inf\""));
}
