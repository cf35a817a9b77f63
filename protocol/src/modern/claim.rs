//! The era of a POSTed body, where one URL serves both.

use super::rejection::Rejection;
use crate::{
    jsonrpc::{Envelope, Field, Kind},
    version::MODERN,
};

/// The era that a message claims to be of.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Claim {
    /// Up to 2025-11-25: the message needs a session, or opens one.
    Legacy,
    /// 2026-07-28 or later: `_meta` names a version, be it one that nobody knows.
    Modern,
    /// Only the version header is modern. Served as [`Claim::Modern`], for which the metadata is missing; unless the
    /// message names a session that is known, as then it is a legacy one with a wrong header.
    ModernWithoutMeta,
}

/// The era of one message. `version_header` is the value of `MCP-Protocol-Version`.
///
/// `initialize` opens a legacy session unless its metadata claims otherwise, whatever the header says: clients that
/// fall back may go on sending it.
pub fn claim(message: &[u8], envelope: &Envelope, version_header: Option<&str>) -> Claim {
    match envelope.kind() {
        // Only servers of the legacy era ask.
        Kind::Response | Kind::Error => Claim::Legacy,
        Kind::Request | Kind::Notification if envelope.span(Field::MetaVersion).is_some() => Claim::Modern,
        Kind::Request | Kind::Notification if !version_header.is_some_and(is_modern) => Claim::Legacy,
        Kind::Request if envelope.is_method(message, "initialize") => Claim::Legacy,
        Kind::Request | Kind::Notification => Claim::ModernWithoutMeta,
    }
}

/// Whether a batch may be one: they are of the legacy era.
///
/// # Errors
///
/// 400, -32600 if the header or any of the messages claims the modern era, which has no batches.
pub fn claim_batch<'a>(
    messages: impl IntoIterator<Item = &'a Envelope>,
    version_header: Option<&str>,
) -> Result<(), Rejection> {
    let mut messages = messages.into_iter();
    let modern = version_header.is_some_and(is_modern)
        || messages.any(|envelope| envelope.span(Field::MetaVersion).is_some());
    match modern {
        true => Err(Rejection::invalid_request("2026-07-28 has no batches; send one message per request")),
        false => Ok(()),
    }
}

/// Whether a version is 2026-07-28 or later. Versions are dates, so they sort as text; anything else is no version.
pub fn is_modern(version: &str) -> bool {
    let is_date = || {
        version.bytes().zip(MODERN.bytes()).all(|(byte, model)| match model {
            b'-' => byte == b'-',
            _ => byte.is_ascii_digit(),
        })
    };
    version.len() == MODERN.len() && version >= MODERN && is_date()
}

#[cfg(test)]
mod tests {
    use super::{Claim::*, *};
    use crate::jsonrpc::scan;

    fn message(members: &str) -> String {
        format!(r#"{{"jsonrpc":"2.0",{members}}}"#)
    }

    fn with_version(head: &str, version: &str) -> String {
        message(&format!(
            r#"{head},"params":{{"_meta":{{"io.modelcontextprotocol/protocolVersion":{version}}}}}"#
        ))
    }

    #[test]
    fn the_ladder() {
        let call = r#""id":1,"method":"tools/call""#;
        let initialize = r#""id":1,"method":"initialize""#;
        let notification = r#""method":"notifications/cancelled""#;
        let modern = Some("2026-07-28");
        for (body, header, expected) in [
            (with_version(call, r#""2026-07-28""#), modern, Modern),
            (with_version(call, r#""2026-07-28""#), None, Modern),
            (with_version(call, r#""2026-07-28""#), Some("2025-11-25"), Modern),
            (with_version(call, r#""2099-01-01""#), None, Modern),
            (with_version(call, r#""2025-11-25""#), None, Modern),
            (with_version(call, "7"), None, Modern),
            (with_version(initialize, r#""2026-07-28""#), None, Modern),
            (with_version(notification, r#""2026-07-28""#), None, Modern),
            (message(initialize), None, Legacy),
            (message(initialize), modern, Legacy),
            (message(call), None, Legacy),
            (message(call), Some("2025-11-25"), Legacy),
            (message(call), Some("2026-07-27"), Legacy),
            (message(call), modern, ModernWithoutMeta),
            (message(call), Some("2026-08-01"), ModernWithoutMeta),
            (message(call), Some("2030-01-01"), ModernWithoutMeta),
            (message(call), Some("latest"), Legacy),
            (message(call), Some("2026-07-28-draft"), Legacy),
            (message(call), Some("9999999999"), Legacy),
            (message(call), Some(""), Legacy),
            (message(notification), modern, ModernWithoutMeta),
            (message(notification), None, Legacy),
            (message(r#""id":1,"result":{}"#), modern, Legacy),
            (message(r#""id":1,"error":{}"#), modern, Legacy),
            // A claim counts only where metadata is.
            (
                message(
                    r#""id":1,"method":"m","params":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}"#,
                ),
                None,
                Legacy,
            ),
        ] {
            let envelope = scan(body.as_bytes()).unwrap();
            assert_eq!(claim(body.as_bytes(), &envelope, header), expected, "{body} {header:?}");
        }
    }

    #[test]
    fn a_batch_is_legacy_or_refused() {
        let legacy = scan(message(r#""id":1,"method":"ping""#).as_bytes()).unwrap();
        let modern = scan(with_version(r#""id":2,"method":"ping""#, r#""x""#).as_bytes()).unwrap();
        assert_eq!(claim_batch([&legacy, &legacy], None), Ok(()));
        assert_eq!(claim_batch([&legacy], Some("2025-03-26")), Ok(()));
        for (messages, header) in [(vec![&legacy, &modern], None), (vec![&legacy], Some(MODERN))] {
            let rejection = claim_batch(messages, header).unwrap_err();
            assert_eq!((rejection.status, rejection.error.code), (400, -32600));
        }
    }
}
