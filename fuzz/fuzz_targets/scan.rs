//! Scans: a tree parser agrees about what is JSON and where the fields are, and a splice changes only what it names.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, value::RawValue};
use waggle_protocol::jsonrpc::{
    Edit, Envelope, Field, PARSE_ERROR, ScanError, elements, one_line, scan, splice,
};

fuzz_target!(|data: &[u8]| {
    let json = std::str::from_utf8(data).is_ok_and(|text| serde_json::from_str::<&RawValue>(text).is_ok());
    let outcome = scan(data);
    if outcome != Err(ScanError::TooDeep) {
        assert_eq!(outcome.as_ref().is_err_and(|error| error.code() == PARSE_ERROR), !json, "{outcome:?}");
    }
    if let Ok(envelope) = outcome {
        check_message(&Bytes::copy_from_slice(data), &envelope);
    }
    if let Ok(spans) = elements(data) {
        let expected: Vec<&RawValue> = serde_json::from_slice(data).expect("a batch is an array");
        assert!(spans.iter().map(|span| span.of(data)).eq(expected.iter().map(|raw| raw.get().as_bytes())));
    }
});

fn check_message(message: &Bytes, envelope: &Envelope) {
    // What the scan takes and a tree cannot hold: lone surrogates, and numbers above its range.
    if let Ok(tree) = serde_json::from_slice::<Value>(message) {
        for field in Field::ALL {
            let pointer: String = field.path().iter().map(|key| format!("/{key}")).collect();
            let value =
                envelope.span(field).map(|span| serde_json::from_slice(span.of(message)).expect("a value"));
            assert_eq!(value.as_ref(), tree.pointer(&pointer), "{field:?}");
        }
    }

    let line = one_line(message.clone(), envelope);
    assert!(!line.contains(&b'\n') && !line.contains(&b'\r'));
    assert_eq!(scan(&line).expect("a line is the same message").span(Field::Id), envelope.span(Field::Id));

    if let Some(at) = envelope.span(Field::Id) {
        let spliced =
            splice(message, &[Edit { at, with: Bytes::from_static(b"9007199254740993") }]).to_bytes();
        let id =
            scan(&spliced).expect("an id is replaced by an id").span(Field::Id).expect("it is still there");
        assert_eq!(id.of(&spliced), b"9007199254740993");
        let back = splice(&spliced, &[Edit { at: id, with: at.slice(message) }]);
        assert_eq!(back.to_bytes(), message);
    }
}
