//! The manifests that an API server accepts, and what the types make of them.

use std::path::{Path, PathBuf};

use serde_json::Value;
use waggle_crds::McpServer;
use waggle_crds::schema::definition;

use crate::fields::root;
use crate::validate::validate;

fn manifests(folder: &str) -> Vec<(PathBuf, Value)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata").join(folder);
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let read = |file: PathBuf| {
        let value = serde_saphyr::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
        (file, value)
    };
    files.map(read).collect()
}

#[test]
fn accepted_manifests_fit_the_schema_and_the_types_lose_nothing_of_them() {
    let definition = definition();
    let all = manifests("accepted");
    assert!(all.len() > 20);
    for (file, manifest) in all {
        let problems = validate(&root(&definition)["properties"]["spec"], &manifest["spec"]);
        assert!(problems.is_empty(), "{}: {problems:?}", file.display());
        let server: McpServer = serde_json::from_value(manifest.clone()).unwrap();
        let written = serde_json::to_value(&server).unwrap();
        keeps(&written["spec"], &manifest["spec"], &format!("{}: spec", file.display()));
    }
}

/// Every value of `given` is in `written`. Kubernetes' types may add empty lists, and write numbers as texts.
fn keeps(written: &Value, given: &Value, path: &str) {
    match given {
        Value::Object(object) => {
            for (name, inner) in object {
                keeps(&written[name], inner, &format!("{path}.{name}"));
            }
        }
        Value::Array(list) => {
            for (index, inner) in list.iter().enumerate() {
                keeps(&written[index], inner, &format!("{path}[{index}]"));
            }
        }
        Value::Number(number) if written.is_string() => assert_eq!(written, &number.to_string(), "{path}"),
        given => assert_eq!(written, given, "{path}"),
    }
}

#[test]
fn each_refused_manifest_says_which_words_it_is_refused_with() {
    let all = manifests("refused");
    assert!(all.len() > 90);
    for (file, _) in all {
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.starts_with("# refused: "), "{}", file.display());
    }
}
