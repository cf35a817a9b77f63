//! Everything that can be wrong with one message before a server sees it.

use std::borrow::Cow;

use super::{
    header,
    method::{MethodClass, name_field},
    rejection::Rejection,
    sentinel,
};
use crate::{
    jsonrpc::{Envelope, Field, Kind, Span, text},
    mux::Level,
    version::MODERN,
};

/// A request that is well formed, and whose headers say what its body says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Request<'a> {
    /// The method.
    pub method: Cow<'a, str>,
    /// [`MethodClass::Known`] or [`MethodClass::Unknown`]: removed methods are rejected.
    pub class: MethodClass,
    /// The revision, which is served.
    pub version: &'static str,
    /// Where the client's capabilities are, a raw JSON object.
    pub capabilities: Span,
    /// What the client wants logged for this request; nothing where it does not say.
    pub log_level: Option<Level>,
    /// The tool or prompt, the resource or the task that the request is about; what `Mcp-Name` says.
    pub name: Option<Cow<'a, str>>,
}

/// Checks a request. `header` reads a header by its name in lower case; see the [module](super) about repeated ones.
///
/// The first reason in this order counts: the kind, the metadata, the version header, the version, the method, its
/// parameters, the headers that repeat them. What headers say about arguments of tools is checked apart from this, as it
/// needs the tools.
///
/// # Errors
///
/// The status and the error that the transport demands for what is wrong.
pub fn check<'a, 'h>(
    message: &'a [u8],
    envelope: &Envelope,
    header: impl Fn(&str) -> Option<&'h str>,
) -> Result<Request<'a>, Rejection> {
    if envelope.kind() != Kind::Request {
        return Err(Rejection::invalid_request("clients send requests and notifications only"));
    }
    let body = Body { message, envelope };
    let version = body.meta_version()?;
    let capabilities = body.capabilities()?;
    let log_level = body.log_level()?;
    body.progress_token()?;
    let version = check_version(&version, header(header::PROTOCOL_VERSION))?;

    let method = envelope.method(message);
    let class = MethodClass::of(&method);
    if class == MethodClass::Removed {
        return Err(Rejection::method_not_found(&method));
    }
    let name = body.params(&method)?;

    check_method(&method, header(header::METHOD))?;
    if let Some(name) = &name {
        check_name(name, header(header::NAME))?;
    }
    Ok(Request { method, class, version, capabilities, log_level, name })
}

/// Checks a notification. What it repeats of its headers must be equal, as for a request; metadata it need not have.
///
/// Yields the class of its method. Either way the answer is 202. One that is [`MethodClass::Known`] ends here: this
/// revision has none over HTTP, and the ids in it mean nothing to a server. One that is not is a vendor's.
///
/// # Errors
///
/// See [`check`].
pub fn check_notification<'h>(
    message: &[u8],
    envelope: &Envelope,
    header: impl Fn(&str) -> Option<&'h str>,
) -> Result<MethodClass, Rejection> {
    if envelope.kind() != Kind::Notification {
        return Err(Rejection::invalid_request("clients send requests and notifications only"));
    }
    let body = Body { message, envelope };
    let sent = header(header::PROTOCOL_VERSION);
    match envelope.span(Field::MetaVersion) {
        Some(_) => check_version(&body.meta_version()?, sent)?,
        None => check_version(sent.unwrap_or_default(), sent)?,
    };
    let method = envelope.method(message);
    let class = MethodClass::of_notification(&method);
    if class == MethodClass::Removed {
        return Err(Rejection::method_not_found(&method));
    }
    if let sent @ Some(_) = header(header::METHOD) {
        check_method(&method, sent)?;
    }
    Ok(class)
}

/// The header must be there and say what the body says; then the version must be the one that is served.
fn check_version(version: &str, sent: Option<&str>) -> Result<&'static str, Rejection> {
    match sent {
        None => Err(Rejection::header_mismatch("the MCP-Protocol-Version header is missing or malformed")),
        Some(sent) if sent != version => Err(Rejection::header_mismatch(
            "the MCP-Protocol-Version header differs from the version in _meta",
        )),
        Some(MODERN) => Ok(MODERN),
        Some(_) => Err(Rejection::unsupported_version(version)),
    }
}

