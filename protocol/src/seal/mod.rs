//! What a client keeps for us and must not read, change or hand to another: the `requestState` of a call that waits for
//! input (2026-07-28, multi round-trip requests).
//!
//! | value | concern |
//! |---|---|
//! | [`Sealer`] | from a [`State`] to text and back, and to nobody else |
//! | [`State`] | which call waits, for whom, for what request, how long |
//! | [`Principal`], [`Digest`] | whose request it is, and what it asks |
//!
//! Randomness, like time, is an argument: the driver has it from the operating system.

mod digest;
mod state;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chacha20poly1305::{
    XChaCha20Poly1305,
    aead::{Aead, KeyInit, Payload},
};

pub use digest::{Digest, Principal};
pub use state::{Refused, State};

/// The first byte: how the rest is made.
const FORMAT: u8 = 1;
const NODE: usize = 16;
const NONCE: usize = 24;
const TAG: usize = 16;
/// What anybody may read, and nobody change: the format, and the replica that holds the call.
const HEAD: usize = 1 + NODE;
const SEALED: usize = HEAD + NONCE + State::SIZE + TAG;

/// Seals with a key that is this process's own: after a restart the calls are gone, and so is what named them.
pub struct Sealer {
    cipher: XChaCha20Poly1305,
    node: [u8; NODE],
}

/// Why text is no state.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum OpenError {
    /// Another process sealed it, or it was changed to look like that.
    #[error("the requestState belongs to another replica, or to this one before it was restarted")]
    Foreign,
    /// We did not seal this.
    #[error("the requestState was not issued here, or has been changed")]
    Tampered,
}

impl Sealer {
    /// A sealer. `key` and `node` are random and made once per process; `node` may be known.
    pub fn new(key: [u8; 32], node: [u8; NODE]) -> Self {
        Self { cipher: XChaCha20Poly1305::new(&key.into()), node }
    }

    /// The state as text: base64url without padding, always of the same length. `nonce` is random and never used twice;
    /// there are enough that chance sees to that.
    pub fn seal(&self, state: &State, nonce: [u8; NONCE]) -> String {
        let head = self.head();
        let payload = Payload { msg: &state.to_bytes(), aad: &head };
        // A cipher refuses only what is longer than hundreds of gigabytes.
        let sealed = self.cipher.encrypt(&nonce.into(), payload).unwrap_or_default();
        URL_SAFE_NO_PAD.encode([&head[..], &nonce, &sealed].concat())
    }

    /// The state that was sealed, which is still to be [admitted](State::admit).
    ///
    /// # Errors
    ///
    /// The text is not what this sealer made.
    pub fn open(&self, text: &str) -> Result<State, OpenError> {
        let mut buffer = [0; SEALED];
        match URL_SAFE_NO_PAD.decode_slice(text, &mut buffer) {
            Ok(SEALED) => {}
            _ => return Err(OpenError::Tampered),
        }
        let (head, rest) = buffer.split_at(HEAD);
        if head[0] != FORMAT {
            return Err(OpenError::Tampered);
        }
        if head[1..] != self.node {
            return Err(OpenError::Foreign);
        }
        let (nonce, sealed) = rest.split_first_chunk::<NONCE>().ok_or(OpenError::Tampered)?;
        let payload = Payload { msg: sealed, aad: head };
        let opened = self.cipher.decrypt(&(*nonce).into(), payload).map_err(|_| OpenError::Tampered)?;
        State::from_bytes(&opened).ok_or(OpenError::Tampered)
    }

    fn head(&self) -> [u8; HEAD] {
        let mut head = [FORMAT; HEAD];
        head[1..].copy_from_slice(&self.node);
        head
    }
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sealer").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::time::Timestamp;

    fn state() -> State {
        State {
            handle: *b"handle of a call",
            principal: Principal::of(Some(b"Bearer alice")),
            digest: Digest::of("tools/call", br#"{"name":"ask"}"#),
            round: 3,
            expires: Timestamp::new(Duration::new(600, 7)),
        }
    }

    fn sealer() -> Sealer {
        Sealer::new([7; 32], *b"a node's own id.")
    }

    #[test]
    fn what_is_sealed_opens() {
        let sealer = sealer();
        let text = sealer.seal(&state(), [1; 24]);
        assert_eq!(text.len(), (SEALED * 4).div_ceil(3));
        assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'));
        assert_eq!(sealer.open(&text), Ok(state()));
        assert_ne!(sealer.seal(&state(), [2; 24]), text);
    }

    #[test]
    fn nothing_of_the_state_can_be_read() {
        let bytes = URL_SAFE_NO_PAD.decode(sealer().seal(&state(), [1; 24])).unwrap();
        let contains = |part: &[u8]| bytes.windows(part.len()).any(|window| window == part);
        assert!(contains(b"a node's own id."));
        let plain = state().to_bytes();
        assert!(!plain.chunks(8).any(contains));
    }

    #[test]
    fn any_other_character_anywhere_is_noticed() {
        let sealer = sealer();
        let text = sealer.seal(&state(), [1; 24]);
        for at in 0..text.len() {
            for other in ["A", "B", "_", "=", " ", "", "AA"] {
                let changed = [&text[..at], other, &text[at + 1..]].concat();
                assert_eq!(sealer.open(&changed).is_ok(), changed == text, "{changed}");
            }
        }
        for junk in ["", "A", "AQ", &"A".repeat(text.len()), &text.repeat(2), &text[..text.len() - 4], "é"] {
            assert_eq!(sealer.open(junk), Err(OpenError::Tampered));
        }
    }

    #[test]
    fn the_last_character_has_one_spelling() {
        // Bits of it that belong to no byte would make two texts of one state, and a replay look new.
        let text = sealer().seal(&state(), [1; 24]);
        let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let opens = |last: char| sealer().open(&format!("{}{last}", &text[..text.len() - 1])).is_ok();
        assert_eq!(alphabet.chars().filter(|last| opens(*last)).count(), 1);
    }

    #[test]
    fn other_processes_are_told_apart() {
        let text = sealer().seal(&state(), [1; 24]);
        assert_eq!(Sealer::new([7; 32], [0; 16]).open(&text), Err(OpenError::Foreign));
        assert_eq!(Sealer::new([8; 32], *b"a node's own id.").open(&text), Err(OpenError::Tampered));
    }

    #[test]
    fn keys_are_not_logged() {
        assert_eq!(format!("{:?}", sealer()), "Sealer { .. }");
    }
}
