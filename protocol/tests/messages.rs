//! For any message: what is rewritten changes, nothing else does, and a tree parser agrees with the scan.

mod json;

use std::collections::BTreeMap;

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::Value;
use serde_json::value::RawValue;
use waggle_protocol::jsonrpc::{
    Edit, Envelope, Field, PARSE_ERROR, ScanError, elements, is_batch, members, one_line, scan, splice, text,
};

/// Edits that replace the id and the progress token, in the order of their places.
fn replace(envelope: &Envelope, id: &str, token: &str) -> Vec<Edit> {
    let edit = |field, with: &str| {
        envelope.span(field).map(|at| Edit { at, with: Bytes::copy_from_slice(with.as_bytes()) })
    };
    let mut edits: Vec<_> =
        [edit(Field::Id, id), edit(Field::ProgressToken, token)].into_iter().flatten().collect();
    edits.sort_by_key(|edit| edit.at);
    edits
}

/// Whether a tree parser takes the bytes for JSON. It follows the grammar and nothing else, at any depth.
fn is_json(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_ok_and(|text| serde_json::from_str::<&RawValue>(text).is_ok())
}

/// JSON text with a few bytes changed, inserted or removed.
fn damaged() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![any::<u8>(), prop::sample::select(b"\"\\{}[]:,0-+.eEtu \n\0".to_vec())];
    let damage = vec((any::<prop::sample::Index>(), byte, 0..3u8), 0..3);
    (prop_oneof![json::message(), json::value()], damage).prop_map(|(text, damage)| {
        let mut bytes = text.into_bytes();
        for (place, byte, what) in damage {
            let at = place.index(bytes.len() + 1);
            match what {
                0 => bytes.insert(at, byte),
                1 if at < bytes.len() => bytes[at] = byte,
                _ if at < bytes.len() => drop(bytes.remove(at)),
                _ => bytes.push(byte),
            }
        }
        bytes
    })
}

