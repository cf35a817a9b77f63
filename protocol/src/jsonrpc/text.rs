//! JSON strings and integers, decoded and encoded one at a time.

use std::borrow::Cow;

use super::lexer::Lexer;

/// A string that is not longer is looked at for plain text first: names of methods are.
const SHORT: usize = 64;

/// Whether a byte of a string is ASCII and means itself.
fn is_plain(byte: u8) -> bool {
    matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\'
}

/// Decodes a raw JSON string, quotes included; borrows when there is nothing to decode. A surrogate that is not one
/// of a pair becomes U+FFFD. `None` if `raw` is anything else than one JSON string.
pub fn string_value(raw: &[u8]) -> Option<Cow<'_, str>> {
    if let [b'"', inner @ .., b'"'] = raw
        && inner.len() <= SHORT
        && inner.iter().all(|&byte| is_plain(byte))
    {
        return std::str::from_utf8(inner).ok().map(Cow::Borrowed);
    }
    let mut lexer = Lexer::new(raw).ok()?;
    let escaped = lexer.string().ok()?;
    if lexer.at() != raw.len() {
        return None;
    }
    let inner = &raw[1..raw.len() - 1];
    if !escaped {
        return std::str::from_utf8(inner).ok().map(Cow::Borrowed);
    }
    let mut decoded = Vec::with_capacity(inner.len());
    decode(inner, |piece| {
        decoded.extend_from_slice(piece);
        Some(())
    })?;
    String::from_utf8(decoded).ok().map(Cow::Owned)
}

/// The value of a raw JSON number that is an integer and fits: `12`, also spelt `12.0`. Never rounds.
pub fn integer_value(raw: &[u8]) -> Option<u64> {
    let (digits, fraction) = match memchr::memchr(b'.', raw) {
        Some(point) => (&raw[..point], Some(&raw[point + 1..])),
        None => (raw, None),
    };
    if fraction.is_some_and(|zeros| zeros.is_empty() || zeros.iter().any(|&digit| digit != b'0')) {
        return None;
    }
    if digits.is_empty() || digits.len() > 1 && digits[0] == b'0' {
        return None;
    }
    digits.iter().try_fold(0u64, |value, &digit| {
        let digit = digit.is_ascii_digit().then_some(u64::from(digit.wrapping_sub(b'0')))?;
        value.checked_mul(10)?.checked_add(digit)
    })
}

/// `value` as a raw JSON string, quotes included. Escapes only what JSON demands.
pub fn quote(value: &str) -> String {
    let mut quoted = String::with_capacity(value.len() + 2);
    quoted.push('"');
    let mut rest = value;
    while let Some(at) = rest.bytes().position(needs_escape) {
        // All that needs an escape is ASCII, so both cuts are at character boundaries.
        quoted.push_str(&rest[..at]);
        match rest.as_bytes()[at] {
            byte @ (b'"' | b'\\') => quoted.extend(['\\', char::from(byte)]),
            b'\n' => quoted.push_str("\\n"),
            b'\r' => quoted.push_str("\\r"),
            b'\t' => quoted.push_str("\\t"),
            byte => {
                quoted.push_str("\\u00");
                quoted.extend(
                    [byte >> 4, byte & 0xf].map(|digit| char::from(b"0123456789abcdef"[usize::from(digit)])),
                );
            }
        }
        rest = &rest[at + 1..];
    }
    quoted.push_str(rest);
    quoted.push('"');
    quoted
}

/// The raw JSON value without the whitespace between its tokens, piece by piece.
pub fn compact(raw: &[u8], mut write: impl FnMut(&[u8])) {
    let (mut kept, mut at) = (0, 0);
    while let Some(byte) = raw.get(at) {
        match byte {
            b' ' | b'\t' | b'\n' | b'\r' => {
                write(&raw[kept..at]);
                at += 1;
                kept = at;
            }
            b'"' => at += 1 + inside_string(&raw[at + 1..]),
            _ => at += 1,
        }
    }
    write(&raw[kept..]);
}

/// How far a string reaches, from after its opening quote to after its closing one.
fn inside_string(rest: &[u8]) -> usize {
    let mut at = 0;
    while let Some(next) = rest.get(at..).and_then(|rest| memchr::memchr2(b'"', b'\\', rest)) {
        at += next + 1;
        if rest[at - 1] == b'"' {
            return at;
        }
        at += 1;
    }
    rest.len()
}

/// `value` in decimal, written at the end of `digits`.
pub(crate) fn decimal(mut value: u64, digits: &mut [u8; 20]) -> &[u8] {
    let mut start = digits.len();
    loop {
        start -= 1;
        digits[start] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            return &digits[start..];
        }
    }
}

/// Whether a byte cannot stand for itself in a JSON string.
pub(super) fn needs_escape(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

/// Decodes a string without its quotes into `buffer`. `None` if it does not fit.
pub(super) fn decode_into<'a>(inner: &[u8], buffer: &'a mut [u8]) -> Option<&'a [u8]> {
    let mut length = 0;
    decode(inner, |piece| {
        buffer.get_mut(length..length + piece.len())?.copy_from_slice(piece);
        length += piece.len();
        Some(())
    })?;
    Some(&buffer[..length])
}

/// Decodes a string without its quotes, piece by piece, until `write` declines one.
fn decode(inner: &[u8], mut write: impl FnMut(&[u8]) -> Option<()>) -> Option<()> {
    let mut rest = inner;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        write(&rest[..at])?;
        let (character, length) = unescape(&rest[at + 1..])?;
        write(character.encode_utf8(&mut [0; 4]).as_bytes())?;
        rest = &rest[at + 1 + length..];
    }
    write(rest)
}

