//! Session ids: minted and read here alone.

use std::fmt;

/// A session's name on the wire: 128 random bits in hexadecimal, so visible ASCII as the transport
/// demands, and not to be guessed. It names a session; it authenticates nobody.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) struct SessionId(Box<str>);

impl SessionId {
    /// A fresh id.
    ///
    /// # Errors
    /// The operating system has no random bytes to give.
    pub(crate) fn mint() -> Result<Self, getrandom::Error> {
        let mut bits = [0; 16];
        getrandom::fill(&mut bits)?;
        Ok(Self(format!("{:032x}", u128::from_be_bytes(bits)).into()))
    }

    /// The id as it stands in a header or a query; anything else than what [`SessionId::mint`] makes names
    /// no session.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let minted = text.len() == 32 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        minted.then(|| Self(text.into()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SessionId {
    /// A prefix, for logs: enough to follow a session, not enough to use it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0[..8])
    }
}

#[cfg(test)]
mod tests {
    use super::SessionId;

    #[test]
    fn ids_differ_round_trip_and_are_not_logged_whole() {
        let (a, b) = (SessionId::mint().unwrap(), SessionId::mint().unwrap());
        assert_ne!(a, b);
        assert_eq!(SessionId::parse(a.as_str()), Some(a.clone()));
        assert_eq!(a.to_string().len(), 8);
    }

    #[test]
    fn foreign_spellings_name_no_session() {
        for text in ["", "1", "0123456789ABCDEF0123456789ABCDEF", "../../../../etc/passwd0000000000"] {
            assert_eq!(SessionId::parse(text), None);
        }
    }
}
