use super::*;

const TOOLS: &str = r#"[
    {"name": "query", "inputSchema": {"type": "object", "properties": {
        "region": {"type": "string", "x-mcp-header": "Region"},
        "limit": {"type": "integer", "x-mcp-header": "Limit"},
        "options": {"type": "object", "properties": {"dry": {"type": "boolean", "x-mcp-header": "Dry"}}}
    }}},
    {"name": "echo", "inputSchema": {"type": "object"}},
    {"name": "bad", "inputSchema": {"properties": {"a": {"type": "number", "x-mcp-header": "A"}}}}
]"#;

fn index() -> ToolIndex {
    let mut index = ToolIndex::default();
    let invalid = index.add(TOOLS.as_bytes());
    assert_eq!(invalid.iter().map(|tool| (tool.position, &*tool.name)).collect::<Vec<_>>(), [(2, "bad")]);
    index
}

fn check(tool: &str, arguments: Option<&str>, headers: &[(&str, &str)]) -> Result<(), (u16, i64, String)> {
    let header = |name: &str| headers.iter().find(|(other, _)| *other == name).map(|(_, value)| *value);
    let outcome = index().check(tool, arguments.map(str::as_bytes), header);
    outcome.map_err(|rejection| (rejection.status, rejection.error.code, rejection.error.message.into()))
}

#[test]
fn headers_that_repeat_their_arguments_are_accepted() {
    for (arguments, headers) in [
        (r#"{}"#, &[][..]),
        (r#"{"region":null,"options":{"dry":null}}"#, &[]),
        (r#"{"region":"eu"}"#, &[("mcp-param-region", "eu")]),
        (r#"{"region":"e\u0075"}"#, &[("mcp-param-region", "=?base64?ZXU=?=")]),
        (r#"{"r\u0065gion":"eu"}"#, &[("mcp-param-region", "eu")]),
        (r#"{"region":""}"#, &[("mcp-param-region", "=?base64??=")]),
        (r#"{"limit":12}"#, &[("mcp-param-limit", "12")]),
        (r#"{"limit":12.0}"#, &[("mcp-param-limit", "12")]),
        (r#"{"limit":-12}"#, &[("mcp-param-limit", "-12.00")]),
        (r#"{"limit":-0}"#, &[("mcp-param-limit", "0")]),
        (r#"{"limit":9007199254740993}"#, &[("mcp-param-limit", "9007199254740993")]),
        (r#"{"limit":99999999999999999999999}"#, &[("mcp-param-limit", "99999999999999999999999")]),
        (r#"{"options":{"dry":true}}"#, &[("mcp-param-dry", "true")]),
        (r#"{"a":{"region":"x"},"region":"eu"}"#, &[("mcp-param-region", "eu"), ("mcp-param-other", "x")]),
    ] {
        assert_eq!(check("query", Some(arguments), headers), Ok(()), "{arguments}");
    }
    assert_eq!(check("query", None, &[]), Ok(()));
    // No annotations, invalid ones, and a tool that nobody lists.
    for tool in ["echo", "bad", "nobody"] {
        assert_eq!(check(tool, Some(r#"{"a":1}"#), &[("mcp-param-a", "2")]), Ok(()));
    }
}

#[test]
fn headers_that_do_not_are_refused() {
    for (arguments, headers, says) in [
        (r#"{"region":"eu"}"#, &[][..], "missing"),
        (r#"{"region":"eu"}"#, &[("mcp-param-region", "us")], "differs"),
        (r#"{"region":"eu"}"#, &[("mcp-param-region", "EU")], "differs"),
        (r#"{"region":"eu"}"#, &[("mcp-param-region", "=?base64?ZXU?=")], "malformed"),
        (r#"{"region":"eu"}"#, &[("mcp-param-region", "=?base64?dXM=?=")], "differs"),
        (r#"{"region":"us","region":"eu"}"#, &[("mcp-param-region", "us")], "more than once"),
        (r#"{}"#, &[("mcp-param-region", "eu")], "not there"),
        (r#"{"region":null}"#, &[("mcp-param-region", "null")], "not there"),
        (r#"{"limit":12}"#, &[("mcp-param-limit", "13")], "differs"),
        (r#"{"limit":12}"#, &[("mcp-param-limit", "-12")], "differs"),
        (r#"{"limit":12}"#, &[("mcp-param-limit", "012")], "differs"),
        (r#"{"limit":9007199254740993}"#, &[("mcp-param-limit", "9007199254740992")], "differs"),
        (r#"{"limit":"12"}"#, &[("mcp-param-limit", "12.0")], "differs"),
        (r#"{"options":{"dry":true}}"#, &[], "missing"),
        (r#"{"options":{"dry":true}}"#, &[("mcp-param-dry", "True")], "differs"),
        (r#"{"options":[{"dry":true}]}"#, &[("mcp-param-dry", "true")], "not there"),
        (r#"{"region":{}}"#, &[("mcp-param-region", "{}")], "differs"),
        (r#"[]"#, &[("mcp-param-region", "eu")], "not there"),
    ] {
        let (status, code, message) = check("query", Some(arguments), headers).unwrap_err();
        assert_eq!((status, code), (400, -32020), "{arguments}");
        assert!(message.contains(says), "{arguments}: {message}");
    }
    assert!(check("query", None, &[("mcp-param-region", "eu")]).is_err());
}

#[test]
fn headers_for_a_call_pass_the_check() {
    let index = index();
    for (arguments, expected) in [
        (r#"{"region":"eu","limit":5.0,"options":{"dry":false}}"#, &["eu", "5", "false"][..]),
        (r#"{"region":"é ","limit":-3}"#, &["=?base64?w6kg?=", "-3"]),
        (r#"{"region":null,"limit":1e2}"#, &["1e2"]),
        (r#"{"other":1}"#, &[]),
    ] {
        let headers = index.headers_for("query", Some(arguments.as_bytes()));
        assert!(headers.iter().map(|(_, value)| &**value).eq(expected.iter().copied()), "{headers:?}");
        let header = |name: &str| headers.iter().find(|(other, _)| *other == name).map(|(_, value)| &**value);
        assert_eq!(index.check("query", Some(arguments.as_bytes()), header), Ok(()));
    }
    assert!(index.headers_for("echo", Some(br#"{"region":"eu"}"#)).is_empty());
    assert!(index.headers_for("query", None).is_empty());
}

#[test]
fn a_later_page_adds_and_replaces() {
    let mut index = index();
    assert!(index.add(br#"[{"name":"query","inputSchema":{}},{"name":"new","inputSchema":{"properties":{"a":{"type":"string","x-mcp-header":"A"}}}}]"#).is_empty());
    assert!(index.headers_for("query", Some(br#"{"region":"eu"}"#)).is_empty());
    assert_eq!(index.headers_for("new", Some(br#"{"a":"b"}"#)), [("mcp-param-a", "b".to_owned())]);
    assert_eq!(index.count(), 1);
}

#[test]
fn what_is_no_tool_spoils_no_other() {
    let mut index = ToolIndex::default();
    let page = br#"[1, {"name": 2}, {"name": "huge", "x": 1e999}, {"name": "t", "inputSchema": {"properties": {"a": {"type": "string", "x-mcp-header": "A"}}}}]"#;
    assert_eq!(index.add(page), []);
    assert_eq!(index.count(), 1);
    assert_eq!(index.headers_for("t", Some(br#"{"a":"b"}"#)).len(), 1);
    for page in [&b"{}"[..], b"null", b"[", b""] {
        assert!(index.add(page).is_empty());
    }
}
