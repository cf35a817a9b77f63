//! One pass over one message.

use super::envelope::{Envelope, Fields, Kind};
use super::error::ScanError;
use super::field::{Field, Place};
use super::lexer::{Lexer, MAX_DEPTH};
use super::span::Span;
use super::text;

/// Validates one JSON-RPC message and finds its recognised members.
///
/// The whole message is checked: UTF-8, the JSON grammar, [`MAX_DEPTH`], nothing but whitespace after the object, and
/// that the members make up a request, notification, response or error. Escaped surrogates need not be paired, as
/// the grammar does not ask for it. Unknown members are validated and skipped, and may repeat.
///
/// # Errors
///
/// An error whose [code](ScanError::code) is -32700 if and only if the bytes are not JSON (or nest too deep); else the
/// first reason, in the order of [`ScanError`]'s variants, why the JSON is not a message.
pub fn scan(message: &[u8]) -> Result<Envelope, ScanError> {
    let mut scanner = Scanner { lexer: Lexer::new(message)?, fields: Fields::NONE, duplicate: None };
    scanner.lexer.whitespace();
    let object = scanner.lexer.peek() == b'{';
    if object {
        scanner.object(Place::Message, 0)?;
    } else {
        scanner.lexer.value(0)?;
    }
    scanner.lexer.end()?;
    if !object {
        return Err(ScanError::InvalidMessage);
    }
    if let Some(field) = scanner.duplicate {
        return Err(ScanError::DuplicateKey(field));
    }
    let kind = classify(message, &scanner.fields)?;
    Ok(Envelope { kind, raw_newlines: scanner.lexer.newlines(), fields: scanner.fields })
}

struct Scanner<'a> {
    lexer: Lexer<'a>,
    fields: Fields,
    /// The first recognised member that occurred twice. Reported only once all the rest has proved to be JSON.
    duplicate: Option<Field>,
}

impl Scanner<'_> {
    /// Walks over the object that begins at the position and lies inside `depth` containers. Recurses only into
    /// places, which are nested a few levels deep by construction.
    fn object(&mut self, place: Place, depth: u32) -> Result<(), ScanError> {
        debug_assert!(depth < MAX_DEPTH);
        self.lexer.expect(b'{')?;
        self.lexer.whitespace();
        if self.lexer.take(b'}') {
            return Ok(());
        }
        loop {
            let (key, escaped) = self.lexer.key()?;
            let field = if escaped { escaped_member(place, key) } else { place.member(key) };
            match field {
                Some(field) => self.member(field, depth)?,
                None => self.lexer.value(depth + 1)?,
            }
            self.lexer.whitespace();
            if !self.lexer.take(b',') {
                return self.lexer.expect(b'}');
            }
            self.lexer.whitespace();
        }
    }

    /// Walks over the value of `field`, a member of an object inside `depth` containers, and notes where it is.
    fn member(&mut self, field: Field, depth: u32) -> Result<(), ScanError> {
        let start = self.lexer.at();
        match field.opens() {
            Some(place) if self.lexer.peek() == b'{' => self.object(place, depth + 1)?,
            _ => self.lexer.value(depth + 1)?,
        }
        if self.fields.has(field) {
            self.duplicate.get_or_insert(field);
        }
        self.fields.set(field, Span::within(start, self.lexer.at()));
        Ok(())
    }
}

/// The member that a raw key with escapes names: `"\u0069d"` is `id` to every reader, so it is to this one.
#[cold]
fn escaped_member(place: Place, key: &[u8]) -> Option<Field> {
    let mut decoded = [0; 64];
    place.member(text::decode_into(key, &mut decoded)?)
}

fn classify(message: &[u8], fields: &Fields) -> Result<Kind, ScanError> {
    let raw = |field| fields.get(field).map(|span| span.of(message));
    if !raw(Field::Jsonrpc).is_some_and(is_version_2) {
        return Err(ScanError::InvalidVersion);
    }
    let first = |field| raw(field).map(|value| value[0]);
    if !matches!(first(Field::Method), None | Some(b'"')) {
        return Err(ScanError::InvalidMethod);
    }
    let id = first(Field::Id);
    let identified = matches!(id, Some(b'"' | b'-' | b'0'..=b'9'));
    let (kind, id_is_valid) =
        match (fields.has(Field::Method), fields.has(Field::Result), fields.has(Field::Error)) {
            (true, false, false) if id.is_none() => (Kind::Notification, true),
            (true, false, false) => (Kind::Request, identified),
            (false, true, false) => (Kind::Response, identified),
            (false, false, true) => (Kind::Error, identified || matches!(id, None | Some(b'n'))),
            _ => return Err(ScanError::InvalidShape),
        };
    if !id_is_valid {
        return Err(ScanError::InvalidId);
    }
    // Some serializers write `null` for params that are not there.
    if !matches!(first(Field::Params), None | Some(b'{' | b'[' | b'n')) {
        return Err(ScanError::InvalidParams);
    }
    Ok(kind)
}

