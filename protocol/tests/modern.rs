//! The edge of 2026-07-28, for any input: what one function writes another reads, and nothing that was changed passes.

mod json;

use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use waggle_protocol::jsonrpc::{scan, text};
use waggle_protocol::modern::check::check;
use waggle_protocol::modern::claim::{Claim, claim};
use waggle_protocol::modern::param_headers::ToolIndex;
use waggle_protocol::modern::{header, sentinel};
use waggle_protocol::seal::{Digest, Principal, Sealer, State};
use waggle_protocol::time::Timestamp;
use waggle_protocol::version::MODERN;

fn state() -> impl Strategy<Value = State> {
    (any::<[u8; 16]>(), any::<Option<Vec<u8>>>(), any::<[String; 2]>(), any::<u32>(), any::<u64>()).prop_map(
        |(handle, authorization, [method, params], round, expires)| State {
            handle,
            principal: Principal::of(authorization.as_deref()),
            digest: Digest::of(&method, params.as_bytes()),
            round,
            expires: Timestamp::new(Duration::from_nanos(expires)),
        },
    )
}

/// A raw object of any members but those that a digest leaves out.
fn object() -> impl Strategy<Value = Vec<(String, String)>> {
    vec(("[a-z]{1,8}".prop_map(|key| text::quote(&key)), json::value()), 0..5)
}

fn written(members: &[(String, String)], space: &str) -> String {
    let members: Vec<_> = members.iter().map(|(key, value)| format!("{key}{space}:{space}{value}")).collect();
    format!("{{{space}{}{space}}}", members.join(&format!("{space},{space}")))
}

proptest! {
    #[test]
    fn a_message_that_claims_nothing_is_legacy_and_never_passes_as_modern(message in json::message()) {
        let envelope = scan(message.as_bytes()).unwrap();
        prop_assert_eq!(claim(message.as_bytes(), &envelope, None), Claim::Legacy);
        let method = envelope.method(message.as_bytes());
        let headers = [(header::PROTOCOL_VERSION, MODERN), (header::METHOD, &method), (header::NAME, "echo")];
        let header = |name: &str| headers.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
        prop_assert!(check(message.as_bytes(), &envelope, header).is_err());
    }

    #[test]
    fn any_text_goes_through_a_header(text in any::<String>()) {
        let value = sentinel::encode(&text);
        prop_assert!(!value.is_empty() && value.trim() == value);
        prop_assert!(value.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
        prop_assert_eq!(&*sentinel::decode(&value).unwrap(), &*text);
    }

    #[test]
    fn decoding_takes_whatever_comes(value in "=\\?base64\\?.*\\?=|.*") {
        if let Some(text) = sentinel::decode(&value) {
            let again = sentinel::encode(&text);
            prop_assert_eq!(&*sentinel::decode(&again).unwrap(), &*text);
        }
    }

    #[test]
    fn headers_made_for_a_call_are_accepted_and_no_others(
        argument in prop_oneof![json::number(), json::string()], other in "[!-~]{1,8}",
    ) {
        let mut index = ToolIndex::default();
        let tools = r#"[{"name":"t","inputSchema":{"properties":{"o":{"properties":{
            "a":{"type":"string","x-mcp-header":"A"}}}}}}]"#;
        prop_assert!(index.add(tools.as_bytes()).is_empty());
        let arguments = format!(r#"{{"b":{argument},"o":{{"a":{argument}}}}}"#);
        let headers = index.headers_for("t", Some(arguments.as_bytes()));
        let [(name, value)] = &headers[..] else { panic!("{headers:?}") };
        prop_assert_eq!(*name, "mcp-param-a");
        let check = |sent: Option<&str>| {
            index.check("t", Some(arguments.as_bytes()), |asked| sent.filter(|_| asked == *name))
        };
        prop_assert_eq!(check(Some(value)), Ok(()));
        prop_assert!(check(None).is_err());
        let same = argument.trim_matches('"') == other || sentinel::decode(&other).is_some_and(|it| it == **value);
        let numbers = argument.parse::<f64>().is_ok() && other.parse::<f64>().is_ok();
        if !same && !numbers {
            prop_assert!(check(Some(&other)).is_err());
        }
    }

    #[test]
    fn a_digest_sees_all_but_what_a_retry_changes(
        object in object(), space in json::whitespace(), at in any::<Index>(), changing in json::value(), new in json::value(),
    ) {
        let first = Digest::of("m", written(&object, "").as_bytes());
        let mut retry = object.clone();
        for key in ["\"_meta\"", "\"inputResponses\"", "\"request\\u0053tate\""] {
            retry.insert(at.index(retry.len() + 1), (key.to_owned(), changing.clone()));
        }
        prop_assert_eq!(Digest::of("m", written(&retry, space).as_bytes()), first);
        retry.push(("\"another\"".to_owned(), new));
        prop_assert_ne!(Digest::of("m", written(&retry, space).as_bytes()), first);
    }

    #[test]
    fn a_sealed_state_opens_here_and_nowhere_else(
        state in state(), key in any::<[u8; 32]>(), node in any::<[u8; 16]>(), nonce in any::<[u8; 24]>(), bit in 0..256usize,
    ) {
        let text = Sealer::new(key, node).seal(&state, nonce);
        prop_assert_eq!(Sealer::new(key, node).open(&text), Ok(state));
        let mut foreign = key;
        foreign[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(Sealer::new(foreign, node).open(&text).is_err());
        let mut elsewhere = node;
        elsewhere[bit / 8 % 16] ^= 1 << (bit % 8);
        prop_assert!(Sealer::new(key, elsewhere).open(&text).is_err());
    }

    #[test]
    fn a_changed_state_does_not_open(state in state(), at in any::<Index>(), with in any::<char>()) {
        let sealer = Sealer::new([1; 32], [2; 16]);
        let text = sealer.seal(&state, [3; 24]);
        let at = at.index(text.len());
        let changed = format!("{}{with}{}", &text[..at], &text[at + 1..]);
        prop_assert_eq!(sealer.open(&changed).is_ok(), changed == text);
    }
}
