//! Any bytes as a conversation: clients, a server, failures and time, in any order.
//!
//! The first byte says how the server is shared, and which of two worlds it is. In the one, all that is said is
//! correct, and each message is followed to its owner (the world of the property tests). In the other, either side
//! says what it likes.
#![no_main]

#[path = "../../protocol/tests/mux_model/mod.rs"]
mod mux_model;
mod wild;

use libfuzzer_sys::fuzz_target;
use mux_model::{Finale, World};
use waggle_protocol::mux::Sharing;

fuzz_target!(|data: &[u8]| {
    let Some((&first, rest)) = data.split_first() else { return };
    let sharing = if first & 1 == 0 { Sharing::Shared } else { Sharing::Exclusive };
    if first & 2 != 0 {
        return wild::run(sharing, rest);
    }
    let mut world = World::new(sharing);
    for step in rest.chunks_exact(3) {
        world.step(step[0], step[1], step[2]);
        world.junk(step);
    }
    world.finish(match first >> 2 & 3 {
        0 => Finale::Answered,
        1 => Finale::Died,
        2 => Finale::TimedOut,
        _ => Finale::Left,
    });
});
