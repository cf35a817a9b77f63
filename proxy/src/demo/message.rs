//! JSON-RPC messages: parsing what comes in, spelling what goes out.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::value::RawValue;

use super::error::Error;

/// The id of a request: a JSON string or number.
#[derive(Debug, Clone)]
pub(super) struct RequestId {
    /// As the client spelt it: answers repeat it byte for byte.
    spelt: String,
    /// Spelt in one way, for comparison.
    key: String,
}

/// What the client answered to a request of ours: a result, or an error object.
pub(super) type ClientAnswer = Result<Value, Value>;

/// One message from the client.
#[derive(Debug)]
pub(super) enum Incoming {
    Request { id: RequestId, method: String, params: Value },
    Notification { method: String, params: Value },
    Response { id: RequestId, answer: ClientAnswer },
}

/// One line from the client.
#[derive(Debug)]
pub(super) enum Payload {
    Single(Result<Incoming, Refused>),
    /// A JSON-RPC batch: revision 2025-03-26 only, which the caller checks.
    Batch(Vec<Result<Incoming, Refused>>),
}

/// A message that could not be taken, and its id when that much was legible.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) id: Option<RequestId>,
    pub(super) error: Error,
}

/// Borrowed view of a message. A member that occurs twice is an error of serde's: nothing can hide behind it.
#[derive(Deserialize)]
struct Envelope<'a> {
    jsonrpc: Option<Value>,
    // Through a function so that `null` stays apart from "absent".
    #[serde(borrow, default, deserialize_with = "present")]
    id: Option<&'a RawValue>,
    method: Option<String>,
    params: Option<Value>,
    #[serde(default, deserialize_with = "present")]
    result: Option<Value>,
    error: Option<Value>,
}

fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(value: D) -> Result<Option<T>, D::Error> {
    T::deserialize(value).map(Some)
}

impl Payload {
    /// Parses one line.
    pub(super) fn parse(line: &[u8]) -> Self {
        if line.trim_ascii_start().first() != Some(&b'[') {
            return Self::Single(parse_one(line));
        }
        match serde_json::from_slice::<Vec<&RawValue>>(line) {
            Ok(items) => Self::Batch(items.iter().map(|item| parse_one(item.get().as_bytes())).collect()),
            Err(error) => Self::Single(Err(Refused { id: None, error: Error::Parse(error.to_string()) })),
        }
    }
}

fn parse_one(text: &[u8]) -> Result<Incoming, Refused> {
    let refused = |id, why: &str| Refused { id, error: Error::InvalidRequest(why.to_owned()) };
    let envelope = serde_json::from_slice::<Envelope<'_>>(text).map_err(|error| {
        let why = error.to_string();
        // Well-formed JSON of the wrong shape is an invalid request, anything else a parse error.
        let error = if error.is_data() { Error::InvalidRequest(why) } else { Error::Parse(why) };
        Refused { id: None, error }
    })?;
    let id = match envelope.id {
        None => None,
        Some(raw) => {
            Some(RequestId::new(raw).ok_or_else(|| refused(None, "id must be a string or a number"))?)
        }
    };
    if envelope.jsonrpc.as_ref().and_then(Value::as_str) != Some("2.0") {
        return Err(refused(id, "jsonrpc must be \"2.0\""));
    }
    let params = envelope.params.unwrap_or(Value::Null);
    match (id, envelope.method, envelope.result, envelope.error) {
        (Some(id), Some(method), None, None) => Ok(Incoming::Request { id, method, params }),
        (None, Some(method), None, None) => Ok(Incoming::Notification { method, params }),
        (Some(id), None, Some(result), None) => Ok(Incoming::Response { id, answer: Ok(result) }),
        (Some(id), None, None, Some(error)) => Ok(Incoming::Response { id, answer: Err(error) }),
        (id, ..) => Err(refused(id, "a message is a request, a notification or a response")),
    }
}

impl RequestId {
    fn new(raw: &RawValue) -> Option<Self> {
        let value = serde_json::from_str::<Value>(raw.get()).ok()?;
        Some(Self { spelt: raw.get().to_owned(), key: Self::key_of(&value)? })
    }

    /// The key of the id that a notification's params name: equal for equal ids, however they are escaped.
    pub(super) fn key_of(value: &Value) -> Option<String> {
        (value.is_string() || value.is_number()).then(|| value.to_string())
    }

