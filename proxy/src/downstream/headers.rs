//! Header rules of the two transports.

use hyper::{
    Response, StatusCode,
    header::{
        ACCEPT, AsHeaderName, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName,
        HeaderValue,
    },
};
use waggle_protocol::version::ProtocolVersion;

use super::{Body, header};
use crate::error::Refusal;

pub(super) static SESSION_ID: HeaderName = HeaderName::from_static("mcp-session-id");
pub(super) static PROTOCOL_VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
pub(super) static LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

const JSON: &[u8] = b"application/json";

/// A POST's body is JSON, whatever its charset parameter, and is not compressed.
pub(super) fn check_content_type(headers: &HeaderMap) -> Result<(), Refusal> {
    if headers.contains_key(CONTENT_ENCODING) {
        return Err(Refusal::media_type("compressed request bodies are not accepted; send plain JSON"));
    }
    let is_json = |value: &[u8]| {
        // As nearly all write it, first.
        value == JSON || media_type(value).eq_ignore_ascii_case(JSON)
    };
    match headers.get(CONTENT_TYPE) {
        Some(value) if is_json(value.as_bytes()) => Ok(()),
        _ => Err(Refusal::media_type("the request body must be JSON; send Content-Type: application/json")),
    }
}

/// The value of a header that occurs once and is visible ASCII: of two values, who reads on could take the other.
pub(super) fn only(headers: &HeaderMap, name: impl AsHeaderName) -> Option<&str> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok().map(str::trim_ascii),
        _ => None,
    }
}

/// What a client takes as the answer to a POST.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Accept {
    /// Both, as clients must; also assumed where the header is missing or odd.
    Any,
    /// JSON alone.
    Json,
    /// A stream alone.
    Sse,
}

pub(super) fn accept(headers: &HeaderMap) -> Accept {
    let mut values = headers.get_all(ACCEPT).iter().peekable();
    // As the SDKs write it.
    if values.peek().is_some_and(|value| value.as_bytes() == b"application/json, text/event-stream") {
        return Accept::Any;
    }
    let (mut json, mut sse) = (false, false);
    for range in values.flat_map(|value| value.as_bytes().split(|&byte| byte == b',')) {
        let range = media_type(range);
        let is_one_of = |names: &[&str]| names.iter().any(|name| range.eq_ignore_ascii_case(name.as_bytes()));
        json |= is_one_of(&["application/json", "application/*", "*/*"]);
        sse |= is_one_of(&["text/event-stream", "text/*", "*/*"]);
    }
    match (json, sse) {
        (true, false) => Accept::Json,
        (false, true) => Accept::Sse,
        _ => Accept::Any,
    }
}

/// A media type or range without its parameters.
fn media_type(value: &[u8]) -> &[u8] {
    let end = value.iter().position(|&byte| byte == b';').unwrap_or(value.len());
    value[..end].trim_ascii()
}

/// The version header of a request in a session of revision `negotiated`. It may be missing; from
/// 2025-06-18 on it must be the negotiated one.
pub(super) fn check_version(headers: &HeaderMap, negotiated: ProtocolVersion) -> Result<(), Refusal> {
    let Some(sent) = header(headers, &PROTOCOL_VERSION) else { return Ok(()) };
    if sent == negotiated.as_str().as_bytes() {
        return Ok(());
    }
    let Some(version) = str::from_utf8(sent).ok().and_then(ProtocolVersion::parse) else {
        let supported = ProtocolVersion::ALL.map(ProtocolVersion::as_str).join(", ");
        return Err(Refusal::invalid(format!("unsupported MCP-Protocol-Version; supported are {supported}")));
    };
    if negotiated.binds_version_header() && version != negotiated {
        let message = format!("MCP-Protocol-Version must be the negotiated {}", negotiated.as_str());
        return Err(Refusal::invalid(message));
    }
    Ok(())
}

/// A response with one JSON body.
pub(super) fn json(body: Body) -> Response<Body> {
    json_with(body, StatusCode::OK)
}

/// The same with another status.
pub(super) fn json_with(body: Body, status: StatusCode) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// A response with a stream of events, which no intermediary may buffer or transform.
pub(super) fn event_stream(body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache, no-transform"));
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &str, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name.parse().unwrap(), HeaderValue::from_static(value))])
    }

    #[test]
    fn accept_is_lenient() {
        for (value, expected) in [
            ("application/json, text/event-stream", Accept::Any),
            ("text/event-stream;q=0.9, application/json", Accept::Any),
            ("*/*", Accept::Any),
            ("text/html", Accept::Any),
            ("application/json", Accept::Json),
            ("Text/Event-Stream", Accept::Sse),
        ] {
            assert_eq!(accept(&headers("accept", value)), expected, "{value}");
        }
        assert_eq!(accept(&HeaderMap::new()), Accept::Any);
    }

    #[test]
    fn content_type_ignores_case_and_parameters() {
        for good in ["application/json", "Application/JSON; charset=utf-8"] {
            assert!(check_content_type(&headers("content-type", good)).is_ok());
        }
        for bad in ["text/plain", "application/jsonx"] {
            assert!(check_content_type(&headers("content-type", bad)).is_err());
        }
        assert!(check_content_type(&HeaderMap::new()).is_err());
    }

    #[test]
    fn version_header_binds_from_2025_06_18() {
        use ProtocolVersion as V;
        let sent = |value| headers(PROTOCOL_VERSION.as_str(), value);
        assert!(check_version(&HeaderMap::new(), V::V2025_11_25).is_ok());
        assert!(check_version(&sent("2025-11-25"), V::V2025_03_26).is_ok());
        assert!(check_version(&sent("2025-03-26"), V::V2025_11_25).is_err());
        assert!(check_version(&sent("1999-01-01"), V::V2025_03_26).is_err());
    }
}
