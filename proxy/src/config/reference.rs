//! `docs/configuration.md` says what the table of options says.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::Config;
use super::table::{OptionSpec, options};
use crate::cli::Cli;

fn path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/configuration.md")
}

/// Between these lines the reference is generated.
const BEGIN: &str = "<!-- options: begin (generated; BLESS=1 cargo test -p waggle-proxy reference) -->\n";
const END: &str = "<!-- options: end -->\n";

fn table() -> String {
    let mut headings: Vec<&str> = Vec::new();
    for option in options() {
        if !headings.contains(&option.heading) {
            headings.push(option.heading);
        }
    }
    headings.into_iter().map(section).collect()
}

fn section(heading: &str) -> String {
    let mut text = format!(
        "\n### {heading}\n\n| Flag and key | Variable | Default | Takes | Meaning | At the limit | Reload |\n|---|---|---|---|---|---|---|\n"
    );
    for option in options().filter(|option| option.heading == heading) {
        text.push_str(&row(option));
    }
    text
}

fn row(option: &OptionSpec) -> String {
    let default = match option.default_text() {
        text if text.is_empty() => "none".to_owned(),
        text => format!("`{text}`"),
    };
    let repeatable = if option.repeatable() { "; a list" } else { "" };
    let mut row = String::new();
    for cell in [
        format!("`--{0}`, `{0}`", option.name),
        format!("`{}`", option.env()),
        default,
        format!("{}{repeatable}", option.expected()),
        option.meaning(),
        option.at_limit.to_owned(),
        if option.reloadable { "yes" } else { "restart" }.to_owned(),
    ] {
        // Writing to a string cannot fail.
        let _ = write!(row, "| {} ", cell.replace('|', "\\|"));
    }
    row + "|\n"
}

#[test]
fn the_reference_matches_the_table() {
    let written = std::fs::read_to_string(path()).unwrap();
    let (before, rest) = written.split_once(BEGIN).expect("the line that begins the reference");
    let (_, after) = rest.split_once(END).expect("the line that ends the reference");
    let expected = format!("{before}{BEGIN}{}\n{END}{after}", table());
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(path(), expected).unwrap();
        return;
    }
    assert!(
        written == expected,
        "run `BLESS=1 cargo test -p waggle-proxy reference` and commit docs/configuration.md"
    );
}

#[test]
fn the_example_file_is_valid() {
    let written = std::fs::read_to_string(path()).unwrap();
    let (_, rest) = written.split_once("```yaml\n").expect("an example file");
    let (example, _) = rest.split_once("```").expect("the end of the example");
    let cli = Cli::read(["waggle-proxy", "--config", "waggle.yaml"].map(Into::into)).unwrap();
    let config = Config::resolve(&cli, [], |_| Ok(example.to_owned())).unwrap();
    assert_eq!(config.public_url.unwrap().as_str(), "https://mcp.example.org");
    assert_eq!(config.command.unwrap().len(), 3);
}
