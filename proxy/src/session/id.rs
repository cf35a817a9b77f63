//! Session ids: minted and read here alone.

use std::fmt;

/// A session's name: 128 random bits, so not to be guessed; on the wire hexadecimal, so visible ASCII as the transport
/// demands. It names a session; it authenticates nobody.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) struct SessionId(u128);

impl SessionId {
    /// A fresh id.
    ///
    /// # Errors
    /// The operating system has no random bytes to give.
    pub(crate) fn mint() -> Result<Self, getrandom::Error> {
        let mut bits = [0; 16];
        getrandom::fill(&mut bits)?;
        Ok(Self(u128::from_be_bytes(bits)))
    }

    /// The id as it stands in a header or a query; anything else than what [`SessionId::to_text`] makes names no
    /// session.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text: &[u8; 32] = text.as_bytes().try_into().ok()?;
        let bits = text.iter().try_fold(0, |bits, byte| {
            let digit = match byte {
                b'0'..=b'9' => byte - b'0',
                b'a'..=b'f' => byte - b'a' + 10,
                _ => return None,
            };
            Some(bits << 4 | u128::from(digit))
        })?;
        Some(Self(bits))
    }

    /// As it stands on the wire.
    pub(crate) fn to_text(self) -> String {
        format!("{:032x}", self.0)
    }
}

impl fmt::Display for SessionId {
    /// A prefix, for logs: enough to follow a session, not enough to use it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0 >> 96)
    }
}

#[cfg(test)]
mod tests {
    use super::SessionId;

    #[test]
    fn ids_differ_round_trip_and_are_not_logged_whole() {
        let (a, b) = (SessionId::mint().unwrap(), SessionId::mint().unwrap());
        assert_ne!(a, b);
        assert_eq!(SessionId::parse(&a.to_text()), Some(a));
        assert_eq!(a.to_string(), a.to_text()[..8]);
    }

    #[test]
    fn foreign_spellings_name_no_session() {
        for text in ["", "1", "0123456789ABCDEF0123456789ABCDEF", "../../../../etc/passwd0000000000"] {
            assert_eq!(SessionId::parse(text), None);
        }
    }
}