fn is_version_2(raw: &[u8]) -> bool {
    raw == b"\"2.0\"" || text::string_value(raw).is_some_and(|version| version == "2.0")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spans(message: &str) -> Vec<(Field, &str)> {
        let envelope = scan(message.as_bytes()).unwrap();
        let found = |field| Some((field, &message[envelope.span(field)?.range()]));
        Field::ALL.into_iter().filter_map(found).collect()
    }

    fn error(message: &str) -> ScanError {
        scan(message.as_bytes()).unwrap_err()
    }

    #[test]
    fn finds_the_fields_of_each_kind() {
        use Field::*;
        assert_eq!(
            spans(
                r#" { "jsonrpc" : "2.0" , "id" : "a\"b" , "method":"tools/call",
                "params":{"name":"echo","arguments":{"id":3,"name":"no","_meta":{"progressToken":0}},
                "_meta":{"progressToken": 9007199254740993 ,"x":[1]}} } "#
            ),
            [
                (Jsonrpc, r#""2.0""#),
                (Id, r#""a\"b""#),
                (Method, r#""tools/call""#),
                (
                    Params,
                    r#"{"name":"echo","arguments":{"id":3,"name":"no","_meta":{"progressToken":0}},
                "_meta":{"progressToken": 9007199254740993 ,"x":[1]}}"#
                ),
                (Meta, r#"{"progressToken": 9007199254740993 ,"x":[1]}"#),
                (ParamsName, r#""echo""#),
                (ParamsArguments, r#"{"id":3,"name":"no","_meta":{"progressToken":0}}"#),
                (ProgressToken, "9007199254740993"),
            ]
        );
        assert_eq!(
            spans(
                r#"{"result":{"serverInfo":{},"protocolVersion":"x","capabilities":[]},"jsonrpc":"2.0","id":1.50}"#
            ),
            [
                (Jsonrpc, r#""2.0""#),
                (Id, "1.50"),
                (Result, r#"{"serverInfo":{},"protocolVersion":"x","capabilities":[]}"#),
                (ResultProtocolVersion, r#""x""#),
                (ResultCapabilities, "[]"),
                (ResultServerInfo, "{}"),
            ]
        );
        assert_eq!(
            spans(r#"{"jsonrpc":"2.0","error":{"message":"m","code":-32601,"data":{"code":1}}}"#)[2],
            (ErrorCode, "-32601")
        );
        assert_eq!(
            spans(
                r#"{"jsonrpc":"2.0","method":"m","params":{"progressToken":1,"requestId":2,"uri":3,"level":4,"elicitationId":5,"clientInfo":6}}"#
            )[3..],
            [
                (ParamsProgressToken, "1"),
                (ParamsRequestId, "2"),
                (ParamsUri, "3"),
                (ParamsLevel, "4"),
                (ParamsClientInfo, "6"),
                (ParamsElicitationId, "5")
            ]
        );
    }

    #[test]
    fn tells_the_kinds_apart() {
        for (members, kind) in [
            (r#""method":"m","id":1"#, Kind::Request),
            (r#""id":"","method":"m","params":[]"#, Kind::Request),
            (r#""id":-1,"method":"m","params":{}"#, Kind::Request),
            (r#""method":"m""#, Kind::Notification),
            (r#""id":1,"result":null"#, Kind::Response),
            (r#""id":"x","result":[]"#, Kind::Response),
            (r#""id":1,"error":{}"#, Kind::Error),
            (r#""id":null,"error":{}"#, Kind::Error),
            (r#""error":{}"#, Kind::Error),
            (r#""x":1,"error":{},"x":{"x":2}"#, Kind::Error),
        ] {
            let message = format!("{{{members},\"jsonrpc\":\"2.0\"}}");
            assert_eq!(scan(message.as_bytes()).map(|envelope| envelope.kind()), Ok(kind), "{message}");
        }
    }

    #[test]
    fn refuses_what_is_no_message() {
        use ScanError::*;
        for (members, expected) in [
            (r#""id":1"#, InvalidShape),
            (r#""method":"m","result":1,"id":1"#, InvalidShape),
            (r#""method":"m","error":1"#, InvalidShape),
            (r#""result":1,"error":1,"id":1"#, InvalidShape),
            (r#""method":1,"id":1"#, InvalidMethod),
            (r#""method":null,"id":1,"result":{}"#, InvalidMethod),
            (r#""method":"m","id":null"#, InvalidId),
            (r#""method":"m","id":true"#, InvalidId),
            (r#""method":"m","id":{}"#, InvalidId),
            (r#""method":"m","id":[1]"#, InvalidId),
            (r#""result":1"#, InvalidId),
            (r#""result":1,"id":null"#, InvalidId),
            (r#""error":1,"id":false"#, InvalidId),
            (r#""method":"m","params":"x""#, InvalidParams),
            (r#""method":"m","method":"m""#, DuplicateKey(Field::Method)),
            (r#""method":"m","id":1,"\u0069d":2"#, DuplicateKey(Field::Id)),
            (r#""method":"m","params":{},"params":{}"#, DuplicateKey(Field::Params)),
            (r#""method":"m","params":{"_meta":1,"_meta":1}"#, DuplicateKey(Field::Meta)),
            (
                r#""method":"m","params":{"_meta":{"progressToken":1,"progress\u0054oken":1}}"#,
                DuplicateKey(Field::ProgressToken),
            ),
            (r#""jsonrpc":"2.0","method":"m""#, DuplicateKey(Field::Jsonrpc)),
        ] {
            let message = format!("{{\"jsonrpc\":\"2.0\",{members}}}");
            assert_eq!(error(&message), expected, "{message}");
            assert_eq!(expected.code(), -32600);
        }
        for message in [
            r#"{"method":"m"}"#,
            r#"{"jsonrpc":2.0,"method":"m"}"#,
            r#"{"jsonrpc":"2.1","method":"m"}"#,
            "{}",
        ] {
            assert_eq!(error(message), InvalidVersion);
        }
        for message in ["[]", "1", "\"{}\"", " null ", r#"[{"jsonrpc":"2.0","method":"m"}]"#] {
            assert_eq!(error(message), InvalidMessage);
        }
    }

    #[test]
    fn refuses_what_is_no_json_first() {
        for (message, at) in [
            ("", 0),
            ("  ", 2),
            ("{", 1),
            ("{\"id\":1,\"id\":1", 14),
            ("{\"id\":01}", 7),
            ("{\"jsonrpc\":\"2.0\",\"method\":\"m\"}}", 30),
            ("{\"jsonrpc\":\"2.0\",\"method\":\"m\"} x", 31),
            ("{\"jsonrpc\":\"2.0\",\"method\":\"m\",}", 30),
            ("{\"params\":{\"_meta\":{\"x\":tru}}}", 24),
            ("{\"a\nb\":1}", 3),
            ("[1", 2),
        ] {
            assert_eq!(error(message), ScanError::Syntax { at }, "{message}");
            assert_eq!(error(message).code(), -32700);
        }
        assert_eq!(scan(b"{\"a\":\"\xc3\"}"), Err(ScanError::NotUtf8 { at: 6 }));
        assert_eq!(ScanError::NotUtf8 { at: 6 }.code(), -32700);
    }

    #[test]
    fn escapes_in_keys_and_in_the_version_are_read() {
        let message = r#"{"json\u0072pc":"2\u002e0","\u006dethod":"a\u002fb","\u0069\u0064":1,"\u0069":2}"#;
        let envelope = scan(message.as_bytes()).unwrap();
        assert_eq!(envelope.kind(), Kind::Request);
        assert_eq!(envelope.method(message.as_bytes()), "a/b");
        let long = format!(r#"{{"jsonrpc":"2.0","method":"m","\u0069d{}":1}}"#, "x".repeat(100));
        assert_eq!(scan(long.as_bytes()).unwrap().kind(), Kind::Notification);
    }

    #[test]
    fn recognises_members_only_in_their_place() {
        let message = r#"{"jsonrpc":"2.0","method":"m","params":[{"uri":1,"_meta":{"progressToken":2}}],"_meta":{"progressToken":3},"uri":4}"#;
        let fields: Vec<_> = spans(message).into_iter().map(|(field, _)| field).collect();
        assert_eq!(fields, [Field::Jsonrpc, Field::Method, Field::Params]);
    }

    #[test]
    fn depth_counts_from_the_message() {
        let message = |depth: usize| {
            let inner = depth - 3;
            let nested = "[".repeat(inner) + &"]".repeat(inner);
            format!(r#"{{"jsonrpc":"2.0","method":"m","params":{{"_meta":{{"progressToken":{nested}}}}}}}"#)
        };
        assert!(scan(message(128).as_bytes()).is_ok());
        assert_eq!(error(&message(129)), ScanError::TooDeep);
        assert_eq!(error(&message(300)).code(), -32700);
    }

    #[test]
    fn notices_raw_newlines_wherever_they_are() {
        let bare = r#"{"jsonrpc":"2.0","method":"a\nb"}"#;
        assert!(!scan(bare.as_bytes()).unwrap().raw_newlines());
        for newline in ["\n", "\r", "\r\n"] {
            for message in [
                format!("{newline}{bare}"),
                format!("{bare}{newline}"),
                bare.replacen(':', &format!("{newline} :"), 1),
            ] {
                assert!(scan(message.as_bytes()).unwrap().raw_newlines(), "{message:?}");
            }
        }
    }

    #[test]
    fn an_id_after_a_huge_result_is_found() {
        let text = "x\\n\u{2028}".repeat(2_000_000);
        let message = format!(
            r#"{{"result":{{"content":[{{"type":"text","text":"{text}"}}]}},"jsonrpc":"2.0","id":"7"}}"#
        );
        let envelope = scan(message.as_bytes()).unwrap();
        assert_eq!(envelope.span(Field::Id).unwrap().of(message.as_bytes()), b"\"7\"");
        assert!(message.len() > 10_000_000);
    }
}
