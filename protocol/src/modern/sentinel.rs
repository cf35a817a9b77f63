//! `=?base64?…?=`: how text travels in a header that could not carry it as it is.

use std::borrow::Cow;

use base64::{Engine, engine::general_purpose::STANDARD};

const OPEN: &str = "=?base64?";
const CLOSE: &str = "?=";

/// The text that a header value stands for. `None` if the value bears the marker and is not base64 of UTF-8.
pub fn decode(value: &str) -> Option<Cow<'_, str>> {
    match marked(value) {
        None => Some(Cow::Borrowed(value)),
        Some(base64) => String::from_utf8(STANDARD.decode(base64).ok()?).ok().map(Cow::Owned),
    }
}

/// `text` as a header value; borrows where it can stand for itself.
pub fn encode(text: &str) -> Cow<'_, str> {
    if is_plain(text) {
        Cow::Borrowed(text)
    } else {
        Cow::Owned([OPEN, &STANDARD.encode(text), CLOSE].concat())
    }
}

/// Whether every reader of a header gets `text` as it is, and takes it for itself: visible ASCII, spaces only inside,
/// something at all, and not what looks like the marker.
fn is_plain(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.iter().all(|byte| matches!(byte, b' '..=b'~'))
        && matches!((bytes.first(), bytes.last()), (Some(first), Some(last)) if *first != b' ' && *last != b' ')
        && marked(text).is_none()
}

/// What stands between the marker's two halves.
fn marked(value: &str) -> Option<&str> {
    value.strip_prefix(OPEN)?.strip_suffix(CLOSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_values_stand_for_themselves() {
        for text in
            ["echo", "a b", "file:///a?b=c", "=?base64?", "=?base64?=", "=?BASE64?YQ==?=", "=?utf-8?q?a?="]
        {
            assert_eq!(decode(text).unwrap(), text);
            assert!(matches!(encode(text), Cow::Borrowed(plain) if plain == text), "{text}");
        }
    }

    #[test]
    fn unsafe_values_are_encoded_and_decode_to_themselves() {
        for (text, value) in [
            ("", "=?base64??="),
            (" a", "=?base64?IGE=?="),
            ("a ", "=?base64?YSA=?="),
            ("a\tb", "=?base64?YQli?="),
            ("a\r\nb", "=?base64?YQ0KYg==?="),
            ("é", "=?base64?w6k=?="),
            ("\u{7f}", "=?base64?fw==?="),
            ("=?base64?YQ==?=", "=?base64?PT9iYXNlNjQ/WVE9PT89?="),
        ] {
            assert_eq!(encode(text), value);
            assert_eq!(decode(value).unwrap(), text);
        }
    }

    #[test]
    fn what_is_marked_must_be_base64_of_utf_8() {
        for value in
            ["=?base64?YQ?=", "=?base64?Y Q=?=", "=?base64?_-==?=", "=?base64?/w==?=", "=?base64?YR==?="]
        {
            assert_eq!(decode(value), None, "{value}");
        }
    }
}