    pub(super) fn key(&self) -> &str {
        &self.key
    }

    /// The id as the number we gave it, if it is one of ours.
    pub(super) fn as_u64(&self) -> Option<u64> {
        self.key.parse().ok()
    }
}

/// Params as a struct; absent params count as an empty object.
pub(super) fn params<T: DeserializeOwned>(value: Value) -> Result<T, Error> {
    match value {
        Value::Null => read(Value::Object(serde_json::Map::new())),
        Value::Object(_) => read(value),
        _ => Err(Error::InvalidParams("params must be an object".to_owned())),
    }
}

fn read<T: DeserializeOwned>(value: Value) -> Result<T, Error> {
    serde_json::from_value(value).map_err(|error| Error::InvalidParams(format!("invalid params: {error}")))
}

/// A response. An id that could not be read is left out: MCP has no null ids (schema 2025-11-25, `JSONRPCErrorResponse`),
/// and official clients choke on the `null` of plain JSON-RPC.
pub(super) fn response(id: Option<&RequestId>, outcome: &Result<Value, Error>) -> String {
    let id = id.map(|id| format!(r#""id":{},"#, id.spelt)).unwrap_or_default();
    match outcome {
        Ok(result) => format!(r#"{{"jsonrpc":"2.0",{id}"result":{result}}}"#),
        Err(error) => format!(r#"{{"jsonrpc":"2.0",{id}"error":{}}}"#, error.to_json()),
    }
}

/// A notification to the client.
pub(super) fn notification(method: &str, params: &Value) -> String {
    if params.is_null() {
        return format!(r#"{{"jsonrpc":"2.0","method":"{method}"}}"#);
    }
    format!(r#"{{"jsonrpc":"2.0","method":"{method}","params":{params}}}"#)
}

/// A request to the client.
pub(super) fn request(id: u64, method: &str, params: &Value) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}","params":{params}}}"#)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(line: &str) -> (Option<String>, i32) {
        match Payload::parse(line.as_bytes()) {
            Payload::Single(Err(refused)) => (refused.id.map(|id| id.spelt), refused.error.code()),
            other => panic!("taken: {other:?}"),
        }
    }

    #[test]
    fn an_id_is_repeated_as_it_was_spelt() {
        for id in ["1", "-7", "1.0", "1e3", "123456789012345678901234567890", r#""a\u0062""#] {
            let line = format!(r#"{{"method":"ping","id": {id} ,"jsonrpc":"2.0"}}"#);
            let Payload::Single(Ok(Incoming::Request { id: read, .. })) = Payload::parse(line.as_bytes())
            else {
                panic!("not a request: {line}");
            };
            assert_eq!(
                response(Some(&read), &Ok(Value::Null)),
                format!(r#"{{"jsonrpc":"2.0","id":{id},"result":null}}"#)
            );
        }
    }

    #[test]
    fn an_id_is_found_however_it_is_escaped() {
        let line = br#"{"jsonrpc":"2.0","id":"\u00e9","method":"ping"}"#;
        let Payload::Single(Ok(Incoming::Request { id, .. })) = Payload::parse(line) else {
            panic!("not a request");
        };
        assert_eq!(RequestId::key_of(&Value::from("é")).as_deref(), Some(id.key()));
        assert_eq!(id.as_u64(), None);
    }

    #[test]
    fn what_is_not_json_is_a_parse_error() {
        for line in ["junk", "{", "[1,", "{\"a\":\"\u{1}\"}", &"[".repeat(5000)] {
            assert_eq!(refusal(line), (None, -32700), "{line}");
        }
    }

    #[test]
    fn json_that_is_no_message_is_an_invalid_request() {
        for (line, id) in [
            ("1", None),
            (r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#, None),
            (r#"{"jsonrpc":"2.0","id":{},"method":"ping"}"#, None),
            (r#"{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}"#, None),
            (r#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#, Some("1")),
            (r#"{"jsonrpc":"2.0","id":1}"#, Some("1")),
            (r#"{"jsonrpc":"2.0","id":1,"method":"ping","result":{}}"#, Some("1")),
        ] {
            assert_eq!(refusal(line), (id.map(str::to_owned), -32600), "{line}");
        }
    }
}
