//! POSTs of 2026-07-28: none panics, and one that is accepted has headers that say what its body says.
//!
//! The input is headers, one a line; after an empty line the body; after the next one the server's tools.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use waggle_protocol::jsonrpc::{Envelope, Field, Kind, scan};
use waggle_protocol::modern::{
    check::{Request, check, check_notification},
    claim::{Claim, claim, claim_batch},
    discover::{LegacyCapabilities, discover_from_initialize, initialize_from_discover},
    header,
    param_headers::ToolIndex,
    sentinel,
};
use waggle_protocol::version::{MODERN, ProtocolVersion};

fuzz_target!(|data: &[u8]| {
    let (head, rest) = cut(data);
    let (body, tools) = cut(rest);
    let Ok(head) = std::str::from_utf8(head) else { return };
    let lines: Vec<(&str, &str)> = head.lines().filter_map(|line| line.split_once(": ")).collect();
    let header = |name: &str| lines.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);

    let _ = discover_from_initialize(body);
    let _ = initialize_from_discover(body, ProtocolVersion::LATEST);
    let known = LegacyCapabilities::from_modern(body);
    assert_eq!(LegacyCapabilities::from_modern(known.as_str().as_bytes()), known);

    let Ok(envelope) = scan(body) else { return };
    let claimed = claim(body, &envelope, header(header::PROTOCOL_VERSION));
    let batch = claim_batch([&envelope], header(header::PROTOCOL_VERSION));
    assert!(batch.is_err() || claimed == Claim::Legacy);

    match (check(body, &envelope, header), check_notification(body, &envelope, header)) {
        (Err(one), Err(other)) => {
            assert!([one.status, other.status].iter().all(|status| [400, 404].contains(status)));
        }
        (Ok(request), Err(_)) => {
            assert_eq!((envelope.kind(), claimed), (Kind::Request, Claim::Modern));
            same(body, &envelope, &request, header);
            arguments(body, &envelope, &request, tools, header);
        }
        (Err(_), Ok(_)) => {
            assert_eq!(envelope.kind(), Kind::Notification);
            assert!(claimed != Claim::Legacy);
        }
        (Ok(_), Ok(_)) => panic!("a request and a notification at once"),
    }
});

fn cut(data: &[u8]) -> (&[u8], &[u8]) {
    match data.windows(2).position(|pair| pair == b"\n\n") {
        Some(at) => (&data[..at], &data[at + 2..]),
        None => (data, b""),
    }
}

/// A tree parser reads in the body what the headers say.
fn same<'a>(
    body: &[u8],
    envelope: &Envelope,
    request: &Request<'_>,
    header: impl Fn(&str) -> Option<&'a str>,
) {
    assert_eq!(header(header::METHOD), Some(&*request.method));
    assert_eq!((header(header::PROTOCOL_VERSION), request.version), (Some(MODERN), MODERN));
    assert_eq!(envelope.span(Field::MetaCapabilities), Some(request.capabilities));
    // What the scan takes and a tree cannot hold: lone surrogates, and numbers above its range.
    let Ok(tree) = serde_json::from_slice::<Value>(body) else { return };
    assert_eq!(tree["method"], *request.method);
    let meta = &tree["params"]["_meta"];
    assert_eq!(meta["io.modelcontextprotocol/protocolVersion"], MODERN);
    assert!(meta["io.modelcontextprotocol/clientCapabilities"].is_object());
    let key = match &*request.method {
        "tools/call" | "prompts/get" => "name",
        "resources/read" => "uri",
        "tasks/get" | "tasks/update" | "tasks/cancel" => "taskId",
        _ => return assert_eq!(request.name, None),
    };
    let sent = header(header::NAME).and_then(sentinel::decode).expect("the header is there");
    assert_eq!((tree["params"][key].as_str(), request.name.as_deref()), (Some(&*sent), Some(&*sent)));
}

/// If the headers of a call are accepted, they are those that a client of ours would send, or mean the same.
fn arguments<'a>(
    body: &[u8],
    envelope: &Envelope,
    request: &Request<'_>,
    tools: &[u8],
    header: impl Fn(&str) -> Option<&'a str>,
) {
    let mut index = ToolIndex::default();
    let _ = index.add(tools);
    let tool = request.name.as_deref().unwrap_or_default();
    let arguments = envelope.span(Field::ParamsArguments).map(|span| span.of(body));
    let made = index.headers_for(tool, arguments);
    if index.check(tool, arguments, &header).is_ok() {
        assert!(made.iter().all(|(name, _)| header(name).is_some()));
        let ours = |name: &str| made.iter().find(|(known, _)| *known == name).map(|(_, value)| &**value);
        assert_eq!(index.check(tool, arguments, ours), Ok(()));
    }
}
