//! What is generated from the types is committed and up to date.

use std::path::{Path, PathBuf};

const REMEDY: &str = "run `BLESS=1 cargo test -p waggle-crds generated` and commit what it wrote";

fn file(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// Compares a file of the repository with what it should be, or writes it when `BLESS` is set.
fn generated(path: &str, expected: &str) {
    let file = file(path);
    if std::env::var_os("BLESS").is_some() {
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, expected).unwrap();
        return;
    }
    let written = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(written == expected, "{path} is not what the types say: {REMEDY}");
}

/// The same for what stands between two lines of a file.
pub(crate) fn generated_part(path: &str, begin: &str, expected: &str, end: &str) {
    let written = std::fs::read_to_string(file(path)).unwrap();
    let (before, rest) = written.split_once(begin).expect("the line that begins the generated part");
    let (_, after) = rest.split_once(end).expect("the line that ends the generated part");
    generated(path, &format!("{before}{begin}{expected}{end}{after}"));
}

#[test]
fn generated_definition() {
    let definition = serde_saphyr::to_string(&waggle_crds::schema::definition()).unwrap();
    let text =
        format!("# Generated from crds/src: BLESS=1 cargo test -p waggle-crds generated\n{definition}");
    generated("crds/mcpservers.yaml", &text);
    // The chart has a copy, since a chart can hold only what is inside it.
    generated("charts/waggle-crds/files/mcpservers.yaml", &text);
}
