//! Any bytes as a conversation with a server of 2026-07-28: clients of both eras, the server, failures and time, in
//! any order.
//!
//! The first byte says which of two worlds it is. In the one, all that is said is correct, and each message is
//! followed to its owner (the world of the property tests). In the other, either side says what it likes.
#![no_main]

#[path = "../../protocol/tests/modern_model/mod.rs"]
mod modern_model;
mod wild;

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use modern_model::World;
use waggle_protocol::mux::{ModernMux, Sharing};

fuzz_target!(|data: &[u8]| {
    let Some((&first, rest)) = data.split_first() else { return };
    if first & 2 != 0 {
        let identity = Bytes::from_static(br#"{"name":"fuzz"}"#);
        return wild::run(wild::Mux::Modern(ModernMux::new(wild::LIMITS, identity)), Sharing::Shared, rest);
    }
    let mut world = World::new();
    for step in rest.chunks_exact(3) {
        world.step(step[0], step[1], step[2]);
    }
    world.finish(first & 1 != 0);
});
