//! Sealed state: text that we did not seal does not open, nor does what we did once a character differs.
#![no_main]

use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use waggle_protocol::seal::{Digest, Principal, Sealer, State};
use waggle_protocol::time::Timestamp;

// The first byte says what to do: open the rest as it is, or seal it and change the text.
fuzz_target!(|data: &[u8]| {
    let sealer = Sealer::new([7; 32], *b"sixteen letters.");
    let Some((what, rest)) = data.split_first() else { return };
    if what & 1 == 0 {
        let text = String::from_utf8_lossy(rest);
        assert!(sealer.open(&text).is_err(), "{text} was never sealed");
        return;
    }
    let state = State {
        handle: [*what; 16],
        principal: Principal::of(rest.get(..8)),
        digest: Digest::of("tools/call", rest),
        round: u32::from(*what),
        expires: Timestamp::new(Duration::from_nanos(rest.len() as u64)),
    };
    let sealed = sealer.seal(&state, [*what; 24]);
    let mut text = sealed.clone().into_bytes();
    for change in rest.chunks_exact(3) {
        let at = usize::from(u16::from_be_bytes([change[0] & 1, change[1]])) % text.len().max(1);
        match change[0] >> 6 {
            0 => text.insert(at, change[2]),
            1 if !text.is_empty() => drop(text.remove(at)),
            2 => text.truncate(at),
            _ if !text.is_empty() => text[at] = change[2],
            _ => {}
        }
    }
    let text = String::from_utf8_lossy(&text);
    match sealer.open(&text) {
        Ok(opened) => assert_eq!((opened, &*text), (state, &*sealed)),
        Err(_) => assert_ne!(text, sealed),
    }
});
