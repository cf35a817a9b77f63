//! Who asks, and what is asked, each as 32 bytes that can be compared and kept.

use std::fmt;

use sha2::{Digest as _, Sha256};

use crate::jsonrpc::{Member, members, text};

/// Whose request it is, without the secret that proves it.
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub struct Principal([u8; 32]);

impl Principal {
    /// Who sends no credentials.
    pub const ANONYMOUS: Self = Self([0; 32]);

    /// The principal of an `Authorization` header: the same value is the same principal.
    pub fn of(authorization: Option<&[u8]>) -> Self {
        authorization.map_or(Self::ANONYMOUS, |value| Self(Sha256::digest(value).into()))
    }

    pub(super) fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Says nothing that a weak secret could be found from.
impl fmt::Debug for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if *self == Self::ANONYMOUS { "Principal(anonymous)" } else { "Principal(..)" })
    }
}

/// What a request asks, leaving out what changes when it is tried again: `_meta`, `inputResponses`, `requestState`.
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of a method and its raw `params`, an object. Whitespace between tokens makes no difference; the order
    /// of members and the spelling of values do, as a client repeats what it sent.
    pub fn of(method: &str, params: &[u8]) -> Self {
        let mut hash = Sha256::new();
        part(&mut hash, method.as_bytes());
        match members(params) {
            Ok(members) => members.iter().for_each(|member| add(&mut hash, member, params)),
            // Not JSON, which no request is: all of it counts.
            Err(_) => part(&mut hash, params),
        }
        Self(hash.finalize().into())
    }

    pub(super) fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Adds a member, unless it differs from one round to the next.
fn add(hash: &mut Sha256, member: &Member, params: &[u8]) {
    let key = text::string_value(member.key.of(params)).unwrap_or_default();
    if !matches!(&*key, "_meta" | "inputResponses" | "requestState") {
        part(hash, key.as_bytes());
        text::compact(member.value.of(params), |piece| hash.update(piece));
        // No JSON has this byte: it ends the value.
        hash.update([0]);
    }
}

/// Adds bytes so that nothing else adds the same.
fn part(hash: &mut Sha256, bytes: &[u8]) {
    hash.update((bytes.len() as u64).to_be_bytes());
    hash.update(bytes);
}

/// Says nothing that short arguments could be found from.
impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digest(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_retry_has_the_digest_of_the_first_try() {
        let first = Digest::of("tools/call", br#"{"name":"ask","arguments":{"a":"x y"},"_meta":{"n":1}}"#);
        for retry in [
            r#"{"name":"ask","arguments":{"a":"x y"}}"#,
            r#"{"name":"ask","arguments":{"a":"x y"},"_meta":{"n":2}}"#,
            r#"{"requestState":"s","name":"ask","inputResponses":{"k":{}},"arguments":{"a":"x y"}}"#,
            " { \"name\" :\"ask\" , \"arguments\":\t{ \"a\" : \"x y\" }, \"requestState\":1}  ",
            r#"{"n\u0061me":"ask","arguments":{"a":"x y"}}"#,
        ] {
            assert_eq!(Digest::of("tools/call", retry.as_bytes()), first, "{retry}");
        }
    }

    #[test]
    fn another_request_has_another_digest() {
        let asked = r#"{"name":"ask","arguments":{"a":[1,2],"b":"x"}}"#;
        let digest = Digest::of("tools/call", asked.as_bytes());
        assert_ne!(Digest::of("prompts/get", asked.as_bytes()), digest);
        for other in [
            r#"{"name":"ask","arguments":{"a":[12],"b":"x"}}"#,
            r#"{"name":"ask","arguments":{"a":[1,2],"b":"x "}}"#,
            r#"{"name":"asks","arguments":{"a":[1,2],"b":"x"}}"#,
            r#"{"name":"ask","arguments":{"a":[1,2],"b":"x","_meta":1}}"#,
            r#"{"name":"ask"}"#,
            r#"{"name":"ask","arguments":{"a":[1,2],"b":"x"},"more":null}"#,
            r#"{}"#,
            "",
        ] {
            assert_ne!(Digest::of("tools/call", other.as_bytes()), digest, "{other}");
        }
        assert_ne!(Digest::of("m", br#"{"ab":"c"}"#), Digest::of("m", br#"{"a":"bc"}"#));
        assert_ne!(Digest::of("m", b"{\"a\":1"), Digest::of("m", b"{\"a\":1}"));
        assert_ne!(Digest::of("m", b"[1]"), Digest::of("m", b"[2]"));
    }

    #[test]
    fn principals_are_who_sends_the_same_credentials() {
        let alice = Principal::of(Some(b"Bearer alice"));
        assert_eq!(alice, Principal::of(Some(b"Bearer alice")));
        assert_ne!(alice, Principal::of(Some(b"Bearer bob")));
        assert_eq!(Principal::of(None), Principal::ANONYMOUS);
        assert_ne!(Principal::of(Some(b"")), Principal::ANONYMOUS);
        assert_eq!(format!("{alice:?} {:?}", Principal::ANONYMOUS), "Principal(..) Principal(anonymous)");
    }
}