proptest! {
    #[test]
    fn replacing_the_id_and_the_token_changes_nothing_else(
        template in json::template(), old in (json::id(), json::id()), new in (json::id(), json::id()),
    ) {
        let message = Bytes::from(json::fill(&template, &old.0, &old.1));
        let envelope = scan(&message).unwrap();
        prop_assert_eq!(envelope.span(Field::Id).unwrap().of(&message), old.0.as_bytes());
        let there = splice(&message, &replace(&envelope, &new.0, &new.1)).to_bytes();
        prop_assert_eq!(&there, &json::fill(&template, &new.0, &new.1));
        let envelope = scan(&there).unwrap();
        let back = splice(&there, &replace(&envelope, &old.0, &old.1)).to_bytes();
        prop_assert_eq!(back, message);
    }

    #[test]
    fn any_edits_replace_their_ranges_only(
        message in vec(any::<u8>(), 0..10_000), cuts in vec((any::<prop::sample::Index>(), vec(any::<u8>(), 0..9)), 0..6),
    ) {
        let mut places: Vec<_> = cuts.iter().map(|(place, _)| place.index(message.len() + 1) as u32).collect();
        places.sort();
        let spans = places.chunks_exact(2).map(|pair| (pair[0], pair[1]));
        let mut expected = Vec::new();
        let mut kept = 0;
        let mut edits = Vec::new();
        for ((start, end), (_, with)) in spans.zip(&cuts) {
            edits.push(Edit { at: waggle_protocol::jsonrpc::Span { start, end }, with: Bytes::copy_from_slice(with) });
            expected.extend_from_slice(&message[kept..start as usize]);
            expected.extend_from_slice(with);
            kept = end as usize;
        }
        expected.extend_from_slice(&message[kept..]);
        let payload = splice(&Bytes::from(message), &edits);
        prop_assert_eq!(payload.len(), expected.len());
        prop_assert_eq!(payload.to_bytes(), &expected);
        prop_assert_eq!(payload.compact().to_bytes(), expected);
    }

    #[test]
    fn fields_are_those_that_a_tree_has(message in json::message()) {
        let envelope = scan(message.as_bytes()).unwrap();
        // Some numbers are JSON, but above what the tree can hold.
        if let Ok(tree) = serde_json::from_str::<Value>(&message) {
            for field in Field::ALL {
                let path: String = field.path().iter().map(|key| format!("/{key}")).collect();
                let span = envelope.span(field);
                let value = span.map(|span| serde_json::from_slice::<Value>(span.of(message.as_bytes())).unwrap());
                prop_assert_eq!(value.as_ref(), tree.pointer(&path), "{:?}", field);
            }
        }
    }

    #[test]
    fn one_line_means_the_same_and_moves_nothing(message in json::message()) {
        let message = Bytes::from(message);
        let envelope = scan(&message).unwrap();
        let line = one_line(message.clone(), &envelope);
        prop_assert!(!line.contains(&b'\n') && !line.contains(&b'\r'));
        prop_assert_eq!(envelope.raw_newlines(), line != message);
        let rescan = scan(&line).unwrap();
        for field in Field::ALL {
            prop_assert_eq!(rescan.span(field), envelope.span(field));
        }
        let undone: Vec<u8> = line.iter().zip(&message).map(|(&new, &old)| if new == b' ' { old } else { new }).collect();
        prop_assert_eq!(undone, message);
    }

    #[test]
    fn damaged_text_is_refused_exactly_when_it_is_no_json(bytes in damaged()) {
        let outcome = scan(&bytes);
        let refused = outcome.as_ref().is_err_and(|error| error.code() == PARSE_ERROR);
        prop_assert_eq!(!refused, is_json(&bytes), "{:?}", outcome);
    }

    #[test]
    fn arbitrary_bytes_are_refused_exactly_when_they_are_no_json(bytes in vec(any::<u8>(), 0..40)) {
        let refused = scan(&bytes).is_err_and(|error| error.code() == PARSE_ERROR);
        prop_assert_eq!(!refused, is_json(&bytes));
    }

    #[test]
    fn batches_have_the_elements_that_a_tree_has(
        batch in vec(json::value(), 0..6).prop_flat_map(json::array), space in json::whitespace(),
    ) {
        let batch = format!("{space}{batch}{space}");
        let expected: Vec<&RawValue> = serde_json::from_str(&batch).unwrap();
        let spans = elements(batch.as_bytes()).unwrap();
        let found: Vec<_> = spans.iter().map(|span| &batch[span.range()]).collect();
        prop_assert_eq!(found, expected.iter().map(|raw| raw.get()).collect::<Vec<_>>());
        prop_assert!(is_batch(batch.as_bytes()));
    }

    #[test]
    fn damaged_batches_are_refused_exactly_when_they_are_no_json(bytes in damaged()) {
        let batch = [b"[", &bytes[..], b"]"].concat();
        prop_assert_eq!(elements(&batch).is_ok(), is_json(&batch));
        let refused = elements(&bytes).is_err_and(|error| error.code() == PARSE_ERROR);
        prop_assert_eq!(!refused, is_json(&bytes));
    }

    #[test]
    fn objects_have_the_members_that_a_tree_has(object in json::message()) {
        // A key with half a surrogate pair is none to the tree.
        if let Ok(expected) = serde_json::from_str::<BTreeMap<String, &RawValue>>(&object) {
            let raw = |span: waggle_protocol::jsonrpc::Span| &object[span.range()];
            let found = members(object.as_bytes()).unwrap().into_iter().map(|member| {
                (text::string_value(raw(member.key).as_bytes()).unwrap().into_owned(), raw(member.value))
            });
            let expected = expected.into_iter().map(|(key, value)| (key, value.get()));
            prop_assert_eq!(BTreeMap::from_iter(found), BTreeMap::from_iter(expected));
        }
    }

    #[test]
    fn damaged_objects_are_refused_exactly_when_they_are_no_json(bytes in damaged()) {
        let object = [b"{\"k\":", &bytes[..], b"}"].concat();
        prop_assert_eq!(members(&object).is_ok(), is_json(&object));
        let refused = members(&bytes).is_err_and(|error| error.code() == PARSE_ERROR);
        prop_assert_eq!(!refused, is_json(&bytes));
    }

    #[test]
    fn strings_decode_and_quote_as_a_tree_does(raw in json::string(), value in any::<String>()) {
        prop_assert_eq!(text::string_value(raw.as_bytes()).unwrap(), serde_json::from_str::<String>(&raw).unwrap());
        prop_assert_eq!(serde_json::from_str::<String>(&text::quote(&value)).unwrap(), value);
    }

    #[test]
    fn string_values_are_strings_and_integers_are_exact(raw in vec(any::<u8>(), 0..12), number in json::number()) {
        prop_assert_eq!(text::string_value(&raw).is_some(), raw.first() == Some(&b'"') && raw.last() == Some(&b'"') && is_json(&raw));
        let whole = match number.split_once('.') {
            Some((whole, fraction)) if fraction.bytes().all(|digit| digit == b'0') => whole,
            Some(_) => "not an integer",
            None => &number,
        };
        prop_assert_eq!(text::integer_value(number.as_bytes()), whole.parse().ok());
    }
}

/// What bridges that parse and print again are known to damage.
#[test]
fn odd_spellings_survive() {
    let message = Bytes::from_static(
        r#"{"params":{"z":9007199254740993,"a":1.0,"b":1e3,"a":-0,"s":"\u200d\u00e9\/","t":"‍ 
","_meta":{"progressToken":1.50}} ,"id" : 1e2,"method":"x","jsonrpc":"2.0"}"#
            .replace('\n', "\u{2028}")
            .leak()
            .as_bytes(),
    );
    let envelope = scan(&message).unwrap();
    let spliced = splice(&message, &replace(&envelope, "18446744073709551616", "\"t\""));
    let expected = String::from_utf8(message.to_vec()).unwrap();
    assert_eq!(spliced.to_bytes(), expected.replace("1e2", "18446744073709551616").replace("1.50", "\"t\""));
}

#[test]
fn differences_from_a_tree_parser_are_the_documented_ones() {
    let surrogate = br#"{"jsonrpc":"2.0","method":"m","params":{"a":"\ud800"}}"#;
    assert!(scan(surrogate).is_ok() && serde_json::from_slice::<Value>(surrogate).is_err());
    let deep = "[".repeat(129) + &"]".repeat(129);
    assert!(scan(deep.as_bytes()) == Err(ScanError::TooDeep) && is_json(deep.as_bytes()));
}
