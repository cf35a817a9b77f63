//! Arguments that a tool wants repeated in headers, so that middle boxes can decide without reading bodies.

mod schema;

use std::collections::HashMap;

use self::schema::Annotation;
use super::{rejection::Rejection, sentinel};
use crate::jsonrpc::{elements, members, text};

/// The tools of one server that have arguments annotated with `x-mcp-header`. Costs nothing for all others.
#[derive(Clone, Debug, Default)]
pub struct ToolIndex {
    annotated: HashMap<Box<str>, Box<[Annotation]>>,
}

/// A tool whose annotations break the rules. A client must not offer it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct InvalidTool {
    /// Where it stands in the page, from 0.
    pub position: usize,
    /// The tool's name.
    pub name: String,
    /// What is wrong, for an operator.
    pub reason: String,
}

impl ToolIndex {
    /// Adds a page of `tools/list`: its raw `tools` array. A tool that came before is replaced. Yields the tools that
    /// break the rules, in their order; they are indexed as having no annotations. What has no name can be neither
    /// called nor wrong.
    pub fn add(&mut self, tools: &[u8]) -> Vec<InvalidTool> {
        let mut invalid = Vec::new();
        for (position, tool) in elements(tools).unwrap_or_default().into_iter().enumerate() {
            let tool = tool.of(tools);
            let parts = members(tool).unwrap_or_default();
            // Of several members with one key the last counts, as in nearly every JSON parser.
            let part =
                |key| parts.iter().rev().find(|part| part.is(key, tool)).map(|part| part.value.of(tool));
            let Some(name) = part("name").and_then(text::string_value) else { continue };
            self.annotated.remove(&*name);
            match part("inputSchema").map_or(Ok(Vec::new()), schema::annotations_of) {
                Ok(annotations) if annotations.is_empty() => {}
                Ok(annotations) => {
                    self.annotated.insert(name.into(), annotations.into());
                }
                Err(reason) => invalid.push(InvalidTool { position, name: name.into_owned(), reason }),
            }
        }
        invalid
    }

    /// How many tools with annotations there are.
    pub fn count(&self) -> usize {
        self.annotated.len()
    }

    /// Checks that the headers of a call repeat the annotated arguments. `arguments` is the raw object, if there is
    /// one; `header` reads a header by its name in lower case. Headers that no annotation names are nobody's business.
    ///
    /// # Errors
    ///
    /// 400, -32020 if an argument that is present and not null has no header or a different one, or if a header has
    /// no such argument.
    pub fn check<'h>(
        &self,
        tool: &str,
        arguments: Option<&[u8]>,
        header: impl Fn(&str) -> Option<&'h str>,
    ) -> Result<(), Rejection> {
        for annotation in self.annotations(tool) {
            let name = &*annotation.header;
            let argument = annotation
                .argument(arguments)
                .map_err(|Ambiguous| mismatch(name, "repeats an argument that occurs more than once"))?;
            match (argument, header(name)) {
                (None, None) => {}
                (None, Some(_)) => return Err(mismatch(name, "repeats an argument that is not there")),
                (Some(_), None) => return Err(mismatch(name, "is missing or malformed")),
                (Some(argument), Some(value)) => match sentinel::decode(value) {
                    None => return Err(mismatch(name, "is missing or malformed")),
                    Some(value) if !equal(argument, &value) => {
                        return Err(mismatch(name, "differs from the argument in the body"));
                    }
                    Some(_) => {}
                },
            }
        }
        Ok(())
    }

    /// The headers that a call must carry, names in lower case: what [`check`](Self::check) accepts, for whatever can
    /// be told in a header.
    pub fn headers_for(&self, tool: &str, arguments: Option<&[u8]>) -> Vec<(&str, String)> {
        let annotations = self.annotations(tool).iter();
        annotations
            .filter_map(|annotation| {
                let value = header_value(annotation.argument(arguments).ok()??)?;
                Some((&*annotation.header, value))
            })
            .collect()
    }

    fn annotations(&self, tool: &str) -> &[Annotation] {
        self.annotated.get(tool).map_or(&[], |annotations| annotations)
    }
}

/// Readers would disagree about which of several values counts.
struct Ambiguous;

impl Annotation {
    /// The raw argument, unless it is absent or null.
    fn argument<'a>(&self, arguments: Option<&'a [u8]>) -> Result<Option<&'a [u8]>, Ambiguous> {
        let Some(mut raw) = arguments else { return Ok(None) };
        for key in &*self.path {
            if !raw.starts_with(b"{") {
                return Ok(None);
            }
            let mut found = None;
            for member in members(raw).unwrap_or_default() {
                if member.is(key, raw) && found.replace(member.value.of(raw)).is_some() {
                    return Err(Ambiguous);
                }
            }
            match found {
                Some(value) => raw = value,
                None => return Ok(None),
            }
        }
        Ok(Some(raw).filter(|raw| *raw != b"null"))
    }
}

/// Whether a header says what a raw argument says.
fn equal(argument: &[u8], value: &str) -> bool {
    match argument.first() {
        Some(b'"') => text::string_value(argument).is_some_and(|argument| argument == value),
        Some(b't' | b'f') => argument == value.as_bytes(),
        Some(b'-' | b'0'..=b'9') => match (integer(argument), integer(value.as_bytes())) {
            (Some(argument), Some(value)) => argument == value,
            _ => argument == value.as_bytes(),
        },
        _ => false,
    }
}

/// A raw argument as a header value; nothing for arrays and objects, which no annotation allows.
fn header_value(argument: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(argument).ok()?;
    match argument.first()? {
        b'"' => Some(sentinel::encode(&text::string_value(argument)?).into_owned()),
        b't' | b'f' => Some(text.to_owned()),
        b'-' | b'0'..=b'9' => Some(match integer(argument) {
            Some((negative, magnitude)) => format!("{}{magnitude}", if negative { "-" } else { "" }),
            None => text.to_owned(),
        }),
        _ => None,
    }
}

/// Whether an integer is negative, and its magnitude, if that is small enough to be compared as a number.
fn integer(raw: &[u8]) -> Option<(bool, u64)> {
    let (negative, digits) = match raw.strip_prefix(b"-") {
        Some(digits) => (true, digits),
        None => (false, raw),
    };
    text::integer_value(digits).map(|magnitude| (negative && magnitude != 0, magnitude))
}

fn mismatch(header: &str, what: &str) -> Rejection {
    Rejection::header_mismatch(format!("the {header} header {what}"))
}

#[cfg(test)]
mod tests;
