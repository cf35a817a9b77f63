//! The configuration file: a flat YAML mapping from option names to values.
//!
//! The file is read into texts exactly as they are spelled, so that `command: [serve, 1.10, off]`
//! keeps its words and every option goes through the same parser whatever its source.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{DuplicateKeyPolicy, NonFiniteFloatPolicy, Spanned};

/// What stands behind a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum FileValue {
    /// `null`, `~` or nothing: the option is not given.
    Nothing,
    /// One text, number or word.
    One(String),
    /// A list of them.
    Many(Vec<String>),
    /// A mapping, or a list with something else than texts in it.
    Nested,
}

/// The keys with their values, in the order of the file, repeated keys included.
pub(super) type Entries = Vec<(String, FileValue)>;

/// Reads a file; the error says what is wrong with it as a whole.
pub(super) fn parse(text: &str) -> Result<Entries, String> {
    // Positions are counted without it.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let options = serde_saphyr::options! {
        // Reported by name with all other mistakes.
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        // `off` is a word.
        strict_booleans: true,
        non_finite_float_policy: NonFiniteFloatPolicy::PassThrough,
        with_snippet: false,
    };
    let root: Node = serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        match error.without_snippet() {
            serde_saphyr::Error::MultipleDocuments { .. } => {
                "is not valid YAML: it holds several documents".to_owned()
            }
            error => format!("is not valid YAML: {error}"),
        }
    })?;
    match root {
        Node::Null => Ok(Vec::new()),
        Node::Mapping(entries) => {
            Ok(entries.into_iter().map(|(key, value)| (key, value_of(value, text))).collect())
        }
        Node::Text(_) | Node::Typed | Node::Sequence(_) => Err("is not a mapping".to_owned()),
    }
}

fn value_of(node: Spanned<Node>, text: &str) -> FileValue {
    match node.value {
        Node::Null => FileValue::Nothing,
        Node::Sequence(items) => {
            let texts: Option<Vec<String>> = items.into_iter().map(|item| scalar(item, text)).collect();
            texts.map_or(FileValue::Nested, FileValue::Many)
        }
        Node::Mapping(_) => FileValue::Nested,
        Node::Text(_) | Node::Typed => scalar(node, text).map_or(FileValue::Nested, FileValue::One),
    }
}

/// The text of a scalar as it is spelled; `None` for a collection.
fn scalar(node: Spanned<Node>, text: &str) -> Option<String> {
    match node.value {
        Node::Text(value) => Some(value),
        Node::Typed | Node::Null => {
            // `defined` is where the scalar stands even when it was reached through an alias.
            let span = node.defined.span();
            let start = usize::try_from(span.byte_offset()?).ok()?;
            let length = usize::try_from(span.byte_len()?).ok()?;
            text.get(start..start.checked_add(length)?).map(|spelled| spelled.trim_end().to_owned())
        }
        Node::Sequence(_) | Node::Mapping(_) => None,
    }
}

