//! Content digests: what a registry says must be what it sends.

use std::fmt;

use sha2::{Digest as _, Sha256, Sha384, Sha512};

/// A digest whose form has been checked, fit for a URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Digest(String);

impl Digest {
    /// Reads `algorithm:hex`, of an algorithm that is known here.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (algorithm, hex) = text.split_once(':')?;
        let length = match algorithm {
            "sha256" => 64,
            "sha384" => 96,
            "sha512" => 128,
            _ => return None,
        };
        (hex.len() == length && hex.bytes().all(|b| b.is_ascii_hexdigit())).then(|| Self(text.to_owned()))
    }

    /// The digest of a content.
    pub(super) fn of(content: &[u8]) -> Self {
        Self(format!("sha256:{}", hex(&Sha256::digest(content))))
    }

    /// Whether the content has this digest.
    pub(super) fn matches(&self, content: &[u8]) -> bool {
        let (algorithm, expected) = self.0.split_once(':').unwrap_or_default();
        let actual = match algorithm {
            "sha384" => hex(&Sha384::digest(content)),
            "sha512" => hex(&Sha512::digest(content)),
            _ => hex(&Sha256::digest(content)),
        };
        actual.eq_ignore_ascii_case(expected)
    }

    /// As it is written.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_matches_its_content_alone() {
        let empty = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(Digest::of(b"").as_str(), empty);
        let sha512 = format!("sha512:{}", hex(&Sha512::digest(b"nectar")));
        for (digest, content) in [(empty, &b""[..]), (sha512.as_str(), b"nectar")] {
            let digest = Digest::parse(digest).unwrap();
            assert!(digest.matches(content));
            assert!(!digest.matches(b"pollen"));
        }
    }

    #[test]
    fn what_is_no_digest_never_reaches_a_url() {
        let traversal = format!("sha256:../../{}", "a".repeat(58));
        for text in ["", "sha256:", "sha256:abcd", "md5:d41d8cd98f00b204e9800998ecf8427e", &traversal] {
            assert_eq!(Digest::parse(text), None, "{text}");
        }
    }
}
