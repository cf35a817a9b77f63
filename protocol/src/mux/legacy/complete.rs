//! Answers of a server that knows nothing of 2026-07-28, made into what its clients expect.

use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::request::Call;
use crate::{
    error::{RpcError, code},
    jsonrpc::{self, Edit, Envelope, Field, Payload, Span, object},
    mux::error_code,
};

const COMPLETE: &str = r#""resultType":"complete","#;
const TTL: &str = r#""ttlMs":0,"#;
const SCOPE: &str = r#""cacheScope":"private","#;

/// What results lack, as raw members that each end with a comma. Made once for each handshake.
#[derive(Debug)]
pub(super) struct Completion {
    /// `"io.modelcontextprotocol/serverInfo":{…},`; empty if the server has not introduced itself.
    server_info: Bytes,
    plain: Head,
    cacheable: Head,
}

/// What goes first into a result.
#[derive(Debug)]
struct Head {
    /// All of it, `_meta` last.
    whole: Bytes,
    /// Where `_meta` begins.
    meta: usize,
}

impl Head {
    fn new(members: &str, meta: &str) -> Self {
        Self { whole: format!("{members}{meta}").into(), meta: members.len() }
    }

    fn with_meta(&self, meta: bool) -> Bytes {
        if meta { self.whole.clone() } else { self.whole.slice(..self.meta) }
    }
}

impl Default for Completion {
    fn default() -> Self {
        Self::new(None)
    }
}

