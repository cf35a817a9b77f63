//! Any bytes as a message: what the scanner accepts is JSON to serde_json too, its ranges hold the same
//! values, and splicing changes nothing but the range it names.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use waggle_protocol::jsonrpc::{self, Edit, Field};

fuzz_target!(|data: &[u8]| {
    let message = Bytes::copy_from_slice(data);
    let _ = jsonrpc::elements(data);
    let Ok(envelope) = jsonrpc::scan(data) else { return };
    let line = jsonrpc::one_line(message.clone(), &envelope);
    assert!(!line.contains(&b'\n') && !line.contains(&b'\r') && line.len() == message.len());
    // serde_json refuses lone surrogates and numbers beyond a double, which are JSON all the same.
    let tree: Result<Value, _> = serde_json::from_slice(data);
    let Some(at) = envelope.span(Field::Id) else { return };
    if let Ok(tree) = tree {
        let id: Value = serde_json::from_slice(at.of(data)).expect("a range of valid JSON is valid JSON");
        assert_eq!(tree["id"], id);
    }
    let spliced = jsonrpc::splice(&message, &[Edit { at, with: Bytes::from_static(b"7") }]).to_bytes();
    assert_eq!(spliced[..at.start()], data[..at.start()]);
    assert_eq!(spliced[at.start() + 1..], data[at.end()..]);
});
