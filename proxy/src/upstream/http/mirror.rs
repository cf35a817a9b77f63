//! The headers in which a request of 2026-07-28 repeats what its body says.

use std::borrow::Cow;

use http::{HeaderMap, HeaderValue};
use waggle_protocol::{
    jsonrpc::{Field, text},
    modern::{method::name_field, sentinel},
    version::MODERN,
};

use super::{
    headers::{METHOD, NAME, PROTOCOL_VERSION},
    outgoing::Outgoing,
    params::Params,
};

/// The headers for one message; `params` knows which arguments of tools travel in headers.
pub(super) fn mirror(message: &Outgoing, params: &Params) -> HeaderMap {
    let raw = |field| message.envelope.span(field).map(|span| span.of(&message.body));
    let string = |field| raw(field).and_then(text::string_value);
    let mut headers = HeaderMap::new();
    let version = string(Field::MetaVersion).unwrap_or(Cow::Borrowed(MODERN));
    headers.insert(PROTOCOL_VERSION, encoded(&version));
    headers.insert(METHOD, encoded(&message.method));
    if let Some(name) = name_field(&message.method).and_then(string) {
        headers.insert(NAME, encoded(&name));
        if message.method == "tools/call" {
            headers.extend(params.headers(&name, raw(Field::ParamsArguments)));
        }
    }
    headers
}

fn encoded(text: &str) -> HeaderValue {
    // What is encoded always is a header value.
    HeaderValue::from_str(&sentinel::encode(text)).unwrap_or(HeaderValue::from_static(""))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use waggle_protocol::jsonrpc::Payload;

    use super::*;

    fn mirrored(message: &str, params: &Params) -> Vec<(String, String)> {
        let payload = Payload::from(Bytes::copy_from_slice(message.as_bytes()));
        let headers = mirror(&Outgoing::read(&payload).unwrap(), params);
        let text = |value: &HeaderValue| value.to_str().unwrap().to_owned();
        headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect()
    }

    #[test]
    fn methods_are_named_by_their_params() {
        for (method, params, name) in [
            ("tools/call", r#""name":"add","uri":"u""#, Some("add")),
            ("prompts/get", r#""name":"p""#, Some("p")),
            ("resources/read", r#""name":"n","uri":"file:///a""#, Some("file:///a")),
            ("tasks/cancel", r#""taskId":"t-7""#, Some("t-7")),
            ("tools/list", r#""name":"n""#, None),
        ] {
            let message = format!(
                r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{{{params},"_meta":{{"io.modelcontextprotocol/protocolVersion":"2027-01-01"}}}}}}"#
            );
            let headers = mirrored(&message, &Params::default());
            let mut expected = vec![("mcp-protocol-version", "2027-01-01"), ("mcp-method", method)];
            expected.extend(name.map(|name| ("mcp-name", name)));
            let shown: Vec<_> = headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            assert_eq!(shown, expected);
        }
    }

    #[test]
    fn annotated_arguments_travel_in_headers() {
        let params = Params::default();
        let schema = r#"{"properties":{"region":{"type":"string","x-mcp-header":"Region"},"o":{"properties":{"n":{"type":"integer","x-mcp-header":"N"},"b":{"type":"boolean","x-mcp-header":"B"},"z":{"type":"integer","x-mcp-header":"Z"}}}}}"#;
        let list = format!(
            r#"{{"jsonrpc":"2.0","id":1,"result":{{"tools":[{{"name":"t","inputSchema":{schema}}}]}}}}"#
        );
        params.learn(&list.into());
        let call = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t","arguments":{"region":"é","other":"x","o":{"n":7.0,"b":false,"z":null}}}}"#;
        let headers = mirrored(call, &params);
        let of = |name: &str| headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str());
        assert_eq!(of("mcp-param-region"), Some("=?base64?w6k=?="));
        assert_eq!(
            (of("mcp-param-n"), of("mcp-param-b"), of("mcp-param-z")),
            (Some("7"), Some("false"), None)
        );
        assert_eq!(headers.len(), 6);
    }
}
