//! What a call that waits is known by.

use std::time::Duration;

use ctutils::CtEq;

use super::digest::{Digest, Principal};
use crate::time::Timestamp;

/// A call that waits for its client's input, as the client will name it when it tries again.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct State {
    /// Which call: random, so that it is not guessed even by who could seal.
    pub handle: [u8; 16],
    /// Whose it is.
    pub principal: Principal,
    /// What was asked at first: the same is to be asked again.
    pub digest: Digest,
    /// How many times input has been asked for: each round counts once.
    pub round: u32,
    /// When the call is given up. Precise to the nanosecond for six centuries after the epoch.
    pub expires: Timestamp,
}

/// Why a state that is ours does not fit the request it came with. To the client all of them are -32602.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Refused {
    /// Somebody else's call.
    #[error("the requestState was issued to another client")]
    Principal,
    /// Another method or other parameters.
    #[error("the requestState was issued for another request")]
    Request,
    /// Too late.
    #[error("the requestState has expired")]
    Expired,
}

impl State {
    /// How many bytes a state takes.
    pub(super) const SIZE: usize = 16 + 32 + 32 + 4 + 8;

    /// Whether the state may be used by `principal` for the request of `digest` at the time `now`. How long a refusal
    /// takes does not tell how much of either is right.
    ///
    /// # Errors
    ///
    /// The first reason why not.
    pub fn admit(&self, principal: &Principal, digest: &Digest, now: Timestamp) -> Result<(), Refused> {
        if !bool::from(self.principal.as_bytes().ct_eq(principal.as_bytes())) {
            Err(Refused::Principal)
        } else if !bool::from(self.digest.as_bytes().ct_eq(digest.as_bytes())) {
            Err(Refused::Request)
        } else if self.expires <= now {
            Err(Refused::Expired)
        } else {
            Ok(())
        }
    }

    pub(super) fn to_bytes(&self) -> [u8; Self::SIZE] {
        let expires = u64::try_from(self.expires.since_epoch().as_nanos()).unwrap_or(u64::MAX);
        let mut bytes = [0; Self::SIZE];
        let mut rest = &mut bytes[..];
        for part in [
            &self.handle[..],
            self.principal.as_bytes(),
            self.digest.as_bytes(),
            &self.round.to_be_bytes(),
            &expires.to_be_bytes(),
        ] {
            let (place, after) = rest.split_at_mut(part.len());
            place.copy_from_slice(part);
            rest = after;
        }
        bytes
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (handle, rest) = bytes.split_first_chunk()?;
        let (principal, rest) = rest.split_first_chunk()?;
        let (digest, rest) = rest.split_first_chunk()?;
        let (round, rest) = rest.split_first_chunk()?;
        let (expires, []) = rest.split_first_chunk()? else { return None };
        Some(Self {
            handle: *handle,
            principal: Principal::from_bytes(*principal),
            digest: Digest::from_bytes(*digest),
            round: u32::from_be_bytes(*round),
            expires: Timestamp::new(Duration::from_nanos(u64::from_be_bytes(*expires))),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_admitted_for_its_own_request_in_time() {
        let (alice, bob) = (Principal::of(Some(b"alice")), Principal::of(Some(b"bob")));
        let (asked, other) = (Digest::of("tools/call", b"{}"), Digest::of("prompts/get", b"{}"));
        let at = |seconds| Timestamp::new(Duration::from_secs(seconds));
        let state = State { handle: [1; 16], principal: alice, digest: asked, round: 1, expires: at(10) };
        assert_eq!(state.admit(&alice, &asked, at(9)), Ok(()));
        assert_eq!(state.admit(&alice, &asked, at(10)), Err(Refused::Expired));
        assert_eq!(state.admit(&alice, &other, at(9)), Err(Refused::Request));
        assert_eq!(state.admit(&bob, &asked, at(9)), Err(Refused::Principal));
        assert_eq!(state.admit(&Principal::ANONYMOUS, &other, at(99)), Err(Refused::Principal));
    }

    #[test]
    fn a_time_that_is_out_of_range_is_the_last_one() {
        let state = State {
            handle: [1; 16],
            principal: Principal::ANONYMOUS,
            digest: Digest::of("m", b"{}"),
            round: u32::MAX,
            expires: Timestamp::new(Duration::MAX),
        };
        let back = State::from_bytes(&state.to_bytes()).unwrap();
        assert_eq!(back.expires, Timestamp::new(Duration::from_nanos(u64::MAX)));
        assert_eq!(State { expires: state.expires, ..back }, state);
        assert_eq!(State::from_bytes(&state.to_bytes()[1..]), None);
    }
}
