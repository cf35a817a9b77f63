//! Objects and their members: taken apart where a message is looked at beyond its [`Field`](super::Field)s, and
//! members added and taken out, as edits of the message.

use bytes::Bytes;

use super::error::ScanError;
use super::lexer::Lexer;
use super::span::Span;
use super::splice::Edit;
use super::text;

/// A member of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    /// Where its raw key is, quotes included.
    pub key: Span,
    /// Where its raw value is.
    pub value: Span,
}

impl Member {
    /// Whether this is its key. `object` is what was taken apart.
    pub fn is(&self, key: &str, object: &[u8]) -> bool {
        text::string_value(self.key.of(object)).is_some_and(|own| own == key)
    }
}

/// Takes a raw object apart, in order. A key may occur more than once.
///
/// # Errors
///
/// The bytes are not JSON, or not an object.
pub fn members(object: &[u8]) -> Result<Vec<Member>, ScanError> {
    let mut lexer = Lexer::new(object)?;
    let mut members = Vec::new();
    lexer.whitespace();
    if !lexer.take(b'{') {
        lexer.value(0)?;
        lexer.end()?;
        return Err(ScanError::InvalidMessage);
    }
    lexer.whitespace();
    if !lexer.take(b'}') {
        loop {
            let start = lexer.at();
            let (key, _) = lexer.key()?;
            let key = Span::within(start, start + key.len() + 2);
            let start = lexer.at();
            lexer.value(1)?;
            members.push(Member { key, value: Span::within(start, lexer.at()) });
            lexer.whitespace();
            if !lexer.take(b',') {
                break;
            }
            lexer.whitespace();
        }
        lexer.expect(b'}')?;
    }
    lexer.end()?;
    Ok(members)
}

/// The edit that puts members first into the `object` of a message. `members` is raw and ends with a comma, which
/// is left out where the object has no member of its own.
pub fn insert(message: &[u8], object: Span, members: Bytes) -> Edit {
    let inside = object.start() + 1;
    let alone = message[skip(message, inside)..].first() == Some(&b'}');
    let kept = if alone { members.len().saturating_sub(1) } else { members.len() };
    Edit { at: Span::within(inside, inside), with: members.slice(..kept) }
}

/// The range of one of an object's `members`, with the one comma that goes with it and the whitespace up to its
/// neighbour.
pub fn removal_among(members: &[Member], position: usize) -> Span {
    let member = members[position];
    match (position.checked_sub(1), members.get(position + 1)) {
        (_, Some(next)) => Span::new(member.key.start, next.key.start),
        (Some(previous), None) => Span::new(members[previous].value.end, member.value.end),
        (None, None) => Span::new(member.key.start, member.value.end),
    }
}

/// As [`removal_among`], of the member whose value is `value`, without taking the object apart; whitespace around it
/// stays. `floor` is where the removal before this one ended, if any: what lies before is gone already.
pub fn removal(message: &[u8], value: Span, floor: usize) -> Span {
    // The key is known to hold neither a quote nor a backslash that stands for one.
    let quote = |until: usize| memchr::memrchr(b'"', &message[..until]).unwrap_or(until);
    let key = quote(quote(value.start()));
    let before = message[..key].iter().rposition(|byte| !is_whitespace(*byte)).unwrap_or(key);
    if before >= floor && message[before] == b',' {
        return Span::within(before, value.end());
    }
    let after = skip(message, value.end());
    let comma = usize::from(message[after..].first() == Some(&b','));
    Span::within(key, if comma == 1 { after + 1 } else { value.end() })
}

/// The position of the first byte from `at` that is no whitespace.
fn skip(message: &[u8], at: usize) -> usize {
    message[at..].iter().position(|byte| !is_whitespace(*byte)).map_or(message.len(), |count| at + count)
}