/// The character that an escape stands for, and how many bytes after the backslash it takes.
fn unescape(escape: &[u8]) -> Option<(char, usize)> {
    let character = match *escape.first()? {
        byte @ (b'"' | b'\\' | b'/') => char::from(byte),
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => return unescape_unit(escape),
        _ => return None,
    };
    Some((character, 1))
}

fn unescape_unit(escape: &[u8]) -> Option<(char, usize)> {
    let unit = code_unit(escape)?;
    if let Some(character) = char::from_u32(unit) {
        return Some((character, 5));
    }
    let low = escape.get(5..).and_then(|rest| rest.strip_prefix(b"\\")).and_then(code_unit);
    match low {
        Some(low @ 0xdc00..=0xdfff) if unit < 0xdc00 => {
            let pair = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
            Some((char::from_u32(pair).unwrap_or(char::REPLACEMENT_CHARACTER), 11))
        }
        _ => Some((char::REPLACEMENT_CHARACTER, 5)),
    }
}

/// The UTF-16 code unit of `uXXXX`.
fn code_unit(escape: &[u8]) -> Option<u32> {
    let digits = escape.strip_prefix(b"u")?.get(..4)?;
    digits.iter().try_fold(0, |unit, &digit| Some(unit << 4 | char::from(digit).to_digit(16)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_decode() {
        for (raw, value) in [
            (r#""""#, ""),
            (r#""plain é 🐝""#, "plain é 🐝"),
            (r#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{c}\n\r\t"),
            (r#""\u00e9\uD83D\udc1dx""#, "é🐝x"),
            (r#""\u200d\u2028""#, "\u{200d}\u{2028}"),
        ] {
            assert_eq!(string_value(raw.as_bytes()).as_deref(), Some(value), "{raw}");
        }
        assert!(matches!(string_value(b"\"plain\""), Some(Cow::Borrowed("plain"))));
    }

    #[test]
    fn lone_surrogates_are_replaced_one_by_one() {
        for (raw, value) in [
            (r#""\ud83d""#, "\u{fffd}"),
            (r#""\udc1d\ud83d""#, "\u{fffd}\u{fffd}"),
            (r#""\ud83d\ud83d\udc1d""#, "\u{fffd}🐝"),
            (r#""\ud83d\u0041""#, "\u{fffd}A"),
            (r#""\ud83d\n""#, "\u{fffd}\n"),
        ] {
            assert_eq!(string_value(raw.as_bytes()).as_deref(), Some(value), "{raw}");
        }
    }

    #[test]
    fn what_is_no_string_has_no_string_value() {
        for raw in
            ["", "\"", "\"a", "a\"", "12", "\"a\" ", " \"a\"", "\"a\"b\"", "\"\\\"", "\"\\u12\"", "\"\n\""]
        {
            assert_eq!(string_value(raw.as_bytes()), None, "{raw:?}");
        }
        assert_eq!(string_value(b"\"\xff\""), None);
    }

    #[test]
    fn integers_are_exact_or_none() {
        for (raw, value) in [
            ("0", Some(0)),
            ("12", Some(12)),
            ("12.0", Some(12)),
            ("12.000", Some(12)),
            ("9007199254740993", Some((1 << 53) + 1)),
            ("18446744073709551615", Some(u64::MAX)),
            ("18446744073709551616", None),
            ("12.5", None),
            ("12.", None),
            (".0", None),
            ("-1", None),
            ("-0", None),
            ("1e3", None),
            ("01", None),
            ("", None),
            ("\"12\"", None),
        ] {
            assert_eq!(integer_value(raw.as_bytes()), value, "{raw}");
        }
    }

    #[test]
    fn quoted_text_is_json_and_decodes_to_itself() {
        let every_ascii: String = (0..128u8).map(char::from).collect();
        for value in ["", "plain", "é🐝\u{2028}", every_ascii.as_str()] {
            let quoted = quote(value);
            assert_eq!(serde_json::from_str::<String>(&quoted).unwrap(), value);
            assert_eq!(string_value(quoted.as_bytes()).unwrap(), value);
        }
        assert_eq!(quote("a\"b\\c\n\u{1}"), r#""a\"b\\c\n\u0001""#);
    }

    #[test]
    fn compact_text_has_no_whitespace_outside_strings() {
        for (raw, compacted) in [
            ("{}", "{}"),
            (" { \"a b\" : [ 1 ,\t2.0\r\n] }\n", r#"{"a b":[1,2.0]}"#),
            (r#"{"a\" ": " \\" , "b": "\\\" " }"#, r#"{"a\" ":" \\","b":"\\\" "}"#),
            ("", ""),
            // Not JSON, but no reason to fail.
            ("\" \\", "\" \\"),
            ("\" ", "\" "),
        ] {
            let mut text = Vec::new();
            compact(raw.as_bytes(), |piece| text.extend_from_slice(piece));
            assert_eq!(std::str::from_utf8(&text).unwrap(), compacted, "{raw}");
        }
    }

    #[test]
    fn decimals_are_those_of_the_standard_library() {
        for value in [0, 9, 10, 1 << 53, u64::MAX] {
            assert_eq!(decimal(value, &mut [0; 20]), value.to_string().as_bytes());
        }
    }

    #[test]
    fn a_buffer_that_is_too_small_is_refused() {
        assert_eq!(decode_into(br"\u0069d", &mut [0; 2]), Some(&b"id"[..]));
        assert_eq!(decode_into(br"\u0069d", &mut [0; 1]), None);
        assert_eq!(decode_into(b"abc", &mut [0; 2]), None);
    }
}