/// Any YAML value, as far as the configuration needs it.
enum Node {
    Null,
    /// A quoted scalar, or one that is neither number nor boolean.
    Text(String),
    /// A plain scalar that YAML takes for a number or a boolean: its spelling is in the source.
    Typed,
    Sequence(Vec<Spanned<Node>>),
    Mapping(Vec<(String, Spanned<Node>)>),
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Node, E> {
        Ok(Node::Typed)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Node, E> {
        Ok(Node::Typed)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Node, E> {
        Ok(Node::Typed)
    }

    fn visit_i128<E>(self, _: i128) -> Result<Node, E> {
        Ok(Node::Typed)
    }

    fn visit_u128<E>(self, _: u128) -> Result<Node, E> {
        Ok(Node::Typed)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Node, E> {
        Ok(Node::Typed)
    }

    fn visit_str<E>(self, text: &str) -> Result<Node, E> {
        Ok(Node::Text(text.to_owned()))
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_none<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        Node::deserialize(deserializer)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Node, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = sequence.next_element()? {
            items.push(item);
        }
        Ok(Node::Sequence(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut mapping: A) -> Result<Node, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = mapping.next_entry()? {
            entries.push(entry);
        }
        Ok(Node::Mapping(entries))
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> FileValue {
        FileValue::One(text.to_owned())
    }

    fn many(texts: &[&str]) -> FileValue {
        FileValue::Many(texts.iter().map(|text| (*text).to_owned()).collect())
    }

    #[test]
    fn scalars_keep_their_spelling() {
        for (yaml, value) in [
            ("k: 4MiB", one("4MiB")),
            ("k: 007 # seven", one("007")),
            ("k: 1.10", one("1.10")),
            ("k: 10_000", one("10_000")),
            ("k: 0x1F", one("0x1F")),
            (
                "k: 99999999999999999999999999999999999999999999",
                one("99999999999999999999999999999999999999999999"),
            ),
            ("k: true", one("true")),
            ("k: off", one("off")),
            ("k: 'off'", one("off")),
            ("k: \"a\\tb\"", one("a\tb")),
            ("k: .inf", one(".inf")),
            ("k: ''", one("")),
            ("k: '[::1]:80'", one("[::1]:80")),
            ("k: 127.0.0.1:8080", one("127.0.0.1:8080")),
            ("k: |\n  a\n  b\n", one("a\nb\n")),
            ("k:", FileValue::Nothing),
            ("k: ~", FileValue::Nothing),
            ("k: null", FileValue::Nothing),
            (
                "k: [serve, 1.10, off, true, '007', 0o7, null, ~, -1]",
                many(&["serve", "1.10", "off", "true", "007", "0o7", "null", "~", "-1"]),
            ),
            ("k:\n  - a\n  - 1e3\n", many(&["a", "1e3"])),
            ("k: []", many(&[])),
            ("k: {a: 1}", FileValue::Nested),
            ("k: [a, [b]]", FileValue::Nested),
            ("\u{feff}ü: ü\nk: 1.50", one("1.50")),
        ] {
            let entries = parse(yaml).unwrap();
            assert_eq!(entries.last(), Some(&("k".to_owned(), value)), "{yaml}");
        }
    }

    #[test]
    fn aliases_keep_the_spelling_of_their_anchor() {
        let entries = parse("a: &n 1.50\nb: *n\nc: [*n, 2.0]").unwrap();
        let expected = [("a", one("1.50")), ("b", one("1.50")), ("c", many(&["1.50", "2.0"]))];
        assert_eq!(entries, expected.map(|(key, value)| (key.to_owned(), value)));
    }

    #[test]
    fn repeated_keys_are_kept() {
        let entries = parse("a: 1\nb: 2\na: 3").unwrap();
        assert_eq!(entries.iter().map(|(key, _)| key.as_str()).collect::<Vec<_>>(), ["a", "b", "a"]);
    }

    #[test]
    fn nothing_is_an_empty_configuration() {
        for text in ["", "\n", "# only a comment\n", "---\n", "{}"] {
            assert_eq!(parse(text), Ok(Vec::new()), "{text:?}");
        }
    }

    #[test]
    fn hostile_files_are_refused() {
        let deep = format!("a: {}", "[".repeat(100_000));
        let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..12 {
            let alias = format!("*a{}", level - 1);
            bomb += &format!("a{level}: &a{level} [{}]\n", [alias.as_str(); 10].join(", "));
        }
        for text in [deep, bomb] {
            let error = parse(&text).unwrap_err();
            assert!(error.starts_with("is not valid YAML: "), "{error}");
        }
    }

    #[test]
    fn refuses_what_is_no_mapping() {
        for text in ["just words", "- a", "7"] {
            assert_eq!(parse(text), Err("is not a mapping".to_owned()), "{text}");
        }
        for text in
            ["a: b: c", "a: [", "a: 1\n---\nb: 2", "? [a]\n: b", "k: [::1]:80", "a: *nowhere", "a: \"\\q\""]
        {
            let error = parse(text).unwrap_err();
            assert!(error.starts_with("is not valid YAML: "), "{text}: {error}");
        }
    }
}
