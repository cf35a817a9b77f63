//! JSON text in every spelling that the grammar allows.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

/// Stands for the place of an id in a template; occurs nowhere else.
pub(crate) const ID: char = '\u{e000}';
/// Stands for the place of a progress token in a template; occurs nowhere else.
pub(crate) const TOKEN: char = '\u{e001}';

/// Whitespace, most often none.
pub(crate) fn whitespace() -> impl Strategy<Value = &'static str> {
    select(vec!["", "", "", "", " ", "\t", "\n", "\r\n", " \r ", "\n\n  "])
}

/// A raw number, as large and as oddly spelt as they come.
pub(crate) fn number() -> impl Strategy<Value = String> {
    let odd = select(vec![
        "0",
        "-0",
        "1.0",
        "1e3",
        "1E+3",
        "-1.50e-07",
        "9007199254740993",
        "18446744073709551616",
        "0.1000",
        "123456789012345678901234567890",
    ]);
    prop_oneof![odd.prop_map(str::to_owned), any::<i64>().prop_map(|value| value.to_string())]
}

/// A raw string, quotes included.
pub(crate) fn string() -> impl Strategy<Value = String> {
    let odd = select(vec![
        "\\\"",
        "\\\\",
        "\\/",
        "\\n",
        "\\u0041",
        "\\u200d",
        "\u{200d}",
        "\u{a0}",
        "\u{2028}",
        "\u{feff}",
        "\\ud83d\\udc1d",
        "\u{1f41d}",
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "//",
    ]);
    let plain = any::<char>()
        .prop_filter("must be escaped, or is a placeholder", |&character| {
            character >= ' ' && !['"', '\\', ID, TOKEN].contains(&character)
        })
        .prop_map(String::from);
    let piece = prop_oneof![odd.prop_map(str::to_owned), plain, "[a-z ]{1,40}"];
    vec(piece, 0..6).prop_map(|pieces| format!("\"{}\"", pieces.concat()))
}

/// A raw value of any kind.
pub(crate) fn value() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![number(), string(), select(vec!["true", "false", "null"]).prop_map(str::to_owned)];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_flat_map(array),
            vec((key(), inner), 0..4).prop_flat_map(object),
        ]
    })
}

/// A raw key of a member that no scan recognises at the top, though it may look like one.
fn key() -> impl Strategy<Value = String> {
    let similar = select(vec![
        "\"ID\"",
        "\"i\\u0064x\"",
        "\"Id\"",
        "\"\"",
        "\"progresstoken\"",
        "\"_META\"",
        "\"meth\\\\od\"",
    ]);
    prop_oneof![
        similar.prop_map(str::to_owned),
        "\"x[a-z]{0,20}\"",
        string().prop_map(|raw| raw.replacen('"', "\"x", 1))
    ]
}

/// A raw array of raw elements.
pub(crate) fn array(elements: Vec<String>) -> impl Strategy<Value = String> {
    separated('[', elements, ']')
}

/// A raw object of raw keys and values, in this order.
pub(crate) fn object(members: Vec<(String, String)>) -> impl Strategy<Value = String> {
    vec((whitespace(), whitespace()), members.len()).prop_flat_map(move |spaces| {
        let member = |((key, value), (before, after)): ((String, String), (&str, &str))| {
            format!("{key}{before}:{after}{value}")
        };
        separated('{', members.clone().into_iter().zip(spaces).map(member).collect(), '}')
    })
}

fn separated(open: char, items: Vec<String>, close: char) -> impl Strategy<Value = String> {
    vec((whitespace(), whitespace()), items.len().max(1)).prop_map(move |spaces| {
        let mut text = String::from(open);
        for (at, (before, after)) in spaces.into_iter().enumerate() {
            text += if at > 0 { "," } else { "" };
            text += before;
            text += items.get(at).map_or("", String::as_str);
            text += after;
        }
        text.push(close);
        text
    })
}

/// A template of a message, with [`ID`] and perhaps [`TOKEN`] where an id and a token go.
pub(crate) fn template() -> impl Strategy<Value = String> {
    let member = |key: &str, value: &str| (format!("\"{key}\""), value.to_owned());
    let noise = || vec((key(), value()), 0..4);
    let meta = noise().prop_flat_map(move |mut members| {
        members.push(member("progressToken", &TOKEN.to_string()));
        Just(members).prop_shuffle().prop_flat_map(object)
    });
    let params = (noise(), meta).prop_flat_map(move |(mut members, meta)| {
        members.push(member("_meta", &meta));
        Just(members).prop_shuffle().prop_flat_map(object)
    });
    let body = prop_oneof![
        params.prop_map(move |params| vec![member("method", "\"tools/call\""), member("params", &params)]),
        (string(), vec(value(), 0..3).prop_flat_map(array))
            .prop_map(move |(method, params)| vec![member("method", &method), member("params", &params)]),
        value().prop_map(move |result| vec![member("result", &result)]),
        value().prop_map(move |error| vec![member("\\u0065rror", &error)]),
    ];
    (body, noise(), whitespace(), whitespace()).prop_flat_map(move |(mut members, noise, before, after)| {
        members.extend(noise);
        members.push(member("jsonrpc", "\"2.0\""));
        members.push(member("id", &ID.to_string()));
        let object = Just(members).prop_shuffle().prop_flat_map(object);
        object.prop_map(move |object| format!("{before}{object}{after}"))
    })
}

/// A raw id or token.
pub(crate) fn id() -> impl Strategy<Value = String> {
    prop_oneof![number(), string()]
}

/// A whole message.
pub(crate) fn message() -> impl Strategy<Value = String> {
    (template(), id(), id()).prop_map(|(template, id, token)| fill(&template, &id, &token))
}

/// The message that a template makes with this id and token.
pub(crate) fn fill(template: &str, id: &str, token: &str) -> String {
    template.replace(ID, id).replace(TOKEN, token)
}