fn is_whitespace(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

#[cfg(test)]
mod tests {
    use super::super::{Field, scan, splice};
    use super::*;

    fn parts(object: &str) -> Vec<(&str, &str)> {
        let members = members(object.as_bytes()).unwrap();
        members.iter().map(|member| (&object[member.key.range()], &object[member.value.range()])).collect()
    }

    #[test]
    fn members_are_ranges_without_whitespace() {
        assert_eq!(
            parts(r#" { "a" : {"b":[1,2]} ,"\u0061":"}" , "":null}"#),
            [(r#""a""#, r#"{"b":[1,2]}"#), (r#""\u0061""#, r#""}""#), (r#""""#, "null")]
        );
        assert_eq!(parts("{ }"), []);
    }

    #[test]
    fn keys_are_compared_by_what_they_say() {
        let object = br#"{"\u0061":1}"#;
        let member = members(object).unwrap()[0];
        assert!(member.is("a", object) && !member.is("b", object));
    }

    #[test]
    fn what_is_no_object_is_refused() {
        assert_eq!(members(b"[]"), Err(ScanError::InvalidMessage));
        for (object, at) in [(&b"{1:2}"[..], 1), (b"{\"a\"}", 4), (b"{\"a\":1,}", 7), (b"{} x", 3), (b"{", 1)]
        {
            assert_eq!(members(object), Err(ScanError::Syntax { at }), "{object:?}");
        }
        assert_eq!(members(b"{\"\xff\":1}"), Err(ScanError::NotUtf8 { at: 2 }));
    }

    fn without_state(params: &str) -> String {
        let message = Bytes::from(format!(r#"{{"jsonrpc":"2.0","id":1,"method":"m","params":{params}}}"#));
        let envelope = scan(&message).unwrap();
        let fields = [Field::ParamsInputResponses, Field::ParamsRequestState];
        let mut spans: Vec<_> = fields.into_iter().filter_map(|field| envelope.span(field)).collect();
        spans.sort();
        let mut floor = 0;
        let edits: Vec<_> = spans
            .into_iter()
            .map(|span| {
                let at = removal(&message, span, floor);
                floor = at.end();
                Edit { at, with: Bytes::new() }
            })
            .collect();
        let rest = splice(&message, &edits).to_bytes();
        let params = scan(&rest).unwrap().span(Field::Params).unwrap();
        String::from_utf8_lossy(params.of(&rest)).into_owned()
    }

    #[test]
    fn members_go_with_one_comma_each() {
        for (params, rest) in [
            (r#"{"requestState":"s"}"#, "{}"),
            (r#"{ "requestState" : "s" }"#, "{  }"),
            (r#"{"a":1,"requestState":"s"}"#, r#"{"a":1}"#),
            (r#"{"requestState":"s","a":1}"#, r#"{"a":1}"#),
            (r#"{"a":1 , "requestState" : "s" , "b":2}"#, r#"{"a":1  , "b":2}"#),
            (r#"{"requestState":"s","inputResponses":{}}"#, "{}"),
            (r#"{"inputResponses":{"k":{}},"requestState":"s","a":1}"#, r#"{"a":1}"#),
            (r#"{"a":1,"inputResponses":{},"requestState":"s"}"#, r#"{"a":1}"#),
            (r#"{"inputResponses":{},"a":1,"requestState":"s"}"#, r#"{"a":1}"#),
            (r#"{"a":",","\u0072equestState":"\"","b":[]}"#, r#"{"a":",","b":[]}"#),
        ] {
            assert_eq!(without_state(params), rest, "{params}");
        }
    }

    #[test]
    fn members_come_first_and_need_no_comma_when_alone() {
        for (object, expected) in
            [("{}", r#"{"x":1}"#), ("{ }", r#"{"x":1 }"#), (r#"{"a":2}"#, r#"{"x":1,"a":2}"#)]
        {
            let message = Bytes::copy_from_slice(object.as_bytes());
            let whole = Span::within(0, object.len());
            let edit = insert(&message, whole, Bytes::from_static(br#""x":1,"#));
            assert_eq!(splice(&message, &[edit]).to_bytes(), expected);
        }
    }
}
