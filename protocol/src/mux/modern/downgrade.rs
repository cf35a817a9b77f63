//! Responses as legacy clients understand them. Most pass as they are, since every revision allows members
//! that it does not know.

use bytes::Bytes;

use super::{
    Effect, ModernMux, WireId,
    request::{From, Method},
};
use crate::{
    error::{RpcError, code},
    jsonrpc::{self, Edit, Envelope, Field, Kind, Span, object},
    mux::error_code,
    time::Timestamp,
};

impl<S: Clone, X: Clone> ModernMux<S, X> {
    /// A response to a legacy client's call.
    pub(super) fn legacy_answered(&mut self, id: WireId, line: &Bytes, envelope: &Envelope, now: Timestamp) {
        let result_type = envelope.span(Field::ResultType).map(|span| span.of(line));
        match result_type.map(|raw| jsonrpc::text::string_value(raw).unwrap_or_default()).as_deref() {
            None | Some("complete") => {}
            Some("input_required") => return self.input_required(id, line, envelope, now),
            Some(_) => {
                let message = "the server's result is of a type that this revision does not have";
                return self.fail(id, &RpcError::new(code::INTERNAL_ERROR, message), now);
            }
        }
        let Some(From::Call(call)) = self.unregister(id).map(|request| request.from) else { return };
        let (Some(at), Some(legacy)) = (envelope.span(Field::Id), call.legacy) else { return };
        let mut error = error_code(line, envelope);
        let mut edits = vec![Edit { at, with: call.id }];
        match legacy.method {
            Method::ToolsCall => edits.extend(structured_content(line, envelope)),
            Method::ToolsList => edits.extend(output_schemas(line, envelope)),
            Method::ResourcesRead if is_missing_resource(error, envelope) => {
                error = Some(code::RESOURCE_NOT_FOUND);
                let with = code::RESOURCE_NOT_FOUND.to_string().into();
                edits.extend(envelope.span(Field::ErrorCode).map(|at| Edit { at, with }));
            }
            _ => {}
        }
        edits.sort_unstable_by_key(|edit| edit.at);
        self.effects.push_back(Effect::Answer { to: call.to, message: jsonrpc::splice(line, &edits), error });
    }
}

fn is_missing_resource(error: Option<i64>, envelope: &Envelope) -> bool {
    envelope.kind() == Kind::Error
        && error == Some(code::INVALID_PARAMS)
        && envelope.span(Field::ErrorDataUri).is_some()
}

/// Takes away structured content that is no object, as legacy schemas allow nothing else.
fn structured_content(line: &Bytes, envelope: &Envelope) -> Option<Edit> {
    let content = envelope.span(Field::ResultStructuredContent)?;
    if content.of(line).first() == Some(&b'{') {
        return None;
    }
    let result = envelope.span(Field::Result)?;
    let members = jsonrpc::members(result.of(line)).ok()?;
    let position = members.iter().position(|member| member.value.shifted(result.start) == content)?;
    Some(taken_away(object::removal_among(&members, position).shifted(result.start)))
}

/// Takes away the tools' output schemas whose root is no object, as legacy schemas allow nothing else.
fn output_schemas(line: &Bytes, envelope: &Envelope) -> Vec<Edit> {
    let Some(tools) = envelope.span(Field::ResultTools) else { return Vec::new() };
    if memchr::memmem::find(tools.of(line), b"outputSchema").is_none() {
        return Vec::new();
    }
    let elements = jsonrpc::elements(tools.of(line)).unwrap_or_default();
    elements.into_iter().filter_map(|tool| output_schema(line, tool.shifted(tools.start))).collect()
}

fn output_schema(line: &Bytes, tool: Span) -> Option<Edit> {
    let members = jsonrpc::members(tool.of(line)).ok()?;
    let position = members.iter().position(|member| member.is("outputSchema", tool.of(line)))?;
    let schema = members[position].value.of(tool.of(line));
    let is_object = jsonrpc::members(schema).is_ok_and(|parts| {
        parts.iter().any(|part| {
            let value = || jsonrpc::text::string_value(part.value.of(schema));
            part.is("type", schema) && value().is_some_and(|value| value == "object")
        })
    });
    (!is_object).then(|| taken_away(object::removal_among(&members, position).shifted(tool.start)))
}

fn taken_away(at: Span) -> Edit {
    Edit { at, with: Bytes::new() }
}
