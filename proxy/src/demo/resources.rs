//! Resources: a static text, a templated greeting, and the clock.

use serde::Deserialize;
use serde_json::{Value, json};

use super::clock::{self, Clock};
use super::error::Error;
use super::message::params;

const WELCOME: &str = "demo://welcome";
const WELCOME_TEXT: &str =
    "Welcome to Waggle. This text crossed the proxy without a byte changed: \u{1f41d}\n";

/// The template's address; completion refers to it by this name.
pub(super) const GREETING: &str = "demo://greeting/{name}";
const GREETING_PREFIX: &str = "demo://greeting/";

/// Params of every request that names one resource.
#[derive(Deserialize)]
struct ByUri {
    uri: String,
}

/// The result of `resources/list`.
pub(super) fn list() -> Value {
    json!({ "resources": [
        {
            "uri": WELCOME,
            "name": "welcome",
            "title": "Welcome",
            "description": "A text that never changes",
            "mimeType": "text/plain",
            "size": WELCOME_TEXT.len(),
        },
        {
            "uri": clock::URI,
            "name": "clock",
            "title": "Clock",
            "description": "The time of day; subscribe and it changes every two seconds",
            "mimeType": "text/plain",
        },
    ] })
}

/// The result of `resources/templates/list`.
pub(super) fn templates() -> Value {
    json!({ "resourceTemplates": [{
        "uriTemplate": GREETING,
        "name": "greeting",
        "title": "Greeting",
        "description": "A greeting for whom you name; the name can be completed",
        "mimeType": "text/plain",
    }] })
}

/// The result of `resources/read`.
pub(super) fn read(request: Value, clock: &Clock) -> Result<Value, Error> {
    let uri = existing(request)?;
    let text = match uri.as_str() {
        WELCOME => WELCOME_TEXT.to_owned(),
        clock::URI => clock.text(),
        _ => greeting(&uri).unwrap_or_default(),
    };
    Ok(json!({ "contents": [{ "uri": uri, "mimeType": "text/plain", "text": text }] }))
}

/// The address in a request's params.
///
/// # Errors
/// When it is missing, or no resource has it.
pub(super) fn existing(request: Value) -> Result<String, Error> {
    let ByUri { uri } = params(request)?;
    if uri == WELCOME || uri == clock::URI || greeting(&uri).is_some() {
        return Ok(uri);
    }
    Err(Error::UnknownResource(uri))
}

fn greeting(uri: &str) -> Option<String> {
    let name = percent_decode(uri.strip_prefix(GREETING_PREFIX)?)?;
    (!name.is_empty()).then(|| format!("Hello, {name}! The hive is glad to see you."))
}

/// Expands `%XX`. `None` for what a simple template variable (RFC 6570 §3.2.2) cannot yield: a reserved character
/// that is not encoded, a broken escape, or bytes that are not UTF-8.
fn percent_decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        match first {
            b'/' | b'?' | b'#' => return None,
            b'%' => {
                let (escape, after) = rest.split_at_checked(2)?;
                let [high, low] = [escape[0], escape[1]].map(|digit| char::from(digit).to_digit(16));
                bytes.push((high? * 16 + low?) as u8);
                rest = after;
            }
            plain => bytes.push(*plain),
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_percent_decoded() {
        assert_eq!(percent_decode("Ada%20L%C3%B6w").as_deref(), Some("Ada Löw"));
        assert_eq!(percent_decode("Löw").as_deref(), Some("Löw"));
        for broken in ["a/b", "a?b", "%", "%2", "%zz", "%+1", "%ff", "%é"] {
            assert_eq!(percent_decode(broken), None, "{broken}");
        }
    }
}