impl Completion {
    /// `server_info` is what the server said of itself, raw.
    pub(super) fn new(server_info: Option<&[u8]>) -> Self {
        let server_info = server_info.map(String::from_utf8_lossy);
        let server_info = server_info
            .map(|info| format!(r#""io.modelcontextprotocol/serverInfo":{info},"#))
            .unwrap_or_default();
        let meta = match server_info.strip_suffix(',') {
            Some(info) => format!(r#""_meta":{{{info}}},"#),
            None => String::new(),
        };
        Self {
            plain: Head::new(COMPLETE, &meta),
            cacheable: Head::new(&[COMPLETE, TTL, SCOPE].concat(), &meta),
            server_info: server_info.into(),
        }
    }

    /// `"io.modelcontextprotocol/serverInfo":{…},`, or nothing.
    pub(super) fn server_info(&self) -> &[u8] {
        &self.server_info
    }

    /// The answer to a call, and its code if it is an error. `id` restores the client's own.
    pub(super) fn answer(
        &self,
        line: &Bytes,
        envelope: &Envelope,
        id: Edit,
        call: &Call,
    ) -> (Payload, Option<i64>) {
        let error = error_code(line, envelope);
        let failed = error.is_some()
            || envelope.span(Field::ResultIsError).is_some_and(|is_error| is_error.of(line) == b"true");
        if failed && call.missing.any() {
            return missing_capability(call, &id.with);
        }
        match error {
            None => (self.complete(line, envelope, id, call.is_cacheable()), None),
            Some(code::RESOURCE_NOT_FOUND) => {
                (not_found(line, envelope, id, call), Some(code::INVALID_PARAMS))
            }
            Some(code::URL_ELICITATION_REQUIRED) => {
                match self.url_elicitations(line, envelope, &id.with, call) {
                    Some(result) => (result.into(), None),
                    None => (with_code(line, envelope, id, code::INTERNAL_ERROR), Some(code::INTERNAL_ERROR)),
                }
            }
            Some(_) => (jsonrpc::splice(line, &[id]), error),
        }
    }

    fn complete(&self, line: &Bytes, envelope: &Envelope, id: Edit, cacheable: bool) -> Payload {
        let object = |field| envelope.span(field).filter(|at| at.of(line)[0] == b'{');
        let Some(result) = object(Field::Result) else { return jsonrpc::splice(line, &[id]) };
        let head = self.head(envelope, cacheable);
        let meta = object(Field::ResultMeta)
            .filter(|_| envelope.span(Field::ResultMetaServerInfo).is_none())
            .map(|meta| object::insert(line, meta, self.server_info.clone()));
        // Without one, an edit that does nothing, behind all others.
        let nothing = || Edit { at: Span::empty(line.len() as u32), with: Bytes::new() };
        let mut edits = [id, object::insert(line, result, head), meta.unwrap_or_else(nothing)];
        edits.sort_by_key(|edit| edit.at.start);
        jsonrpc::splice(line, &edits)
    }

    /// What is to come first into a result.
    fn head(&self, envelope: &Envelope, cacheable: bool) -> Bytes {
        let lacks = |field| envelope.span(field).is_none();
        let head = if cacheable { &self.cacheable } else { &self.plain };
        let hints = [(Field::ResultTtl, TTL), (Field::ResultCacheScope, SCOPE)];
        if lacks(Field::ResultType) && (!cacheable || hints.iter().all(|(field, _)| lacks(*field))) {
            return head.with_meta(lacks(Field::ResultMeta));
        }
        let members =
            [(Field::ResultType, COMPLETE)].into_iter().chain(hints.into_iter().filter(|_| cacheable));
        let mut own: String = members.filter(|(field, _)| lacks(*field)).map(|(_, member)| member).collect();
        if lacks(Field::ResultMeta) {
            own.push_str(&String::from_utf8_lossy(&head.whole[head.meta..]));
        }
        own.into()
    }

    /// The user must visit a URL first: the client is told so, and calls again. `None` if it cannot be told.
    fn url_elicitations(&self, line: &Bytes, envelope: &Envelope, id: &[u8], call: &Call) -> Option<Bytes> {
        if !call.may_be_asked() || !call.abilities().url {
            return None;
        }
        let data: Value = serde_json::from_slice(envelope.span(Field::ErrorData)?.of(line)).ok()?;
        let mut requests = Map::new();
        for elicitation in data["elicitations"].as_array()? {
            let mut params = elicitation.as_object()?.clone();
            params.shift_remove("elicitationId");
            let key = format!("url-{}", requests.len() + 1);
            requests.insert(key, json!({"method": "elicitation/create", "params": params}));
        }
        if requests.is_empty() {
            return None;
        }
        let meta = String::from_utf8_lossy(&self.plain.whole[self.plain.meta..]);
        let requests = Value::Object(requests);
        let result = format!(r#"{{"resultType":"input_required",{meta}"inputRequests":{requests}}}"#);
        Some(jsonrpc::build::response(id, result.as_bytes()))
    }
}

/// The call failed, and what was refused to the server on the way tells why.
fn missing_capability(call: &Call, id: &[u8]) -> (Payload, Option<i64>) {
    let error = RpcError {
        code: code::MISSING_CAPABILITY,
        message: "the server needs a capability that the request does not declare".into(),
        data: Some(json!({ "requiredCapabilities": call.missing.to_value() })),
    };
    (error.to_response(Some(id)).into(), Some(error.code))
}

/// A resource that does not exist has invalid params now, and is named.
fn not_found(line: &Bytes, envelope: &Envelope, id: Edit, call: &Call) -> Payload {
    let uri = call.uri().filter(|_| envelope.span(Field::ErrorDataUri).is_none());
    let named = uri.and_then(|uri| {
        let error: Value = serde_json::from_slice(envelope.span(Field::Error)?.of(line)).ok()?;
        let mut data = match &error["data"] {
            Value::Null => Map::new(),
            Value::Object(data) => data.clone(),
            _ => return None,
        };
        data.insert("uri".to_owned(), serde_json::from_slice(uri).ok()?);
        let message = error["message"].as_str().unwrap_or("the resource was not found").to_owned();
        Some(RpcError { code: code::INVALID_PARAMS, message: message.into(), data: Some(data.into()) })
    });
    match named {
        Some(error) => error.to_response(Some(&id.with)).into(),
        None => with_code(line, envelope, id, code::INVALID_PARAMS),
    }
}

/// The error under another code, and else as it came.
fn with_code(line: &Bytes, envelope: &Envelope, id: Edit, code: i64) -> Payload {
    let Some(at) = envelope.span(Field::ErrorCode) else { return jsonrpc::splice(line, &[id]) };
    let mut edits = [id, Edit { at, with: code.to_string().into() }];
    edits.sort_by_key(|edit| edit.at.start);
    jsonrpc::splice(line, &edits)
}