fn check_method(method: &str, sent: Option<&str>) -> Result<(), Rejection> {
    match sent {
        None => Err(Rejection::header_mismatch("the Mcp-Method header is missing or malformed")),
        Some(sent) if sent != method => {
            Err(Rejection::header_mismatch("the Mcp-Method header differs from the method in the body"))
        }
        Some(_) => Ok(()),
    }
}

fn check_name(name: &str, sent: Option<&str>) -> Result<(), Rejection> {
    match sent.map(sentinel::decode) {
        None | Some(None) => Err(Rejection::header_mismatch("the Mcp-Name header is missing or malformed")),
        Some(Some(sent)) if sent != name => {
            Err(Rejection::header_mismatch("the Mcp-Name header differs from the name in the body"))
        }
        Some(Some(_)) => Ok(()),
    }
}

/// A message and where its members are.
struct Body<'a, 'e> {
    message: &'a [u8],
    envelope: &'e Envelope,
}

impl<'a> Body<'a, '_> {
    fn raw(&self, field: Field) -> Option<&'a [u8]> {
        self.envelope.span(field).map(|span| span.of(self.message))
    }

    /// The text of a member. `Some(None)` if it is there and not a string.
    fn text(&self, field: Field) -> Option<Option<Cow<'a, str>>> {
        self.raw(field).map(text::string_value)
    }

    fn meta_version(&self) -> Result<Cow<'a, str>, Rejection> {
        self.text(Field::MetaVersion).flatten().ok_or_else(|| needed(Field::MetaVersion, "a string"))
    }

    fn capabilities(&self) -> Result<Span, Rejection> {
        let object = |span: &Span| span.of(self.message).starts_with(b"{");
        let span = self.envelope.span(Field::MetaCapabilities).filter(object);
        span.ok_or_else(|| needed(Field::MetaCapabilities, "an object"))
    }

    fn log_level(&self) -> Result<Option<Level>, Rejection> {
        let Some(level) = self.text(Field::MetaLogLevel) else { return Ok(None) };
        match level.as_deref().and_then(Level::parse) {
            None => Err(malformed(Field::MetaLogLevel, "a syslog level, as \"info\"")),
            level => Ok(level),
        }
    }

    fn progress_token(&self) -> Result<(), Rejection> {
        match self.raw(Field::ProgressToken) {
            Some(raw) if !raw.starts_with(b"\"") && !is_integer(raw) => {
                Err(malformed(Field::ProgressToken, "a string or an integer"))
            }
            _ => Ok(()),
        }
    }

    /// Checks what the known methods cannot do without. Yields what the request is about.
    fn params(&self, method: &str) -> Result<Option<Cow<'a, str>>, Rejection> {
        if method == "subscriptions/listen" {
            self.object(Field::ParamsNotifications, true)?;
        }
        let Some(field) = name_field(method) else { return Ok(None) };
        let name = self.text(field).flatten().ok_or_else(|| needed(field, "a string"))?;
        self.object(Field::ParamsArguments, false)?;
        self.object(Field::ParamsInputResponses, false)?;
        match self.text(Field::ParamsRequestState) {
            Some(None) => Err(malformed(Field::ParamsRequestState, "a string")),
            _ => Ok(Some(name)),
        }
    }

    /// Some clients write `null` for what they leave out.
    fn object(&self, field: Field, required: bool) -> Result<(), Rejection> {
        match self.raw(field) {
            Some([b'{', ..]) => Ok(()),
            None | Some(b"null") if !required => Ok(()),
            _ if required => Err(needed(field, "an object")),
            _ => Err(malformed(field, "an object")),
        }
    }
}

fn is_integer(raw: &[u8]) -> bool {
    text::integer_value(raw.strip_prefix(b"-").unwrap_or(raw)).is_some()
}

fn needed(field: Field, what: &str) -> Rejection {
    Rejection::invalid_params(format!("{} is required and must be {what}", place(field)))
}

fn malformed(field: Field, what: &str) -> Rejection {
    Rejection::invalid_params(format!("{} must be {what}", place(field)))
}

/// `params._meta["io.modelcontextprotocol/logLevel"]`
fn place(field: Field) -> String {
    let mut place = String::new();
    for key in field.path() {
        match key {
            key if key.contains('/') => place.push_str(&format!("[{key:?}]")),
            key if place.is_empty() => place.push_str(key),
            key => place.extend([".", key]),
        }
    }
    place
}

#[cfg(test)]
mod tests;
