//! Session ids: minted and read here alone.

use std::{
    fmt,
    hash::{BuildHasherDefault, Hash, Hasher},
};

/// A session's name: 128 random bits, so not to be guessed; on the wire hexadecimal, so visible ASCII as the transport
/// demands. It names a session; it authenticates nobody.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
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
    pub(crate) fn parse(text: &[u8]) -> Option<Self> {
        let text: &[u8; 32] = text.try_into().ok()?;
        let (high, low) = text.split_at(16);
        Some(Self(u128::from(hexadecimal(high)?) << 64 | u128::from(hexadecimal(low)?)))
    }

    /// As it stands on the wire.
    pub(crate) fn to_text(self) -> String {
        format!("{:032x}", self.0)
    }
}

/// For tables by session: the ids that are in them were minted here, so that their own bits spread them, whatever is
/// looked up by those who guess.
pub(super) type ByRandomBits = BuildHasherDefault<RandomBits>;

#[derive(Debug, Default)]
pub(super) struct RandomBits(u64);

impl Hash for SessionId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.0 as u64);
    }
}

impl Hasher for RandomBits {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.0 = self.0 << 8 ^ u64::from(*byte));
    }

    fn write_u64(&mut self, bits: u64) {
        self.0 = bits;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// What each byte is worth as a lower-case hexadecimal digit; [`NO_DIGIT`] where it is none.
const DIGITS: [u8; 256] = {
    let mut digits = [NO_DIGIT; 256];
    let mut value = 0;
    while value < 16 {
        digits[b"0123456789abcdef"[value as usize] as usize] = value;
        value += 1;
    }
    digits
};
const NO_DIGIT: u8 = 0xf0;

/// Reads up to 16 digits. Every call of a session passes here, so nothing is decided before the end.
fn hexadecimal(text: &[u8]) -> Option<u64> {
    let (value, seen) = text.iter().fold((0, 0), |(value, seen), byte| {
        let digit = DIGITS[usize::from(*byte)];
        (value << 4 | u64::from(digit & 0xf), seen | digit)
    });
    (seen & NO_DIGIT == 0).then_some(value)
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
        assert_eq!(SessionId::parse(a.to_text().as_bytes()), Some(a));
        assert_eq!(a.to_string(), a.to_text()[..8]);
    }

    #[test]
    fn foreign_spellings_name_no_session() {
        for text in ["", "1", "0123456789ABCDEF0123456789ABCDEF", "../../../../etc/passwd0000000000"] {
            assert_eq!(SessionId::parse(text.as_bytes()), None);
        }
        let spelt = [b'7'; 32];
        assert!(SessionId::parse(&spelt).is_some());
        for (position, byte) in (0..32).flat_map(|position| (0..=u8::MAX).map(move |byte| (position, byte))) {
            let mut text = spelt;
            text[position] = byte;
            let known = byte.is_ascii_digit() || matches!(byte, b'a'..=b'f');
            assert_eq!(SessionId::parse(&text).is_some(), known, "{byte:#x} at {position}");
        }
    }
}
